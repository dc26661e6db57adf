//! `privaflow jobs list|show|resume|retry|cancel|approve`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output::{self, Format};
use super::run::{self, Ready};
use super::runs::{self, How};
use super::{Common, Failure, setup, store};
use crate::clock::{Clock, SystemClock};
use crate::engine::{self, Summary};
use crate::job::{Event, JobId, State, Status};
use crate::journal::{JobRecord, Reader, Store, StoreError, Writer};
use crate::source::{Source, duration};

/// Arguments of `jobs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show all jobs, a line each
    List,
    /// Show what a job came to so far
    Show {
        /// Such as job-7
        job: String,
    },
    /// Go on with a job where it stopped
    Resume {
        /// Such as job-7
        job: String,
        /// Stay through pauses of up to this long; what pauses longer ends as waiting [default: 10m]
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        wait: Option<Duration>,
    },
    /// Give a job up for good; what is not finished counts as failed
    Cancel {
        /// Such as job-7
        job: String,
    },
    /// Try the failed requests of a job again; nothing that was accepted is sent again
    Retry {
        /// Such as job-7
        job: JobId,
        /// Those that failed
        #[arg(long, required = true)]
        failed: bool,
        #[command(flatten)]
        how: How,
    },
    /// Let a job begin that its guard holds; `resume` then carries it out
    Approve {
        /// Such as job-7
        job: String,
    },
}

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit: 500ms, 30s, 10m, 2h, 1d".to_owned())
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let path = loaded.settings.store.clone();
    match &args.command {
        Command::List => list(common, &path),
        Command::Show { job } => {
            let reader = match Reader::open(&path) {
                Err(StoreError::Missing { .. }) => return Err(no_such(job)),
                reader => reader.map_err(Failure::wrong)?,
            };
            store::warn_if_restored(&reader)?;
            let record = record(&reader, job)?;
            let state = reader.state(record.id)?;
            let summary = summary(&reader, &record, &path)?;
            say_how_it_stands(&record, &state, &summary);
            run::show_summary(common, &summary)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Resume { job, wait } => resume(common, &loaded, job, *wait),
        Command::Retry { job, failed: _, how } => runs::retry_failed(common, &loaded, *job, how),
        Command::Cancel { job } => decide(common, &path, job, Decision::Cancel),
        Command::Approve { job } => decide(common, &path, job, Decision::Approve),
    }
}

