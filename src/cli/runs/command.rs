//! Arguments of `runs`, and which subcommand does what.

use std::process::ExitCode;
use std::time::Duration;

use super::answer::Said;
use super::change::How;
use super::filter::{self, Filter};
use super::{answer, change, due, list, show};
use crate::cli::{Common, Failure, run, setup, store};
use crate::job::{Answer, RunId};
use crate::journal::{Reader, StoreError};

/// Arguments of `runs`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what became of requests, a line each: newest jobs first, in each job those that wait first
    List {
        #[command(flatten)]
        filter: Filter,
        /// Instead: what is not over and due within this time, such as 3d, or overdue; what waits to be begun, too
        #[arg(long, value_name = "DURATION", value_parser = run::parse_duration)]
        #[arg(conflicts_with_all = ["state", "reason", "code", "request", "subject"])]
        due: Option<Duration>,
        /// Show at most so many; 0 for all
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Show what happened to one request, what it waits for, and what can be done now
    Show {
        /// Such as job-7:123
        run: RunId,
    },
    /// Try requests again that failed, or wait for a person; nothing that was accepted is sent again
    Retry {
        /// Such as job-7:123
        #[arg(value_name = "RUN", required_unless_present_any = ["failed", "state"])]
        runs: Vec<RunId>,
        /// All that failed, as far as the other options choose them
        #[arg(long, conflicts_with_all = ["runs", "state"])]
        failed: bool,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        how: How,
    },
    /// Say yes to requests that wait at an `approve` step; they go on
    Approve {
        #[command(flatten)]
        said: Said,
    },
    /// Say no to requests that wait at an `approve` step; they fail
    Reject {
        #[command(flatten)]
        said: Said,
    },
    /// Give requests up that are not over; they count as failed
    Cancel {
        /// Such as job-7:123
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<RunId>,
    },
}

/// Does what the subcommand says.
pub(in crate::cli) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let path = loaded.settings.store.clone();
    match &args.command {
        Command::List { filter, due, limit } => {
            match Reader::open_with(&path, setup::masters(&loaded.settings)) {
                Ok(reader) => {
                    store::warn_if_restored(&reader)?;
                    match due {
                        Some(within) => due::run(common, &reader, filter, *within, *limit),
                        None => list::run(common, &reader, filter, *limit),
                    }
                }
                Err(StoreError::Missing { .. }) => {
                    anstream::eprintln!("there is no store at {} yet: no job was run", path.display());
                    Ok(ExitCode::SUCCESS)
                }
                Err(error) => Err(Failure::wrong(error)),
            }
        }
        Command::Retry { runs, failed, filter, how } if runs.is_empty() => {
            let state = if *failed { Some(filter::State::Failed) } else { filter.state };
            change::retry_chosen(common, &loaded, &Filter { state, ..filter.clone() }, how)
        }
        Command::Retry { runs, filter, how, .. } => {
            if !filter.is_empty() {
                let message = "name runs, or choose them by options; not both";
                return Err(Failure::Usage(message.to_owned()));
            }
            change::retry_named(common, &loaded, runs, how)
        }
        Command::Approve { said } => answer::run(common, &loaded, said, Answer::Approved),
        Command::Reject { said } => answer::run(common, &loaded, said, Answer::Rejected),
        Command::Cancel { runs } => change::cancel(common, &loaded, runs),
        Command::Show { run } => {
            let masters = setup::masters(&loaded.settings);
            let reader = Reader::open_with(&path, masters).map_err(Failure::wrong)?;
            store::warn_if_restored(&reader)?;
            show::run(common, &reader, *run)
        }
    }
}

/// A moment as it is shown.
pub(super) fn moment(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
