//! The requests of a job whose people are looked for again, and by what.
//!
//! Which requests these are is for [`ToLookAt`] to say. It follows from events that never change, so a look that is
//! taken up again looks at the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::input::Kept;
use crate::engine::task::EngineError;
use crate::intake::{Chosen, Input};
use crate::job::{Finished, JobId, Position, ToLookAt};
use crate::journal::{self, JobRecord, Reader, Store, StoreError};
use crate::run::Sought;

/// The requests of a job whose people are looked for again, of those that ended behind one event and up to another.
pub fn watched(reader: &Reader, job: JobId, from_event: i64, to_event: i64) -> Result<Finished, StoreError> {
    to_look_at(reader, job, (from_event, to_event)).map(ToLookAt::found)
}

/// Those of them that a person gave up.
pub fn watched_given_up(reader: &Reader, job: JobId, span: (i64, i64)) -> Result<Finished, StoreError> {
    to_look_at(reader, job, span).map(|fold| fold.given_up().clone())
}

/// Those of some requests of a job that erased somebody, or may have.
pub fn erased_among<'p>(
    reader: &Reader,
    job: JobId,
    positions: impl IntoIterator<Item = &'p Position>,
) -> Result<Vec<Position>, StoreError> {
    let fold = to_look_at(reader, job, (0, i64::MAX))?;
    Ok(positions.into_iter().copied().filter(|position| fold.has_erased(*position)).collect())
}

/// What a job's events behind one and up to another say of whom is to be looked for.
pub(in crate::engine) fn to_look_at(
    reader: &Reader,
    job: JobId,
    (from_event, to_event): (i64, i64),
) -> Result<ToLookAt, StoreError> {
    let mut fold = ToLookAt::behind(from_event);
    for recorded in reader.events(job) {
        let recorded = recorded?;
        if recorded.number > to_event {
            break;
        }
        fold.apply(recorded.number, &recorded.event);
    }
    Ok(fold)
}

/// By how many identifiers of each kind requests of a job are looked for: what they name, as far as their input is
/// there, and with `covered` what else their erasure covered.
pub fn looked_for_by(
    store: &Store,
    record: &JobRecord,
    (from_event, to_event): (i64, i64),
    covered: bool,
) -> Result<BTreeMap<String, u64>, EngineError> {
    let reader = store.reader();
    let records = watched(reader, record.id, from_event, to_event)?;
    let mut counts = BTreeMap::new();
    store.each_sought(record.id, |position, sought| {
        if let journal::Sought::Kept(plain) = sought
            && covered
            && records.contains(position)
        {
            Sought::of_bytes(&plain).unwrap_or_default().count(&mut counts);
        }
    })?;
    let Ok(kept) = Kept::open(reader, record) else { return Ok(counts) };
    kept.each(
        Position::MAX,
        |position| records.contains(position),
        |_, _, request| {
            let subject = request.and_then(|request| request.scope.get("subject"));
            subject.into_iter().for_each(|subject| Sought::named(subject).count(&mut counts));
        },
    )?;
    Ok(counts)
}

/// Requests of a job for whose person looks ask by one of these identifiers, by their digests
/// (`request::Named::identifiers`), though the request does not name it.
pub fn sought_like(store: &Store, job: JobId, like: &[u128]) -> Result<Vec<Position>, StoreError> {
    let mut found = Vec::new();
    store.each_sought(job, |position, sought| {
        if let journal::Sought::Kept(plain) = sought
            && Sought::of_bytes(&plain)
                .is_some_and(|sought| sought.digests().iter().any(|own| like.contains(own)))
        {
            found.push(position);
        }
    })?;
    Ok(found)
}

/// The input of a job, of a look only what it looks at.
pub fn looked_at(reader: &Reader, record: &JobRecord, input: Input) -> Result<Input, StoreError> {
    let Some((of, from_event, to_event)) = record.looks_at() else { return Ok(input) };
    let records = Arc::new(watched(reader, of, from_event, to_event)?);
    Ok(input.only(Chosen { of, from_event, to_event, records }))
}
