//! `privaflow run WORKFLOW --input FILE`: a job, from its first record to its summary.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::failure::{INTERRUPTED, NOT_ALL_WELL, SERVICE};
use super::output::{self, Format};
use super::trial::Trial;
use super::{Common, Failure, progress, setup, store};
use crate::clock::{Clock, SystemClock};
use crate::engine::{self, Order, Outcome, Patience, Summary};
use crate::intake::{Input, Reading};
use crate::journal::Store;
use crate::source::duration;
use crate::workflow::{FileTrigger, Policies, Workflow};

/// How long `run` stays through a pause when `--wait` does not say.
const WAIT: Duration = Duration::from_secs(600);

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
    /// Against a look-alike of Braze in this process: needs no settings and no key, changes nothing
    #[arg(long)]
    sandbox: bool,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit: 500ms, 30s, 10m, 2h, 1d".to_owned())
}

/// A job that is ready to be carried out.
pub(super) struct Ready {
    pub workflow: Arc<Workflow>,
    pub input: Input,
    pub wait: Option<Duration>,
    pub trial: Option<Trial>,
    pub services: Vec<Arc<engine::Service>>,
    pub retries: Policies,
    pub store: Store,
    pub failures: PathBuf,
    pub stop: CancellationToken,
}

/// Carries the job out.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let stop = stop_on_signal();
        let loaded = if args.sandbox { None } else { Some(setup::settings(common)?) };
        let settings = match &loaded {
            Some(loaded) => loaded.settings.clone(),
            None => crate::config::Settings::default_in(std::path::Path::new("")),
        };
        let known = loaded.as_ref().map(setup::known).unwrap_or_default();
        let file = setup::find_workflow(&settings, &args.workflow)?;
        let workflow = setup::workflow(setup::read(&file)?, &known)?;
        let input = open_input(&workflow, &args.input)?;
        let retries = settings.retries.clone();
        let ready = if args.sandbox {
            let store = Store::temporary().map_err(Failure::wrong)?;
            let trial = Trial::start(&workflow, &input).await?;
            let services = vec![Arc::new(trial.service()?)];
            let failures = std::env::temp_dir().join(format!("privaflow-sandbox-{}", std::process::id()));
            Ready {
                workflow,
                input,
                wait: args.wait,
                trial: Some(trial),
                services,
                retries,
                store,
                failures,
                stop,
            }
        } else {
            let services = setup::services(&settings, &workflow).await?;
            let store = Store::open(&settings.store).map_err(Failure::wrong)?;
            store::warn_if_restored(store.reader())?;
            let failures = settings.store.join("failures");
            Ready { workflow, input, wait: args.wait, trial: None, services, retries, store, failures, stop }
        };
        carry_out(common, ready).await
    })
}

/// Opens a job's input as its workflow says.
pub(super) fn open_input(workflow: &Workflow, path: &std::path::Path) -> Result<Input, Failure> {
    let Some(trigger) = &workflow.on.file else {
        return Err(Failure::Usage(format!(
            "workflow `{}` cannot be run on a file: add `file: {{}}` under its `on`",
            workflow.name
        )));
    };
    let input = Input::open(path, &Reading::of(trigger)).map_err(Failure::wrong)?;
    check_columns(trigger, &input)?;
    let mut records = input.records().map_err(Failure::wrong)?;
    if records.next_chunk(1, 1).map_err(Failure::wrong)?.is_none() {
        anstream::eprintln!(
            "warning: {} is empty: it has no record, and there is nothing to do",
            input.name()
        );
    }
    Ok(input)
}

/// A table without a column that the workflow's map reads, or that no record can do without, is
/// refused before anything is done.
fn check_columns(trigger: &FileTrigger, input: &Input) -> Result<(), Failure> {
    let records = input.records().map_err(Failure::wrong)?;
    let Some(columns) = records.columns() else { return Ok(()) };
    let Some(map) = &trigger.map else { return columns.require_record().map_err(Failure::wrong) };
    let leaves = map.leaves();
    let names = leaves.iter().flat_map(|(_, leaf)| leaf.names());
    let read =
        names.filter(|name| !name.optional && name.segments.first().is_some_and(|first| first == "row"));
    let columns_read: Vec<&str> = read.filter_map(|name| name.segments.get(1)).map(String::as_str).collect();
    columns.require(columns_read).map_err(Failure::wrong)
}

/// A runtime for a command's asynchronous part.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::wrong)
}

/// Drives a job that is ready, shows its progress and its summary.
pub(super) async fn carry_out(common: &Common, ready: Ready) -> Result<ExitCode, Failure> {
    let Ready { workflow, input, wait, trial, services, retries, store, failures, stop } = ready;
    let patience = match (wait, &trial) {
        (None, Some(_)) => Patience::Endless,
        (wait, _) => Patience::Until(wait.unwrap_or(WAIT)),
    };
    let virtual_clock = trial.as_ref().map(Trial::clock);
    let clock: Arc<dyn Clock> = match &virtual_clock {
        Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        None => Arc::new(SystemClock),
    };
    let (progress, bar) = progress::of(&input);
    let order = Order {
        workflow,
        input,
        services,
        retries,
        store: Arc::new(store),
        shared: Arc::default(),
        clock,
        virtual_clock,
        patience,
        stop,
        progress,
        failures,
        sandbox: trial.is_some(),
    };
    let outcome = engine::run(order).await;
    bar.finish();
    let outcome = outcome?;
    if let Some(trial) = trial {
        trial.stop().await;
    }
    show(common, &outcome)?;
    Ok(ExitCode::from(exit_code(&outcome)))
}

