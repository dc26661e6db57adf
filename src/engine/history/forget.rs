//! Forgetting a person: which runs are theirs, and ending those that are not over.
//!
//! A run that is forgotten is over for good: it failed, and nobody can have it tried again. Destroying what is
//! kept of it is the work of `journal`.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Accepted, write_down};
use super::fates::Fates;
use super::input::{Gone, Kept, Known};
use super::people::requests_like;
use crate::engine::task::EngineError;
use crate::job::{Ended, Event, Fail, Failure, IdEntry, Position, Stopped, Verdict};
use crate::journal::{JobRecord, Reader, Store, StoreError};

/// Runs of one person in one job.
#[derive(Debug)]
pub struct Theirs {
    /// Their records, with what these say of themselves as far as that is known.
    pub runs: BTreeMap<Position, Option<Known>>,
    /// Why the input could not be asked; then only runs that failed or waited for a person were found.
    pub gone: Option<Gone>,
}

/// The runs of a job whose subject has one of these identifiers, by their digests
/// (`request::Named::identifiers`).
pub fn runs_of(reader: &Reader, record: &JobRecord, like: &[u128]) -> Result<Theirs, EngineError> {
    let (found, gone) = requests_like(reader, record, like)?;
    let wanted: BTreeSet<Position> = found.into_iter().collect();
    let mut known = match Kept::open(reader, record) {
        Ok(kept) if !wanted.is_empty() => kept.look_up(&wanted)?,
        Ok(_) | Err(_) => Default::default(),
    };
    let runs = wanted.into_iter().map(|position| (position, known.remove(&position))).collect();
    Ok(Theirs { runs, gone })
}

/// Ends those runs that are not over; the job is finished when nothing else is left of it. Gives how many.
pub async fn forget(store: &Store, fates: &Fates, theirs: &Theirs, at_ms: i64) -> Result<u64, StoreError> {
    let open: BTreeSet<Position> =
        theirs.runs.keys().copied().filter(|position| !fates.is_over(*position)).collect();
    if open.is_empty() || fates.record().status.is_closed() {
        return Ok(0);
    }
    let mut told = fates.some(&open)?;
    let writes = Accepted::of(fates);
    let mut ended = Vec::with_capacity(open.len());
    for position in &open {
        let known = theirs.runs.get(position).and_then(Option::as_ref);
        let fate = told.remove(position);
        let noted = fate.as_ref().and_then(|fate| fate.failure.clone());
        let key = fate.as_ref().and_then(|fate| fate.key).or(known.map(|known| known.key));
        ended.push(Ended {
            position: *position,
            verdict: Verdict::Failed(Fail::Forgotten),
            accepted: fate.as_ref().is_some_and(|fate| writes.is_any(fate)),
            verified: fate.as_ref().is_some_and(|fate| fate.verified),
            id: IdEntry { key: key.unwrap_or([0; 16]), content: known.map_or(0, |known| known.content) },
            failure: Some(Failure {
                request: known
                    .and_then(|known| known.request.clone())
                    .or_else(|| noted.as_ref().and_then(|noted| noted.request.clone())),
                line: known.map(|known| known.line).or(noted.map(|noted| noted.line)).unwrap_or(0),
                step: fate.as_ref().and_then(|fate| fate.step().map(str::to_owned)),
                code: Fail::Forgotten.word().to_owned(),
                message: FORGOTTEN.to_owned(),
            }),
        });
    }
    let count = ended.len() as u64;
    let presumed = store.reader().presumed(fates.record().id, Some(&open), at_ms)?;
    let mut events: Vec<Event> = presumed.into_iter().map(Event::Presumed).collect();
    events.push(Event::Ended { ended });
    let records = fates.state().totals().records;
    if records.is_some_and(|records| fates.over() + count == records) {
        let (elapsed_ms, finished, unmapped) = (0, true, Vec::new());
        events.push(Event::Stopped(Stopped { at_ms, elapsed_ms, finished, records, unmapped }));
    }
    write_down(store, fates.record().id, events).await?;
    Ok(count)
}

/// What stands with a request that was forgotten.
pub(in crate::engine) const FORGOTTEN: &str = "what was kept of it was destroyed before it was finished: the person was forgotten, or it was carried out \
     after the backup that this store was put back from; bring the request again if it must be carried out";
