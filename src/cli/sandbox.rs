//! `privaflow sandbox`: the look-alike of Braze as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Failure, output, run as run_command};
use crate::sandbox::{Limits, Options, Sandbox};

/// What stands under its help.
const PAGES: &str = "\
It takes the API key that it prints, in a profile with `scheme: http`. Its own pages need none:
  GET  /sandbox/profiles[?external_id=|email=]  every profile, one JSON object a line
  POST /sandbox/profiles                        one more profile, by its identifiers
  GET  /sandbox/requests                        how often each path was asked
  POST /sandbox/faults                          go wrong on purpose";

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
#[command(after_help = PAGES)]
pub(super) struct Args {
    /// Address and port to listen on, loopback only; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Everything that looks random follows from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A file with the API key to expect [default: one that follows from the seed]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Answer without rate limits
    #[arg(long)]
    no_limits: bool,
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
        let mut options = Options { seed: args.seed, listen: args.listen, token, ..Options::default() };
        if args.no_limits {
            options.limits = Limits::off();
        }
        let sandbox = Sandbox::start(options).await.map_err(Failure::wrong)?;
        output::text(&format!("listening on {}\n", sandbox.address()))?;
        if args.token_file.is_none() {
            // It opens nothing but this sandbox.
            output::text(&format!("API key: {}\n", sandbox.token()))?;
        }
        tokio::signal::ctrl_c().await.map_err(Failure::wrong)?;
        sandbox.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
