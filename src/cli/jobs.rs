//! `privaflow jobs list|show|resume|retry|cancel|approve`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output::{self, Format};
use super::place::{self, Home};
use super::runs::{self, How};
use super::{Common, Failure, pauses, run, setup, show, store, watch};
use crate::engine::{self, Summary};
use crate::host::{self, Answer, Command};
use crate::intake::{Input, Reading};
use crate::job::{JobId, State, Status};
use crate::journal::{InputKind, JobRecord, Pauses, Reader, StoreError};
use crate::source::Source;
use crate::workflow::{Known, Workflow};

/// Arguments of `jobs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Show all jobs, a line each
    List {
        /// Those of the canary too, whose person does not exist
        #[arg(long)]
        canary: bool,
    },
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
        #[arg(long, value_name = "DURATION", value_parser = run::parse_duration)]
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

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let path = loaded.settings.store.clone();
    match &args.command {
        Subcommand::List { canary } => list(common, &path, *canary),
        Subcommand::Show { job } => {
            let record = known(&path, job)?;
            let reader = Reader::open_with(&path, setup::masters(&loaded.settings))?;
            store::warn_if_restored(&reader)?;
            let state = reader.state(record.id)?;
            let summary = summary(&reader, &record, &path)?;
            say_how_it_stands(&record, &state, &summary);
            watch::say_of(&reader, &record)?;
            pauses::warn(&Pauses::of(&path));
            show::summary(common, &summary)?;
            Ok(ExitCode::SUCCESS)
        }
        Subcommand::Resume { job, wait } => {
            let home = Home::of(&loaded);
            let record = known(&path, job)?;
            run::runtime()?.block_on(async {
                let stop = run::stop_on_signal();
                carry_on(common, &home, &record, *wait, stop).await
            })
        }
        Subcommand::Retry { job, failed: _, how } => runs::retry_failed(common, &loaded, *job, how),
        Subcommand::Cancel { job } => decide(common, &loaded, job, cancel),
        Subcommand::Approve { job } => decide(common, &loaded, job, approve),
    }
}

