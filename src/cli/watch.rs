//! `privaflow watch list|run`: whether erased people are still gone.
//!
//! `serve` carries out what is due by itself; `run` does it once, for whoever does not serve.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::failure::NOT_ALL_WELL;
use super::output::{self, Format};
use super::place::{self, Home};
use super::{Common, Failure, run as run_command, setup, store};
use crate::clock::{Clock, SystemClock};
use crate::host::{self, Answer, Command, Looked};
use crate::job::JobId;
use crate::journal::{JobRecord, Reader, StoreError};

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Show what was looked for again, and what is still to be, a line each
    List {
        /// Of one job only, such as job-7
        #[arg(long)]
        job: Option<JobId>,
    },
    /// Look now for whoever is due, once
    Run {
        /// Only for these jobs, such as job-7
        jobs: Vec<JobId>,
        /// Also before it is due: the next look of each job
        #[arg(long)]
        early: bool,
        /// Stay through pauses of up to this long; what pauses longer goes on with the next start [default: 10m]
        #[arg(long, value_name = "DURATION", value_parser = run_command::parse_duration)]
        wait: Option<Duration>,
    },
}

const HEAD: [&str; 12] = [
    "JOB",
    "WORKFLOW",
    "AFTER",
    "DUE",
    "STATE",
    "LOOK",
    "PEOPLE",
    "GONE",
    "CAME BACK",
    "ERASED AGAIN",
    "RETURNED",
    "UNKNOWN",
];

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    match &args.command {
        Subcommand::List { job } => list(common, &loaded.settings.store, *job),
        Subcommand::Run { jobs, early, wait } => {
            let wait_ms = run_command::millis(wait.unwrap_or(run_command::WAIT));
            let command = Command::Watch { jobs: jobs.clone(), is_early: *early, wait_ms };
            let home = Home::of(&loaded);
            run_command::runtime()?.block_on(async {
                let stop = run_command::stop_on_signal();
                let show = |answer, _| match answer {
                    Answer::Result(looks) => show_looks(common, &looks),
                    Answer::Job(_) | Answer::Summary(_) => Ok(ExitCode::SUCCESS),
                };
                place::execute(&home, command, Vec::new(), 0, stop, show).await
            })
        }
    }
}

fn list(common: &Common, path: &std::path::Path, job: Option<JobId>) -> Result<ExitCode, Failure> {
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(StoreError::Missing { .. }) => {
            anstream::eprintln!("there is no store at {} yet: no job was run", path.display());
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(Failure::wrong(error)),
    };
    store::warn_if_restored(&reader)?;
    let now_ms = SystemClock.now_ms();
    let mut lines = Vec::new();
    for watch in reader.watches(job).map_err(Failure::wrong)? {
        let workflow = reader.job(watch.job).map(|record| record.workflow_name).unwrap_or_default();
        lines.push(host::watch_line(&watch, &workflow, now_ms));
    }
    show_lines(common, &lines)?;
    Ok(ExitCode::SUCCESS)
}

/// Says on standard error how the looks at the people of a job stand.
pub(super) fn say_of(reader: &Reader, record: &JobRecord) -> Result<(), Failure> {
    for watch in reader.watches(Some(record.id)).map_err(Failure::wrong)? {
        let due = jiff::Timestamp::from_millisecond(watch.due_ms).unwrap_or_default();
        match watch.found.clone() {
            Some(found) => anstream::eprintln!("{}", host::said(&watch, &Looked::Over(found))),
            None => {
                anstream::eprintln!("its people are looked for again after {}, on {due}", host::after(&watch))
            }
        }
    }
    Ok(())
}

fn show_looks(common: &Common, looks: &Value) -> Result<ExitCode, Failure> {
    let lines = looks.as_array().map(Vec::as_slice).unwrap_or_default();
    if lines.is_empty() {
        anstream::eprintln!("nobody is to be looked for now; `privaflow watch list` shows when");
    }
    show_lines(common, lines)?;
    let is_well =
        |line: &Value| line["state"] == "over" && line["gone"] == line["people"] && line["why"].is_null();
    let is_well = lines.iter().all(is_well);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_WELL) })
}

fn show_lines(common: &Common, lines: &[Value]) -> Result<(), Failure> {
    if common.output == Format::Json {
        return lines.iter().try_for_each(output::json);
    }
    let cell = |line: &Value, member: &str| match &line[member] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |line: &Value| {
        let mut row: Vec<String> =
            ["job", "workflow", "after", "due_at"].iter().map(|key| cell(line, key)).collect();
        let why = cell(line, "why");
        let state = cell(line, "state");
        row.push(if why.is_empty() { state } else { format!("{state} ({why})") });
        let counts = ["look", "people", "gone", "came_back", "erased_again", "returned", "unknown"];
        row.extend(counts.iter().map(|key| cell(line, key)));
        row
    };
    output::text(&output::table(&HEAD, lines.iter().map(row)))
}
