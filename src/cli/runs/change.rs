//! `runs retry|cancel` and `jobs retry`: what a person decides about single requests.
//!
//! Everything that is asked for is checked before anything is written; what cannot be done is told
//! with its way out, and then nothing is done at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use super::filter::{Filter, State};
use crate::cli::failure::{INTERRUPTED, NOT_ALL_WELL, SERVICE};
use crate::cli::place::{self, Home};
use crate::cli::{Common, Failure, jobs, output, pauses, run, setup, show, store};
use crate::config::{Loaded, Settings};
use crate::engine::{Fate, Fates, Kept, Undecidable, may_be_cancelled, may_be_retried};
use crate::host::{Answer, Command};
use crate::job::{JobId, Pause, Position, RunId};
use crate::journal::{Reader, StoreError};

/// Runs that are handed to the owner of the store at once: a megabyte or two.
pub(super) const TOGETHER: usize = 100_000;

/// How runs are tried again.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct How {
    /// Also calls that must not be repeated and may have been sent: look at the service first
    #[arg(long)]
    even_if_sent: bool,
    /// Only write down what is to be tried again; `jobs resume` then carries it out
    #[arg(long)]
    no_resume: bool,
    /// Stay through pauses of up to this long; what pauses longer ends as waiting [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = run::parse_duration, conflicts_with = "no_resume")]
    wait: Option<Duration>,
}

/// Runs of one job that were chosen.
struct Chosen {
    fates: Fates,
    positions: Vec<Position>,
}

/// Tries the failed runs of a job again.
pub(in crate::cli) fn retry_failed(
    common: &Common,
    loaded: &Loaded,
    job: JobId,
    how: &How,
) -> Result<ExitCode, Failure> {
    let filter = Filter { job: Some(job), state: Some(State::Failed), ..Filter::default() };
    retry_chosen(common, loaded, &filter, how)
}

/// Tries every run again that the filter means and that may be tried again.
pub(super) fn retry_chosen(
    common: &Common,
    loaded: &Loaded,
    filter: &Filter,
    how: &How,
) -> Result<ExitCode, Failure> {
    filter.check()?;
    let reader = open(&loaded.settings)?;
    let mut filters = vec![filter.clone()];
    if how.even_if_sent && filter.state == Some(State::Failed) {
        let parked = Some(Pause::NeedsAttention.word().to_owned());
        filters.push(Filter { state: Some(State::Waiting), reason: parked, ..filter.clone() });
    }
    let mut chosen = Vec::new();
    let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
    for record in filter.jobs(&reader)?.into_iter().rev() {
        let fates = Fates::of(&reader, record)?;
        let mut positions = Vec::new();
        for filter in &filters {
            let went = filter.each(&reader, &fates, |found| {
                match may_be_retried(found.run, &found.fate, how.even_if_sent) {
                    Ok(()) => positions.push(found.fate.position),
                    Err(why) => *left_out.entry(in_short(&why)).or_default() += 1,
                }
                Ok(ControlFlow::Continue(()))
            })?;
            debug_assert!(went.is_continue());
        }
        if !positions.is_empty() {
            chosen.push(Chosen { fates, positions });
        }
    }
    if chosen.is_empty() {
        store::warn_if_restored(&reader)?;
    }
    for (why, count) in left_out {
        anstream::eprintln!("note: {} left as they are: {why}", output::counted(count, "request"));
    }
    carry_out(common, loaded, chosen, how)
}

/// Tries these runs again.
pub(super) fn retry_named(
    common: &Common,
    loaded: &Loaded,
    runs: &[RunId],
    how: &How,
) -> Result<ExitCode, Failure> {
    let reader = open(&loaded.settings)?;
    let chosen = named(&reader, runs, |run, fate| may_be_retried(run, fate, how.even_if_sent))?;
    let chosen = chosen.into_iter().map(|(fates, found)| {
        let positions = found.into_iter().map(|fate| fate.position).collect();
        Chosen { fates, positions }
    });
    carry_out(common, loaded, chosen.collect(), how)
}