fn list(common: &Common, path: &Path, canary: bool) -> Result<ExitCode, Failure> {
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(StoreError::Missing { .. }) => {
            anstream::eprintln!("there is no store at {} yet: no job was run", path.display());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(Failure::wrong(error)),
    };
    store::warn_if_restored(&reader)?;
    let pauses = Pauses::of(path);
    pauses::warn(&pauses);
    let mut rows = Vec::new();
    let jobs = reader.jobs().map_err(Failure::wrong)?;
    for record in jobs.into_iter().filter(|record| canary || !record.is_canary()) {
        let summary = summary(&reader, &record, path)?;
        let started = jiff::Timestamp::from_millisecond(record.started_ms).unwrap_or_default();
        let input = input_state(&record);
        match common.output {
            Format::Json => output::json(&json!({
                "job": summary.job, "status": record.status.word(), "workflow": summary.workflow,
                "input": record.input_path, "started_at": started.to_string(), "requests": summary.requests,
                "done": summary.done, "skipped": summary.skipped, "failed": summary.failed,
                "waiting": summary.waiting,
                "paused": pauses.all.is_some() && !record.status.is_closed(),
                "input_state": input,
            }))?,
            Format::Text => rows.push(vec![
                summary.job,
                record.status.word().to_owned(),
                summary.workflow,
                match input {
                    Some(state @ "gone") => format!("{} ({state})", record.input_path),
                    Some(_) | None => record.input_path,
                },
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

/// Whether the input of a job that is not over is still to be had, so that it can go on by itself.
fn input_state(record: &JobRecord) -> Option<&'static str> {
    if record.status.is_closed() {
        return None;
    }
    Some(match record.input_kind() {
        InputKind::Window(_) => "inbox",
        InputKind::StandardInput => "standard_input",
        InputKind::File if record.input_at().is_file() => "there",
        InputKind::File => "gone",
    })
}

/// What can be done with the job, and with the requests of it that are not well, on standard error.
fn say_how_it_stands(record: &JobRecord, state: &State, summary: &Summary) {
    let (id, word) = (record.id, record.status.word());
    match (record.status, state.hold()) {
        (Status::Held, Some(hold)) => show::held(&hold, &summary.job),
        (status, _) if status.is_closed() => anstream::eprintln!("{id} is {word}"),
        _ => anstream::eprintln!("{id} is {word}: `privaflow jobs resume {id}` goes on"),
    }
    show::ways(summary);
}

/// Goes on with a job where it stopped, with the workflow as it was when the job began.
pub(super) async fn carry_on(
    common: &Common,
    home: &Home,
    record: &JobRecord,
    wait: Option<Duration>,
    stop: CancellationToken,
) -> Result<ExitCode, Failure> {
    let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
    let (workflow, _) = crate::workflow::load(&source, &Known::default());
    let profiles = workflow.as_ref().map(|workflow| home.profiles_of(workflow)).unwrap_or_default();
    let again = match record.input_kind() {
        InputKind::StandardInput => Some(standard_input(record, workflow.as_ref())?),
        InputKind::Window(_) | InputKind::File => None,
    };
    let size_bytes = match &again {
        Some(input) => input.size_bytes(),
        None => std::fs::metadata(record.input_at()).map_or(0, |metadata| metadata.len()),
    };
    // Whoever carries the job out removes what we spooled for it: whoever is next has it made anew.
    let mut spooled = None;
    let resume = || {
        let input = spooled.insert(run::Spooled::of_job(record, again.as_ref(), &home.settings.store)?);
        Ok(Command::Resume(host::Resume {
            job: record.id,
            input: input.order.clone(),
            wait_ms: run::millis(wait.unwrap_or(run::WAIT)),
        }))
    };
    let show = |answer, logged| match answer {
        Answer::Job(report) => show::report(common, &report, logged),
        Answer::Summary(summary) => show::summary(common, &summary).map(|()| ExitCode::SUCCESS),
        Answer::Result(_) => Ok(ExitCode::SUCCESS),
    };
    place::execute_anew(home, resume, profiles, size_bytes, stop, show).await
}

/// What a job began with, once more.
fn standard_input(record: &JobRecord, workflow: Option<&Workflow>) -> Result<Input, Failure> {
    if std::io::stdin().is_terminal() {
        anstream::eprintln!("{} is given its input once more: by standard input, until its end", record.id);
    }
    let trigger = workflow.and_then(|workflow| workflow.on.file.as_ref());
    let reading = trigger.map(Reading::of).unwrap_or_default();
    Input::open(Path::new("-"), &reading).map_err(Failure::wrong)
}

/// Writes a person's decision down.
fn decide(
    common: &Common,
    loaded: &crate::config::Loaded,
    job: &str,
    decision: fn(JobId) -> Result<Command, Failure>,
) -> Result<ExitCode, Failure> {
    let home = Home::of(loaded);
    let id = known(&home.settings.store, job)?.id;
    let command = decision(id)?;
    let said = match &command {
        Command::Approve { .. } => format!("{id} is approved; `privaflow jobs resume {id}` goes on"),
        _ => format!("{id} is cancelled"),
    };
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let show = |answer, _| {
            anstream::eprintln!("{said}");
            if let Answer::Summary(summary) = answer {
                show::summary(common, &summary)?;
            }
            Ok(ExitCode::SUCCESS)
        };
        place::execute(&home, command, Vec::new(), 0, stop, show).await
    })
}

fn cancel(job: JobId) -> Result<Command, Failure> {
    let folder = std::env::current_dir().map_err(Failure::wrong)?;
    Ok(Command::Cancel { job, folder, by: pauses::who() })
}

fn approve(job: JobId) -> Result<Command, Failure> {
    Ok(Command::Approve { job, by: pauses::who() })
}

/// A job of the store, whoever owns that.
fn known(store: &Path, job: &str) -> Result<JobRecord, Failure> {
    match Reader::open(store) {
        Err(StoreError::Missing { .. }) => Err(no_such(job)),
        reader => record(&reader.map_err(Failure::wrong)?, job),
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

pub(super) fn summary(reader: &Reader, record: &JobRecord, store: &Path) -> Result<Summary, Failure> {
    let state = reader.state(record.id)?;
    engine::summary(reader, record, &state, None, &store.join("failures")).map_err(Failure::wrong)
}
