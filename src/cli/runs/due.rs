//! `runs list --due`: what is not over and must be soon, the earliest deadline first.
//!
//! Of what came in from outside the store knows the deadlines; those of a file stand in its records, and are
//! read there while the file is what its job was given.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::command::moment;
use super::filter::Filter;
use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure, run};
use crate::clock::{Clock, SystemClock};
use crate::engine::{Fate, Fates, Kept};
use crate::job::{JobId, Pause, Position, RunId, Status};
use crate::journal::{JobRecord, Reader, Standing};

const HEAD: [&str; 7] = ["DUE", "LEFT", "RUN", "WORKFLOW", "REQUEST", "STATE", "REASON"];

/// A request that is due.
struct DueRun {
    due_ms: i64,
    workflow: String,
    /// `None` while it waits to be begun.
    run: Option<(RunId, Option<Fate>)>,
    request: Option<String>,
    origin: Option<String>,
}

pub(super) fn run(
    common: &Common,
    reader: &Reader,
    filter: &Filter,
    within: Duration,
    limit: usize,
) -> Result<ExitCode, Failure> {
    let now_ms = SystemClock.now_ms();
    let within_ms = i64::try_from(run::millis(within)).unwrap_or(i64::MAX);
    let mut due = of_windows(reader, filter, now_ms.saturating_add(within_ms))?;
    due.extend(of_files(reader, filter, now_ms.saturating_add(within_ms))?);
    due.sort_by_key(|due| due.due_ms);
    let shown = if limit == 0 { due.len() } else { limit.min(due.len()) };
    let mut rows = Vec::new();
    for due in due.iter().take(shown) {
        match common.output {
            Format::Json => output::json(&object(due, now_ms))?,
            Format::Text => rows.push(cells(due, now_ms)),
        }
    }
    if common.output == Format::Text {
        output::text(&output::table(&HEAD, rows))?;
    }
    if shown < due.len() {
        let more = due.len() - shown;
        anstream::eprintln!("note: the first {limit} are shown, {more} more are due; --limit 0 shows all");
    }
    Ok(ExitCode::SUCCESS)
}

/// What came in from outside, in windows and before them.
fn of_windows(reader: &Reader, filter: &Filter, before_ms: i64) -> Result<Vec<DueRun>, Failure> {
    let mut due = Vec::new();
    let mut by_job: BTreeMap<JobId, BTreeMap<Position, (i64, String)>> = BTreeMap::new();
    for found in reader.due_before(before_ms)? {
        if filter.workflow.as_ref().is_some_and(|name| *name != found.workflow) {
            continue;
        }
        match found.standing {
            Standing::Queued if filter.job.is_none() => due.push(DueRun {
                due_ms: found.due_ms,
                workflow: found.workflow,
                run: None,
                request: None,
                origin: Some(found.origin),
            }),
            Standing::Queued => {}
            Standing::Run { job, position } => {
                if filter.job.is_none_or(|wanted| wanted == job) {
                    by_job.entry(job).or_default().insert(position, (found.due_ms, found.origin));
                }
            }
        }
    }
    for (job, deadlines) in by_job {
        let fates = Fates::of(reader, reader.job(job)?)?;
        let open: BTreeSet<Position> =
            deadlines.keys().copied().filter(|position| !fates.is_over(*position)).collect();
        let mut known = match Kept::open(reader, fates.record()) {
            Ok(kept) => kept.look_up(&open)?,
            Err(_) => Default::default(),
        };
        let mut found = fates.some(&open)?;
        for (position, (due_ms, origin)) in deadlines {
            if !open.contains(&position) {
                continue;
            }
            let fate = found.remove(&position);
            due.push(DueRun {
                due_ms,
                workflow: fates.record().workflow_name.clone(),
                run: Some((RunId { job, position }, fate)),
                request: known.remove(&position).and_then(|known| known.request),
                origin: Some(origin),
            });
        }
    }
    Ok(due)
}

/// Jobs on files that are not over.
fn of_files(reader: &Reader, filter: &Filter, before_ms: i64) -> Result<Vec<DueRun>, Failure> {
    let mut due = Vec::new();
    let is_open = |job: &JobRecord| matches!(job.status, Status::Open | Status::Held);
    for record in filter.jobs(reader)?.into_iter().filter(is_open) {
        if reader.window_of(record.id)?.is_some() {
            continue;
        }
        let kept = match Kept::open(reader, &record) {
            Ok(kept) => kept,
            Err(gone) => {
                anstream::eprintln!("note: of {} no deadlines are known: {gone}", record.id);
                continue;
            }
        };
        let (job, workflow) = (record.id, record.workflow_name.clone());
        let fates = Fates::of(reader, record)?;
        let mut deadlines = kept.deadlines(|position| !fates.is_over(position))?;
        deadlines.retain(|(_, _, due_ms)| *due_ms < before_ms);
        let wanted = deadlines.iter().map(|(position, ..)| *position).collect();
        let mut found = fates.some(&wanted)?;
        for (position, known, due_ms) in deadlines {
            let fate = found.remove(&position);
            due.push(DueRun {
                due_ms,
                workflow: workflow.clone(),
                run: Some((RunId { job, position }, fate)),
                request: known.request,
                origin: None,
            });
        }
    }
    Ok(due)
}

/// Where a request stands, in the words of `runs list`; of a run nothing may be written down yet.
fn standing(due: &DueRun) -> (&'static str, Option<&str>) {
    match &due.run {
        None => ("queued", None),
        Some((_, None)) => ("waiting", Some(Pause::Retry.word())),
        Some((_, Some(fate))) => (fate.state(), fate.reason()),
    }
}

fn object(due: &DueRun, now_ms: i64) -> serde_json::Value {
    let (state, reason) = standing(due);
    json!({
        "run": due.run.as_ref().map(|(run, _)| run.to_string()), "workflow": due.workflow,
        "request": due.request, "origin": due.origin, "due_at": moment(due.due_ms),
        "overdue": due.due_ms < now_ms, "state": state, "reason": reason,
    })
}

fn cells(due: &DueRun, now_ms: i64) -> Vec<String> {
    let (state, reason) = standing(due);
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), output::plain);
    vec![
        moment(due.due_ms),
        left(due.due_ms.saturating_sub(now_ms)),
        due.run.as_ref().map_or_else(|| "-".to_owned(), |(run, _)| run.to_string()),
        due.workflow.clone(),
        or_dash(due.request.as_deref()),
        state.to_owned(),
        or_dash(reason),
    ]
}

/// How much time is left, or by how much it is late, in the two largest units.
fn left(ms: i64) -> String {
    let minutes = ms.unsigned_abs() / 60_000;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let span = match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, hours) => format!("{hours}h {minutes}m"),
        (days, hours) => format!("{days}d {hours}h"),
    };
    if ms < 0 { format!("overdue by {span}") } else { span }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_two_units_and_what_is_late_as_such() {
        let minute = 60_000;

        assert_eq!(left(5 * minute), "5m");
        assert_eq!(left(61 * minute), "1h 1m");
        assert_eq!(left(25 * 60 * minute), "1d 1h");
        assert_eq!(left(-61 * minute), "overdue by 1h 1m");
    }
}
