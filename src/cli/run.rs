//! `privaflow run WORKFLOW --input FILE`: a job, from its first record to its summary.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::failure::INTERRUPTED;
use super::place::{self, Beside, Door, Home};
use super::progress::Bar;
use super::show::{self, Logged};
use super::trial::Trial;
use super::{Common, Failure, setup};
use crate::clock::VirtualClock;
use crate::config::Settings;
use crate::engine::{Patience, Service};
use crate::host::{self, Answer, Command, Host, HostError, InputOrder, Job, Looked, Through, said};
use crate::intake::Input;
use crate::job::WindowId;
use crate::journal::{JobRecord, Store};
use crate::source::{Source, duration};
use crate::workflow::{Known, Workflow};

/// How long `run` stays through a pause when `--wait` does not say.
pub(super) const WAIT: Duration = Duration::from_secs(600);

/// Against the sandbox, people of larger jobs are not looked for again: that takes as long as the job did.
const MOST_LOOKED_FOR: u64 = 10_000;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A workflow file, or the name of a workflow in the settings' folder
    workflow: String,
    /// The requests: NDJSON or CSV, gzip or not; - is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Stay through pauses of up to this long; what pauses longer ends as waiting [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
    /// Against look-alikes of Braze and OneTrust in this process: needs no settings and no key, changes nothing
    #[arg(long)]
    sandbox: bool,
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit: 500ms, 30s, 10m, 2h, 1d".to_owned())
}

/// Carries the job out.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let stop = stop_on_signal();
        if args.sandbox {
            return against_the_sandbox(common, args, stop).await;
        }
        let home = Home::of(&setup::settings(common)?);
        let file = setup::find_workflow(&home.settings, &args.workflow)?;
        let source = setup::read(&file)?;
        let workflow = setup::workflow_for_file(source.clone(), &home.known)?;
        let input = open_input(&workflow, &args.input)?;
        let asked = Asked { source, workflow, input, wait: args.wait.unwrap_or(WAIT) };
        carry_out(common, &home, asked, stop).await
    })
}

/// A job as it was asked for.
pub(super) struct Asked {
    pub source: Source,
    pub workflow: Arc<Workflow>,
    pub input: Input,
    pub wait: Duration,
}

/// Carries the job out here if the store is free, else by the process that owns it; when that goes
/// away before the end, begins again with the same question.
pub(super) async fn carry_out(
    common: &Common,
    home: &Home,
    asked: Asked,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let mut door = Door::of(&home.settings);
    let mut services = None;
    let profiles = home.profiles_of(&asked.workflow);
    loop {
        if let Some(connection) = door.knock().await? {
            let spooled = Spooled::of(&asked.input, &home.settings.store)?;
            let run = host::Run {
                workflow_name: asked.source.name.clone(),
                workflow_text: asked.source.text.clone(),
                input: spooled.order.clone(),
                input_digest: asked.input.digest(),
                wait_ms: millis(asked.wait),
            };
            let bar = Bar::of(asked.input.size_bytes());
            let beside = Beside { home, connection, bar, profiles: profiles.clone() };
            match beside.execute(Command::Run(run), &stop).await? {
                Some(Answer::Job(report)) => return show::report(common, &report, Logged::Elsewhere),
                Some(Answer::Summary(_) | Answer::Result(_)) | None => continue,
            }
        }
        if services.is_none() {
            services = Some(home.clients.services(&asked.workflow).await?);
        }
        let Some(store) = door.take(&stop).await? else { continue };
        let host = home.host(store, stop.clone());
        let (bar, patience) = (Bar::of(asked.input.size_bytes()), Patience::Until(asked.wait));
        let job = Job {
            workflow: asked.workflow,
            input: asked.input,
            services: services.unwrap_or_default(),
            patience,
            virtual_clock: None,
            stop,
            goes_on_with: None,
        };
        let work = async |host: &Host, talk: &host::Talk| host.carry_out(job, talk).await;
        let show = |report| show::report(common, &report, Logged::Here);
        return place::own(host, profiles, bar, work, show).await;
    }
}

async fn against_the_sandbox(
    common: &Common,
    args: &Args,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let mut settings = Settings::default_in(Path::new(""));
    settings.shadow = common.shadow;
    let file = setup::find_workflow(&settings, &args.workflow)?;
    let workflow = setup::workflow_for_file(setup::read(&file)?, &Known::default())?;
    let input = open_input(&workflow, &args.input)?;
    let trial = Trial::start(&workflow, &input).await?;
    let patience = args.wait.map_or(Patience::Endless, Patience::Until);
    let code = in_trial(common, settings, &trial, workflow, input, patience, stop).await;
    trial.stop().await;
    code
}

