//! `privaflow serve`: the process that stays, until it is stopped.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::failure::{INTERRUPTED, NOT_ALL_WELL};
use super::place::{Door, Home};
use super::trial::Trial;
use super::{Common, Failure, init, output, pauses, run as run_command, setup, store};
use crate::clock::{SharedClock, SystemClock};
use crate::config::Settings;
use crate::host::Host;
use crate::intake::Input;
use crate::journal::{Pauses, Store};
use crate::notify::Notifier;
use crate::server::hooks::Hooks;
use crate::server::{Patience, Served, Server, Shelf, Ways};
use crate::workflow::Workflow;

/// How long the server may take to say that it lives.
const PROBE: Duration = Duration::from_secs(5);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Against look-alikes of Braze and OneTrust in this process: needs no settings and no key, changes nothing
    #[arg(long)]
    sandbox: bool,
    /// Where to listen, instead of where the settings say
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Ask the server that runs with these settings whether it lives, and do nothing else; exit code 1 if not
    #[arg(long, conflicts_with = "sandbox")]
    probe: bool,
}

/// Serves until it is stopped.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    if args.probe {
        let settings = setup::settings(common)?.settings;
        return Ok(probe(args.listen.unwrap_or(settings.listen)));
    }
    run_command::runtime()?.block_on(async {
        let stop = run_command::stop_on_signal();
        if args.sandbox {
            in_the_sandbox(common, args, stop).await
        } else {
            with_settings(common, args, stop).await
        }
    })
}

async fn with_settings(common: &Common, args: &Args, stop: CancellationToken) -> Result<ExitCode, Failure> {
    let home = Home::of(&setup::settings(common)?);
    let mut door = Door::of(&home.settings);
    let taken = loop {
        if let Some(taken) = door.take(&stop).await? {
            break taken;
        }
    };
    store::warn_if_restored(taken.reader())?;
    pauses::warn(&Pauses::of(taken.path()));
    let shelf = Shelf::of_store(&home.settings.workflows, home.known.clone(), taken.reader());
    let shelf = shelf.map_err(Failure::wrong)?;
    let listen = args.listen.unwrap_or(home.settings.listen);
    let host = home.host(taken, stop.clone());
    host.write_owed_certificates().await;
    serve(host, shelf, Ways::Settings, listen, stop).await
}

async fn in_the_sandbox(common: &Common, args: &Args, stop: CancellationToken) -> Result<ExitCode, Failure> {
    let mut settings = Settings::default_in(Path::new(""));
    settings.shadow = common.shadow;
    let shipped = tempfile::tempdir().map_err(Failure::wrong)?;
    let folder = if settings.workflows.is_dir() {
        settings.workflows.clone()
    } else {
        for (name, text) in init::workflows() {
            std::fs::write(shipped.path().join(name), text).map_err(Failure::wrong)?;
        }
        anstream::eprintln!(
            "there is no folder {}: the shipped workflows are served",
            settings.workflows.display()
        );
        shipped.path().to_owned()
    };
    let listen = args.listen.unwrap_or(settings.listen);
    let home = Home::without(settings);
    let shelf = Shelf::of(&folder, home.known.clone());
    let mut trial = Trial::empty().await?;
    trial.play(&shelf.enabled());
    trial.tell(stop.clone());
    let (services, clock, onetrust) = (trial.services()?, trial.clock(), trial.onetrust()?);
    let seed = move |workflow: &Arc<Workflow>, input: &Input| {
        if let Err(error) = trial.seed(workflow, input) {
            tracing::warn!("the sandbox knows nobody of this window: {error}");
        }
    };
    let failures = tempfile::tempdir().map_err(Failure::wrong)?;
    let temporary = Store::temporary().map_err(Failure::wrong)?;
    let host = home.host_with(temporary, failures.path().to_owned(), stop.clone());
    let ways = Ways::Sandbox { services, clock, onetrust, seed: Arc::new(seed) };
    serve(host, shelf, ways, listen, stop).await
}

async fn serve(
    host: Arc<Host>,
    shelf: Shelf,
    ways: Ways,
    listen: SocketAddr,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let settings = host.clients().settings().clone();
    let store = Arc::clone(host.store());
    let mut server = Server::prepare(host, shelf, ways, listen, stop.clone()).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let intake = Arc::new(server.inbox().clone());
    let hooks = Hooks::new(&settings, intake, clock, Patience::default());
    hooks.check().await.map_err(Failure::wrong)?;
    if settings.shadow && !settings.channels.is_empty() {
        anstream::eprintln!("in the shadow nobody is told anything by the channels of the settings");
    } else if !settings.channels.is_empty() {
        let notifier = Notifier::start(&settings.channels, store, Arc::new(SystemClock), stop).await;
        server = server.telling(Arc::new(notifier.map_err(Failure::wrong)?));
    }
    let address = server.address().map_err(Failure::wrong)?;
    anstream::eprintln!("listening on http://{address}; SIGTERM or Ctrl-C stops it in order");
    let Served { open, jobs, unreadable, queued } = server.run(hooks.router()).await?;
    if open == 0 && jobs == 0 && queued == 0 {
        anstream::eprintln!("stopped; everything that was taken is over");
        return Ok(ExitCode::SUCCESS);
    }
    let parts = [(queued, "request"), (open, "window"), (jobs, "job")].into_iter();
    let parts = parts.filter(|(count, _)| *count > 0).map(|(count, what)| output::counted(count, what));
    let left = parts.collect::<Vec<_>>().join(", ");
    let by_hand = match unreadable {
        0 => String::new(),
        _ => format!(
            ", but with {}, whose standard input must be given once more (`privaflow jobs list`)",
            output::counted(unreadable, "job")
        ),
    };
    anstream::eprintln!("stopped; not over: {left}; the next `serve` goes on{by_hand}");
    Ok(ExitCode::from(INTERRUPTED))
}

/// Asks `/healthz`.
fn probe(listen: SocketAddr) -> ExitCode {
    match ask(listen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            anstream::eprintln!("{listen} answers, and not as a server of ours does");
            ExitCode::from(NOT_ALL_WELL)
        }
        Err(error) => {
            anstream::eprintln!("nobody answers at {listen}: {error}");
            ExitCode::from(NOT_ALL_WELL)
        }
    }
}

fn ask(mut listen: SocketAddr) -> std::io::Result<bool> {
    // Who listens everywhere is asked here.
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    let mut stream = TcpStream::connect_timeout(&listen, PROBE)?;
    stream.set_read_timeout(Some(PROBE))?;
    stream.set_write_timeout(Some(PROBE))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: {listen}\r\nconnection: close\r\n\r\n")?;
    let mut start = Vec::new();
    stream.take(15).read_to_end(&mut start)?;
    Ok(start.starts_with(b"HTTP/1.1 200"))
}
