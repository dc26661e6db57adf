//! `privaflow sandbox`: the look-alikes of Braze and OneTrust as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Failure, output, run as run_command};
use crate::sandbox::{Limits, Options, Scene, Story, onetrust};

/// What stands under its help.
const PAGES: &str = "\
Profiles with `scheme: http` take what it prints: the API key for Braze, the client or the key for
OneTrust. Its own pages need neither. On Braze's address:
  GET  /sandbox/profiles[?external_id=|email=]  every profile, one JSON object a line
  POST /sandbox/profiles                        one more profile, by its identifiers
  GET  /sandbox/requests                        how often each path was asked
  POST /sandbox/faults                          go wrong on purpose
On OneTrust's address:
  GET  /sandbox/onetrust/requests        every request with its subtasks, one JSON object a line
  POST /sandbox/onetrust/requests        one more request; {} is an open erasure of somebody made up
  GET  /sandbox/onetrust/consents        every person with what they said last
  POST /sandbox/onetrust/consents        somebody says something about a purpose
  POST /sandbox/onetrust/staff           a user comes, leaves, or may do something else
  GET  /sandbox/onetrust/changes         everything that was changed, in order
  GET  /sandbox/onetrust/calls           how often each operation was called
  POST /sandbox/onetrust/faults          go wrong on purpose
  POST /sandbox/onetrust/manner          the other envelope, other bodies of errors
  POST /sandbox/onetrust/tokens/revoke   refuse every token given so far";

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
#[command(after_help = PAGES)]
pub(super) struct Args {
    /// Address and port for Braze, loopback only; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The same for OneTrust
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    onetrust_listen: SocketAddr,
    /// Everything that looks random follows from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A file with the API key to expect [default: one that follows from the seed]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Answer without rate limits
    #[arg(long)]
    no_limits: bool,
    /// Make up people with requests and consents, and more of them this often [default: nobody]
    #[arg(long, value_name = "DURATION", value_parser = run_command::parse_duration)]
    people_every: Option<Duration>,
    /// How many users the tenant of OneTrust has
    #[arg(long, default_value_t = 300, value_name = "COUNT")]
    staff: usize,
}

/// Serves until it is interrupted.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let token = match &args.token_file {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|error| {
                    Failure::Usage(format!("cannot read {}: {}", path.display(), super::setup::said(&error)))
                })?
                .trim()
                .to_owned(),
        ),
        None => None,
    };
    run_command::runtime()?.block_on(async {
        let mut braze = Options { seed: args.seed, listen: args.listen, token, ..Options::default() };
        let mut onetrust = onetrust::Options {
            seed: args.seed,
            listen: args.onetrust_listen,
            staff: args.staff,
            ..onetrust::Options::default()
        };
        if args.no_limits {
            braze.limits = Limits::off();
            onetrust.limits = onetrust::Limits::off();
        }
        let mut scene = Scene::start(braze, onetrust).await.map_err(Failure::wrong)?;
        if let Some(every) = args.people_every {
            scene.play(Story { every, ..Story::default() });
        }
        output::text(&format!("listening on {}\n", scene.braze().address()))?;
        // What opens the sandbox opens nothing else.
        if args.token_file.is_none() {
            output::text(&format!("API key: {}\n", scene.braze().token()))?;
        }
        let (id, secret) = scene.onetrust().credential();
        output::text(&format!("OneTrust listening on {}\n", scene.onetrust().address()))?;
        output::text(&format!("OneTrust client id: {id}\nOneTrust client secret: {secret}\n"))?;
        output::text(&format!("OneTrust API key: {}\n", scene.onetrust().api_key()))?;
        tokio::signal::ctrl_c().await.map_err(Failure::wrong)?;
        scene.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
