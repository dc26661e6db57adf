//! `runs approve|reject`: yes or no to requests that wait at an `approve` step.
//!
//! Everything is checked before anything is written. What is answered goes on at once, with its job: here, or
//! in the process that owns the store.

use std::process::ExitCode;
use std::time::Duration;

use super::change::{TOGETHER, named, open, worse};
use crate::cli::failure::INTERRUPTED;
use crate::cli::place::{self, Home};
use crate::cli::{Common, Failure, jobs, output, pauses, run};
use crate::config::Loaded;
use crate::engine::may_be_answered;
use crate::host::Command;
use crate::job::{Answer, Position, Reason, RunId};

/// What is said, to whom.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Said {
    /// Such as job-7:123
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<RunId>,
    /// Why, for those who ask later: it is kept with who said it, so name nobody
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only write down what is said; `jobs resume` or `serve` then goes on
    #[arg(long)]
    no_resume: bool,
    /// Stay through pauses of up to this long; what pauses longer ends as waiting [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = run::parse_duration, conflicts_with = "no_resume")]
    wait: Option<Duration>,
}

/// Says yes or no.
pub(super) fn run(
    common: &Common,
    loaded: &Loaded,
    said: &Said,
    answer: Answer,
) -> Result<ExitCode, Failure> {
    let reason = said.reason.as_deref().map(Reason::parse).transpose();
    let reason = reason.map_err(|why| Failure::Usage(why.to_string()))?;
    let home = Home::of(loaded);
    let chosen = named(&open(&home.settings)?, &said.runs, may_be_answered)?;
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let mut answered = Vec::new();
        for (fates, found) in chosen {
            let job = fates.record().id;
            let positions: Vec<Position> = found.iter().map(|fate| fate.position).collect();
            drop((fates, found));
            let count = output::counted(positions.len() as u64, "request");
            for positions in positions.chunks(TOGETHER) {
                let (positions, by, reason) = (positions.to_vec(), pauses::who(), reason.clone());
                let command = Command::Decide { job, positions, answer, by, reason };
                place::execute(&home, command, Vec::new(), 0, stop.clone(), |_, _| Ok(ExitCode::SUCCESS))
                    .await?;
            }
            let word = if answer == Answer::Approved { "approved" } else { "rejected" };
            match said.no_resume {
                true => anstream::eprintln!("{count} of {job} {word}: `privaflow jobs resume {job}` goes on"),
                false => anstream::eprintln!("{count} of {job} {word}"),
            }
            answered.push(job);
        }
        let mut code = ExitCode::SUCCESS;
        for job in answered.into_iter().filter(|_| !said.no_resume) {
            let record = open(&home.settings)?.job(job)?;
            let went = jobs::carry_on(common, &home, &record, said.wait, stop.clone()).await?;
            code = worse(code, went);
            if code == ExitCode::from(INTERRUPTED) {
                break;
            }
        }
        Ok(code)
    })
}