fn exit_code(outcome: &Outcome) -> u8 {
    if outcome.interrupted && !outcome.summary.is_all_well() {
        INTERRUPTED
    } else if !outcome.stopped.is_empty() {
        SERVICE
    } else if outcome.summary.is_all_well() {
        0
    } else {
        NOT_ALL_WELL
    }
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

/// Shows what came of a job: talk on standard error, the summary on standard output.
pub(super) fn show(common: &Common, outcome: &Outcome) -> Result<(), Failure> {
    for (member, count) in outcome.warnings.unknown_members() {
        anstream::eprintln!(
            "warning: `{member}` is no member of a record and was ignored (in {})",
            output::counted(count, "record")
        );
    }
    if outcome.warnings.unnamed() > 0 {
        let more = output::counted(outcome.warnings.unnamed(), "unknown member");
        anstream::eprintln!("warning: {more} more, ignored");
    }
    let summary = &outcome.summary;
    if outcome.tolerated > 0 {
        anstream::eprintln!(
            "warning: of {} requests a step failed and was tolerated (`continue_on_error`); --log info names each",
            outcome.tolerated
        );
    }
    for stopped in &outcome.stopped {
        // The log said so at once; it is said again only to those who silenced it.
        if !tracing::enabled!(tracing::Level::ERROR) {
            anstream::eprintln!("error: profile {} is stopped: {}", stopped.profile, stopped.why);
        }
        anstream::eprintln!(
            "what is not finished waits: mend profile {}, then the same command, or `privaflow jobs resume {}`, goes on",
            stopped.profile,
            summary.job
        );
    }
    if let Some(held) = outcome.held {
        say_held(&held, &summary.job);
    }
    if summary.waiting_by.contains_key(crate::job::Pause::NeedsAttention.word()) {
        say_ways(summary);
    }
    if outcome.was_finished {
        anstream::eprintln!("{} was finished before; nothing was sent", summary.job);
    } else if outcome.interrupted && !summary.is_all_well() {
        anstream::eprintln!(
            "interrupted; the same command, or `privaflow jobs resume {}`, goes on",
            summary.job
        );
    }
    show_summary(common, summary)
}

/// Why a guard holds a job, and what a person can do.
pub(super) fn say_held(held: &crate::job::Hold, job: &str) {
    let why = match held.max_change {
        Some(percent) => format!(
            "the file has {}, the last finished job of the workflow had {}, and its guard allows a change of {percent}%",
            output::counted(held.subjects, "request"),
            held.limit
        ),
        None => format!(
            "the workflow would touch more than {} people in a way that cannot be undone, and its guard allows {}",
            held.subjects.saturating_sub(1),
            held.limit
        ),
    };
    anstream::eprintln!(
        "waiting: {why}; nothing was sent\n  look at `privaflow plan`, then `privaflow jobs approve {job}` and `privaflow jobs resume {job}`, or `privaflow jobs cancel {job}`"
    );
}

/// The commands for requests that failed or wait for a person.
pub(super) fn say_ways(summary: &Summary) {
    let job = &summary.job;
    let waiting_for_a_person = summary.waiting_by.get(crate::job::Pause::NeedsAttention.word());
    if let Some(count) = waiting_for_a_person {
        anstream::eprintln!(
            "{} for a person to decide: `privaflow runs list --job {job} --reason needs_attention`, then `privaflow runs show RUN` says what can be done",
            match count {
                1 => "1 request waits".to_owned(),
                count => format!("{count} requests wait"),
            }
        );
    }
    if summary.failed > 0 {
        anstream::eprintln!(
            "what failed: `privaflow runs list --job {job} --state failed`; `privaflow jobs retry {job} --failed` tries it again"
        );
    }
}

/// Shows a job's summary.
pub(super) fn show_summary(common: &Common, summary: &Summary) -> Result<(), Failure> {
    match common.output {
        Format::Json => output::json(summary),
        Format::Text => output::text(&in_words(summary)),
    }
}

fn in_words(summary: &Summary) -> String {
    let reasons = |reasons: &std::collections::BTreeMap<String, u64>| {
        let list: Vec<_> =
            reasons.iter().map(|(reason, count)| format!("{} {count}", output::plain(reason))).collect();
        list.join(", ")
    };
    let proof = format!("accepted {}, verified {}", summary.accepted, summary.verified);
    let rows = [
        ("done", summary.done, proof),
        ("skipped", summary.skipped, reasons(&summary.skipped_by)),
        ("failed", summary.failed, reasons(&summary.failed_by)),
        ("waiting", summary.waiting, reasons(&summary.waiting_by)),
    ];
    let width = summary.requests.to_string().len().max(4);
    let mut text =
        format!("{}  {}  {}\n", summary.job, summary.workflow, output::counted(summary.requests, "request"));
    for (word, count, why) in rows {
        let line = format!("  {word:<8} {count:>width$}  {why}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let seconds = Duration::from_millis(summary.duration_ms).as_secs_f64();
    text.push_str(&format!(
        "  {} in {}, {}, {seconds:.1} s\n",
        output::counted(summary.calls, "call"),
        output::counted(summary.http_requests, "HTTP request"),
        match summary.retries {
            1 => "1 retry".to_owned(),
            retries => format!("{retries} retries"),
        }
    ));
    if !summary.unmapped.is_empty() {
        text.push_str(&format!("  not mapped by any table: {}\n", reasons(&summary.unmapped)));
    }
    if let Some(failures) = &summary.failures {
        text.push_str(&format!("  each failed request: {}\n", failures.display()));
    }
    text
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
