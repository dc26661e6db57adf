//! `runs retry|cancel` and `jobs retry`: what a person decides about single requests.
//!
//! Everything that is asked for is checked before anything is written; what cannot be done is told
//! with its way out, and then nothing is done at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::filter::{Filter, State};
use crate::cli::failure::{INTERRUPTED, NOT_ALL_WELL, SERVICE};
use crate::cli::{Common, Failure, jobs, output, run};
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::engine::{
    Decided, Fate, Fates, Kept, Undecidable, give_up, may_be_cancelled, may_be_retried, reopen,
};
use crate::job::{JobId, Pause, Position, RunId};
use crate::journal::{Reader, Store, StoreError};

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
    #[arg(long, value_name = "DURATION", value_parser = jobs::parse_duration, conflicts_with = "no_resume")]
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
    let store = open(&loaded.settings.store)?;
    let mut filters = vec![filter.clone()];
    if how.even_if_sent && filter.state == Some(State::Failed) {
        let parked = Some(Pause::NeedsAttention.word().to_owned());
        filters.push(Filter { state: Some(State::Waiting), reason: parked, ..filter.clone() });
    }
    let mut chosen = Vec::new();
    let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
    for record in filter.jobs(store.reader())?.into_iter().rev() {
        let fates = Fates::of(store.reader(), record)?;
        let mut positions = Vec::new();
        for filter in &filters {
            let went = filter.each(store.reader(), &fates, |found| {
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
    for (why, count) in left_out {
        anstream::eprintln!("note: {} left as they are: {why}", output::counted(count, "request"));
    }
    carry_out(common, loaded, store, chosen, how)
}

/// Tries these runs again.
pub(super) fn retry_named(
    common: &Common,
    loaded: &Loaded,
    runs: &[RunId],
    how: &How,
) -> Result<ExitCode, Failure> {
    let store = open(&loaded.settings.store)?;
    let chosen = named(store.reader(), runs, |run, fate| may_be_retried(run, fate, how.even_if_sent))?;
    let chosen = chosen.into_iter().map(|(fates, found)| {
        let positions = found.into_iter().map(|fate| fate.position).collect();
        Chosen { fates, positions }
    });
    carry_out(common, loaded, store, chosen.collect(), how)
}

/// Gives these runs up.
pub(super) fn cancel(common: &Common, path: &Path, runs: &[RunId]) -> Result<ExitCode, Failure> {
    let store = open(path)?;
    let chosen = named(store.reader(), runs, may_be_cancelled)?;
    run::runtime()?.block_on(async {
        for (fates, found) in chosen {
            let wanted: BTreeSet<Position> = found.iter().map(|fate| fate.position).collect();
            // A request without its record is given up all the same; only its id is not known then.
            let mut known = match Kept::open(fates.record()) {
                Ok(kept) => kept.look_up(&wanted)?,
                Err(_) => Default::default(),
            };
            let found: Vec<_> = found
                .into_iter()
                .map(|fate| {
                    let known = known.remove(&fate.position);
                    (fate, known)
                })
                .collect();
            give_up(&store, &fates, &found, &decided()).await?;
            let given_up = output::counted(found.len() as u64, "request");
            let record = store.reader().job(fates.record().id)?;
            anstream::eprintln!("{given_up} of {} given up; the job is {}", record.id, record.status.word());
            run::show_summary(common, &jobs::summary(store.reader(), &record, path)?)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes down what is tried again, then goes on with the jobs.
fn carry_out(
    common: &Common,
    loaded: &Loaded,
    store: Store,
    chosen: Vec<Chosen>,
    how: &How,
) -> Result<ExitCode, Failure> {
    if chosen.is_empty() {
        anstream::eprintln!("there is nothing to try again");
        return Ok(ExitCode::SUCCESS);
    }
    for Chosen { fates, .. } in &chosen {
        // Records are planned again from the input: without it the job would be open for good.
        Kept::open(fates.record()).map_err(|gone| {
            let job = fates.record().id;
            Failure::Usage(format!(
                "nothing of {job} can be tried again: {gone}; put the file back, or run these requests in another job"
            ))
        })?;
    }
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let decided = decided();
        let mut opened = Vec::new();
        for Chosen { fates, positions } in &chosen {
            reopen(&store, fates, positions, how.even_if_sent, &decided).await?;
            let (job, count) = (fates.record().id, output::counted(positions.len() as u64, "request"));
            match how.no_resume {
                true => {
                    anstream::eprintln!("{count} of {job} to be tried again: `privaflow jobs resume {job}`")
                }
                false => anstream::eprintln!("{count} of {job} tried again"),
            }
            opened.push(job);
        }
        drop(chosen);
        drop(store);
        let mut worst = ExitCode::SUCCESS;
        for job in opened.into_iter().filter(|_| !how.no_resume) {
            let store = Store::open(&loaded.settings.store)?;
            let record = store.reader().job(job)?;
            let code = jobs::carry_on(common, loaded, store, record, how.wait, stop.clone()).await?;
            worst = worse(worst, code);
            if worst == ExitCode::from(INTERRUPTED) {
                break;
            }
        }
        Ok(worst)
    })
}

/// Runs by their names, oldest job first, each checked; every mistake is told at once.
fn named(
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
                None => mistakes.push(format!("there is no run {run} as far as the journal knows")),
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
        false => Err(Failure::Usage(format!("nothing was done:\n  {}", mistakes.join("\n  ")))),
    }
}

fn open(path: &Path) -> Result<Store, Failure> {
    if !path.exists() {
        return Err(Failure::Usage(format!("there is no store at {} yet: no job was run", path.display())));
    }
    Ok(Store::open(path)?)
}

fn decided() -> Decided {
    let by = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    Decided { by, at_ms: SystemClock.now_ms() }
}

fn in_short(why: &Undecidable) -> &'static str {
    match why {
        Undecidable::Over { .. } => "done or skipped",
        Undecidable::Failed { .. } => "failed already",
        Undecidable::GoesOn { .. } => "`privaflow jobs resume` goes on with them",
        Undecidable::Held { .. } => "their job waits for its guard",
        Undecidable::MayHaveBeenSent { .. } => {
            "a call of theirs may have been sent; --even-if-sent sends it again"
        }
    }
}

/// The code of two that says more: interrupted over service over failure.
fn worse(one: ExitCode, other: ExitCode) -> ExitCode {
    let codes = [INTERRUPTED, SERVICE, NOT_ALL_WELL, 0].map(ExitCode::from);
    codes.into_iter().find(|code| *code == one || *code == other).unwrap_or(other)
}