/// Gives these runs up.
pub(super) fn cancel(common: &Common, loaded: &Loaded, runs: &[RunId]) -> Result<ExitCode, Failure> {
    let home = Home::of(loaded);
    let chosen = named(&open(&home.settings)?, runs, may_be_cancelled)?;
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        for (fates, found) in chosen {
            let job = fates.record().id;
            let positions: Vec<Position> = found.iter().map(|fate| fate.position).collect();
            drop((fates, found));
            let folder = std::env::current_dir().map_err(Failure::wrong)?;
            for positions in positions.chunks(TOGETHER) {
                let (positions, folder, by) = (positions.to_vec(), folder.clone(), pauses::who());
                let given_up = output::counted(positions.len() as u64, "request");
                let command = Command::GiveUp { job, positions, folder, by };
                let show = |answer, _| {
                    let status = open(&home.settings)?.job(job)?.status.word();
                    anstream::eprintln!("{given_up} of {job} given up; the job is {status}");
                    if let Answer::Summary(summary) = answer {
                        show::summary(common, &summary)?;
                    }
                    Ok(ExitCode::SUCCESS)
                };
                place::execute(&home, command, Vec::new(), 0, stop.clone(), show).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes down what is tried again, then goes on with the jobs.
fn carry_out(common: &Common, loaded: &Loaded, chosen: Vec<Chosen>, how: &How) -> Result<ExitCode, Failure> {
    if chosen.is_empty() {
        anstream::eprintln!("there is nothing to try again");
        return Ok(ExitCode::SUCCESS);
    }
    let reader = open(&loaded.settings)?;
    for Chosen { fates, .. } in &chosen {
        // Records are planned again from the input: without it the job would be open for good.
        Kept::open(&reader, fates.record()).map_err(|gone| {
            let job = fates.record().id;
            Failure::Usage(format!(
                "nothing of {job} can be tried again: {gone}; put the file back, or run these requests in another job"
            ))
        })?;
    }
    let home = Home::of(loaded);
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let mut opened = Vec::new();
        for Chosen { fates, positions } in chosen {
            let (job, count) = (fates.record().id, output::counted(positions.len() as u64, "request"));
            drop(fates);
            for positions in positions.chunks(TOGETHER) {
                let (positions, by) = (positions.to_vec(), pauses::who());
                let command = Command::Reopen { job, positions, even_if_sent: how.even_if_sent, by };
                let show = |_, _| Ok(ExitCode::SUCCESS);
                place::execute(&home, command, Vec::new(), 0, stop.clone(), show).await?;
            }
            match how.no_resume {
                true => {
                    anstream::eprintln!("{count} of {job} to be tried again: `privaflow jobs resume {job}`")
                }
                false => anstream::eprintln!("{count} of {job} tried again"),
            }
            opened.push(job);
        }
        let mut worst = ExitCode::SUCCESS;
        for job in opened.into_iter().filter(|_| !how.no_resume) {
            let record = open(&home.settings)?.job(job)?;
            let code = jobs::carry_on(common, &home, &record, how.wait, stop.clone()).await?;
            worst = worse(worst, code);
            if worst == ExitCode::from(INTERRUPTED) {
                break;
            }
        }
        Ok(worst)
    })
}

/// Runs by their names, oldest job first, each checked; every mistake is told at once.
pub(super) fn named(
    reader: &Reader,
    runs: &[RunId],
    check: impl Fn(RunId, &Fate) -> Result<(), Undecidable>,
) -> Result<Vec<(Fates, Vec<Fate>)>, Failure> {
    let mut by_job: BTreeMap<JobId, BTreeSet<Position>> = BTreeMap::new();
    for run in runs {
        by_job.entry(run.job).or_default().insert(run.position);
    }
    let mut chosen = Vec::new();
    let mut mistakes = Vec::new();
    for (job, positions) in by_job {
        let record = match reader.job(job) {
            Err(StoreError::NoSuchJob(_)) => {
                mistakes.push(format!("there is no {job}; `privaflow jobs list` shows the jobs there are"));
                continue;
            }
            record => record?,
        };
        let fates = Fates::of(reader, record)?;
        let mut found = fates.some(&positions)?;
        let mut good = Vec::new();
        for position in positions {
            let run = RunId { job, position };
            match found.remove(&position) {
                // Whoever owns the store looks into the input.
                None => match fates.unheard_of(position) {
                    Some(fate) if check(run, &fate).is_ok() => good.push(fate),
                    Some(_) => mistakes.push(format!(
                        "nothing was written about {run} yet: {job} has not come so far, if it has such a run"
                    )),
                    None => mistakes.push(format!("there is no run {run} as far as the journal knows")),
                },
                Some(fate) => match check(run, &fate) {
                    Ok(()) => good.push(fate),
                    Err(why) => mistakes.push(why.to_string()),
                },
            }
        }
        chosen.push((fates, good));
    }
    match mistakes.is_empty() {
        true => Ok(chosen),
        false => {
            store::warn_if_restored(reader)?;
            Err(Failure::Usage(format!("nothing was done:\n  {}", mistakes.join("\n  "))))
        }
    }
}

/// What is chosen is read beside whoever owns the store, and checked once more by the owner.
pub(super) fn open(settings: &Settings) -> Result<Reader, Failure> {
    match Reader::open_with(&settings.store, setup::masters(settings)) {
        Err(StoreError::Missing { .. }) => {
            let path = &settings.store;
            Err(Failure::Usage(format!("there is no store at {} yet: no job was run", path.display())))
        }
        reader => Ok(reader?),
    }
}

fn in_short(why: &Undecidable) -> &'static str {
    match why {
        Undecidable::Over { .. } => "done or skipped",
        Undecidable::Failed { .. } => "failed already",
        Undecidable::GoesOn { .. } => "`privaflow jobs resume` goes on with them",
        Undecidable::Held { .. } => "their job waits for its guard",
        Undecidable::Asked { .. } | Undecidable::NotAsked { .. } => {
            "`privaflow runs approve` or `reject` answers them"
        }
        Undecidable::Forgotten { .. } => "forgotten: bring their requests again",
        Undecidable::MayHaveBeenSent { .. } => {
            "a call of theirs may have been sent; --even-if-sent sends it again"
        }
    }
}

/// The code of two that says more: interrupted over service over failure.
pub(super) fn worse(one: ExitCode, other: ExitCode) -> ExitCode {
    let codes = [INTERRUPTED, SERVICE, NOT_ALL_WELL, 0].map(ExitCode::from);
    codes.into_iter().find(|code| *code == one || *code == other).unwrap_or(other)
}