fn list(common: &Common, path: &std::path::Path) -> Result<ExitCode, Failure> {
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(StoreError::Missing { .. }) => {
            anstream::eprintln!("there is no store at {} yet: no job was run", path.display());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(Failure::wrong(error)),
    };
    store::warn_if_restored(&reader)?;
    let mut rows = Vec::new();
    for record in reader.jobs().map_err(Failure::wrong)? {
        let summary = summary(&reader, &record, path)?;
        let started = jiff::Timestamp::from_millisecond(record.started_ms).unwrap_or_default();
        match common.output {
            Format::Json => output::json(&json!({
                "job": summary.job, "status": record.status.word(), "workflow": summary.workflow,
                "input": record.input_path, "started_at": started.to_string(), "requests": summary.requests,
                "done": summary.done, "skipped": summary.skipped, "failed": summary.failed,
                "waiting": summary.waiting,
            }))?,
            Format::Text => rows.push(vec![
                summary.job,
                record.status.word().to_owned(),
                summary.workflow,
                record.input_path,
                started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                summary.requests.to_string(),
                summary.done.to_string(),
                summary.skipped.to_string(),
                summary.failed.to_string(),
                summary.waiting.to_string(),
            ]),
        }
    }
    if common.output == Format::Text {
        let head = [
            "JOB", "STATUS", "WORKFLOW", "INPUT", "STARTED", "REQUESTS", "DONE", "SKIPPED", "FAILED",
            "WAITING",
        ];
        output::text(&output::table(&head, rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What can be done with the job, and with the requests of it that are not well, on standard error.
fn say_how_it_stands(record: &JobRecord, state: &State, summary: &Summary) {
    let (id, word) = (record.id, record.status.word());
    match (record.status, state.hold()) {
        (Status::Held, Some(hold)) => run::say_held(&hold, &summary.job),
        (status, _) if status.is_closed() => anstream::eprintln!("{id} is {word}"),
        _ => anstream::eprintln!("{id} is {word}: `privaflow jobs resume {id}` goes on"),
    }
    run::say_ways(summary);
}

fn resume(
    common: &Common,
    loaded: &crate::config::Loaded,
    job: &str,
    wait: Option<Duration>,
) -> Result<ExitCode, Failure> {
    let settings = &loaded.settings;
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let store = Store::open(&settings.store).map_err(Failure::wrong)?;
        store::warn_if_restored(store.reader())?;
        let record = record(store.reader(), job)?;
        if record.status == Status::Held {
            return Err(Failure::Usage(format!(
                "{id} is held by its guard: `privaflow jobs approve {id}` first, or `privaflow jobs cancel {id}`",
                id = record.id
            )));
        }
        if record.status.is_closed() {
            let reader = store.reader();
            anstream::eprintln!("{} is {}; nothing was sent", record.id, record.status.word());
            let summary = summary(reader, &record, &settings.store)?;
            run::show_summary(common, &summary)?;
            return Ok(ExitCode::from(u8::from(!summary.is_all_well())));
        }
        carry_on(common, loaded, store, record, wait, stop).await
    })
}

/// Goes on with an open job where it stopped, with the workflow as it was when the job began.
pub(super) async fn carry_on(
    common: &Common,
    loaded: &crate::config::Loaded,
    store: Store,
    record: JobRecord,
    wait: Option<Duration>,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let settings = &loaded.settings;
    let name = format!("{} as it was when {} began", record.workflow_name, record.id);
    let workflow = setup::workflow(Source::new(name, record.workflow_text.clone()), &setup::known(loaded))?;
    let input = run::open_input(&workflow, &PathBuf::from(&record.input_path))?;
    if input.digest() != record.input_digest {
        return Err(Failure::wrong(engine::JobError::EditedInput {
            workflow: record.workflow_name,
            job: record.id,
        }));
    }
    let services = setup::services(settings, &workflow).await?;
    let failures = settings.store.join("failures");
    let retries = settings.retries.clone();
    let ready = Ready { workflow, input, wait, trial: None, services, retries, store, failures, stop };
    run::carry_out(common, ready).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Approve,
    Cancel,
}

/// Writes a person's decision down.
fn decide(
    common: &Common,
    path: &std::path::Path,
    job: &str,
    decision: Decision,
) -> Result<ExitCode, Failure> {
    if !path.exists() {
        return Err(no_such(job));
    }
    run::runtime()?.block_on(async {
        let store = Store::open(path).map_err(Failure::wrong)?;
        store::warn_if_restored(store.reader())?;
        let record = record(store.reader(), job)?;
        let is_possible = match decision {
            Decision::Approve => record.status == Status::Held,
            Decision::Cancel => !record.status.is_closed(),
        };
        if !is_possible {
            return Err(Failure::Usage(format!(
                "{} is {}: there is nothing to decide",
                record.id,
                record.status.word()
            )));
        }
        let at_ms = SystemClock.now_ms();
        let by = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
        let (sender, mut durable) = tokio::sync::mpsc::unbounded_channel();
        let mut writer = store.writer(record.id, sender);
        let last = match decision {
            Decision::Approve => writer.append(Event::Approved { at_ms, by }),
            Decision::Cancel => {
                end_the_rest(&store, &record, &mut writer);
                writer.append(Event::Cancelled { at_ms, by })
            }
        };
        loop {
            match durable.recv().await {
                Some(number) if number >= last => break,
                Some(_) => {}
                None => {
                    return Err(Failure::Usage(format!(
                        "{} cannot be changed: the store does not take it",
                        record.id
                    )));
                }
            }
        }
        match decision {
            Decision::Approve => {
                anstream::eprintln!("{id} is approved; `privaflow jobs resume {id}` goes on", id = record.id);
            }
            Decision::Cancel => anstream::eprintln!("{} is cancelled", record.id),
        }
        run::show_summary(common, &summary(store.reader(), &record, path)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Ends every request of a job that is not over, so that the failures file lists it.
fn end_the_rest(store: &Store, record: &JobRecord, writer: &mut Writer) {
    let mut end = || -> Result<(), Failure> {
        if record.input_path == "-" {
            return Err(Failure::Usage("the input was standard input".to_owned()));
        }
        let name = format!("{} as it was when {} began", record.workflow_name, record.id);
        let source = Source::new(name, record.workflow_text.clone());
        let workflow = setup::workflow(source, &crate::workflow::Known::default())?;
        let input = run::open_input(&workflow, &PathBuf::from(&record.input_path))?;
        if input.digest() != record.input_digest {
            return Err(Failure::Usage("the input is not what it was".to_owned()));
        }
        let state = store.reader().state(record.id)?;
        let records = input.records().map_err(Failure::wrong)?;
        engine::cancelled(record, &state, &workflow, records, |ended| {
            writer.append(Event::Ended { ended });
        })?;
        Ok(())
    };
    if let Err(failure) = end() {
        anstream::eprintln!("warning: what is cancelled cannot be listed request by request: {failure}");
    }
}

fn record(reader: &Reader, job: &str) -> Result<JobRecord, Failure> {
    let number = job.strip_prefix("job-").unwrap_or(job).parse::<i64>();
    let id = number.map_err(|_| Failure::Usage(format!("`{job}` names no job; write it as job-7")))?;
    match reader.job(JobId(id)) {
        Err(StoreError::NoSuchJob(_)) => Err(no_such(job)),
        found => found.map_err(Failure::wrong),
    }
}

fn no_such(job: &str) -> Failure {
    Failure::Usage(format!("there is no job {job}; `privaflow jobs list` shows them"))
}

pub(super) fn summary(
    reader: &Reader,
    record: &JobRecord,
    store: &std::path::Path,
) -> Result<Summary, Failure> {
    let state = reader.state(record.id)?;
    engine::summary(reader, record, &state, None, &store.join("failures")).map_err(Failure::wrong)
}