/// Carries a job out against a sandbox, with a store that is thrown away.
pub(super) async fn in_trial(
    common: &Common,
    settings: Settings,
    trial: &Trial,
    workflow: Arc<Workflow>,
    input: Input,
    patience: Patience,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let home = Home::without(settings);
    let store = Store::temporary().map_err(Failure::wrong)?;
    let failures = std::env::temp_dir().join(format!("privaflow-sandbox-{}", std::process::id()));
    let host = home.host_with(store, failures, stop.clone());
    let bar = Bar::of(input.size_bytes());
    let (services, clock) = (trial.services()?, trial.clock());
    let (of_looks, stop_looks) = (services.clone(), stop.clone());
    let virtual_clock = Some(Arc::clone(&clock));
    let job = Job { workflow, input, services, patience, virtual_clock, stop, goes_on_with: None };
    let work = async |host: &Host, talk: &host::Talk| {
        let report = host.carry_out(job, talk).await?;
        if report.summary.requests <= MOST_LOOKED_FOR {
            look_again(host, &of_looks, &clock, &stop_looks, talk).await?;
        }
        Ok(report)
    };
    let show = |report| show::report(common, &report, Logged::Here);
    place::alone(host, Vec::new(), bar, work, show).await
}

/// Moves the time of a sandbox on to each look at the people whom a job erased, and carries it out.
async fn look_again(
    host: &Host,
    services: &[Arc<Service>],
    clock: &Arc<VirtualClock>,
    stop: &CancellationToken,
    talk: &host::Talk,
) -> Result<(), HostError> {
    while let Some(watch) =
        host.store().watches(None)?.into_iter().find(|watch| watch.over_ms.is_none() && !stop.is_cancelled())
    {
        clock.advance_to(watch.due_ms);
        let through = Through::Sandbox(services.to_vec(), Arc::clone(clock));
        let looked = host.look_again(&watch, through, Patience::Endless, stop.clone(), talk).await?;
        talk.say(said(&watch, &looked));
        if let Looked::Open { .. } = looked {
            break;
        }
    }
    Ok(())
}

/// Opens a job's input as its workflow says.
pub(super) fn open_input(workflow: &Workflow, path: &Path) -> Result<Input, Failure> {
    let input = host::open_input(workflow, path, &path.display().to_string())?;
    if let Some(warning) = host::warn_if_empty(&input)? {
        anstream::eprintln!("{warning}");
    }
    Ok(input)
}

/// An input where another process finds it.
pub(super) struct Spooled {
    pub order: InputOrder,
    /// Removed when this is dropped, if the other process has not.
    _file: Option<tempfile::NamedTempFile>,
}

impl Spooled {
    /// What came by standard input is written into a private file in the store, locked while we need it.
    fn of(input: &Input, store: &Path) -> Result<Spooled, Failure> {
        let name = input.path().to_owned();
        if name != "-" {
            return Spooled::where_it_is(name);
        }
        let folder = store.canonicalize().map_err(Failure::wrong)?;
        let mut file =
            tempfile::Builder::new().prefix(host::SPOOLED).tempfile_in(folder).map_err(Failure::wrong)?;
        file.as_file().lock().map_err(Failure::wrong)?;
        input.copy_to(&mut file).map_err(Failure::wrong)?;
        let path = file.path().to_owned();
        Ok(Spooled { order: InputOrder { path, name, is_spooled: true }, _file: Some(file) })
    }

    /// The input of a job that began before: where it was, or what was given `again` of standard input.
    pub(super) fn of_job(
        record: &JobRecord,
        again: Option<&Input>,
        store: &Path,
    ) -> Result<Spooled, Failure> {
        if let Some(input) = again {
            return Spooled::of(input, store);
        }
        let name = &record.input_path;
        if name.parse::<WindowId>().is_ok() {
            // What came in is in the store.
            let order = InputOrder { path: name.into(), name: name.clone(), is_spooled: false };
            return Ok(Spooled { order, _file: None });
        }
        let here = Spooled::where_it_is(name.clone())?;
        // Whoever stands in another folder than the job was begun in means the same file.
        match here.order.path.is_file() {
            true => Ok(here),
            false => Spooled::at(record.input_at(), name.clone()),
        }
    }

    fn where_it_is(name: String) -> Result<Spooled, Failure> {
        let path = std::path::absolute(&name).map_err(Failure::wrong)?;
        Spooled::at(path, name)
    }

    fn at(path: PathBuf, name: String) -> Result<Spooled, Failure> {
        Ok(Spooled { order: InputOrder { path, name, is_spooled: false }, _file: None })
    }
}

pub(super) fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// A runtime for a command's asynchronous part.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::wrong)
}

/// The first signal lets what is under way come to its end; the second ends the process. Begins before
/// the input is read, so that a signal never finds nobody listening.
pub(super) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        asked.cancel();
        anstream::eprintln!("stopping: what is under way is written down first; again to stop at once");
        wait_for_signal().await;
        std::process::exit(i32::from(INTERRUPTED));
    });
    stop
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::workflow::{Known, load};

    #[test]
    fn a_table_whose_rows_can_be_no_records_is_refused_before_anything_is_done() {
        let text = "workflow: w\non: { file: {} }\nsteps:\n  - log: hello\n";
        let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
        let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}"));
        let folder = tempfile::tempdir().unwrap();
        let opened = |header: &str| {
            let path = folder.path().join("requests.csv");
            std::fs::write(&path, format!("{header}\nx,y\n")).unwrap();
            open_input(&workflow, &path).map(drop)
        };

        assert!(opened("kind,subject.email").is_ok());
        assert!(matches!(opened("id,subject.email"), Err(failure) if failure.code() == ExitCode::from(2)));
        assert!(opened("kind,kind").is_err());
    }
}
