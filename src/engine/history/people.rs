//! Whose requests these are: found by digests of identifiers, which are never shown or kept plain.
//!
//! Requests that end well leave nothing of a person behind, so they are found only while their input is
//! there. Of those that failed or wait for a person, the journal keeps keyed digests.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::fates::Fates;
use super::input::{Gone, Kept};
use crate::engine::task::EngineError;
use crate::job::{Event, Finished, Identified, Pause, Position, Verdict};
use crate::journal::{JobRecord, Pseudonyms, Reader, StoreError};
use crate::request::{Named, identifiers};

/// Requests identified by one event.
const TOGETHER: usize = 256;

/// The requests of a job whose subject is named so, and why its input could not be asked: then
/// only requests that failed or wait for a person are found.
pub fn requests_of(
    reader: &Reader,
    record: &JobRecord,
    named: &Named,
) -> Result<(HashSet<Position>, Option<Gone>), EngineError> {
    requests_like(reader, record, &named.identifiers())
}

/// The same by digests of the identifier (`request::Named::identifiers`).
pub(super) fn requests_like(
    reader: &Reader,
    record: &JobRecord,
    like: &[u128],
) -> Result<(HashSet<Position>, Option<Gone>), EngineError> {
    let mut found = HashSet::new();
    match Kept::open(reader, record) {
        Ok(kept) => {
            kept.each(
                Position::MAX,
                |_| true,
                |position, _, request| {
                    let own = request.map(|request| identifiers(&request.scope)).unwrap_or_default();
                    if own.iter().any(|identifier| like.contains(identifier)) {
                        found.insert(position);
                    }
                },
            )?;
            Ok((found, None))
        }
        Err(gone) => {
            let pseudonyms = reader.pseudonyms()?;
            let like: Vec<[u8; 16]> = like.iter().map(|identifier| pseudonyms.of(*identifier)).collect();
            for recorded in reader.events(record.id) {
                let Event::Identified { identified } = recorded?.event else { continue };
                let is_own = |one: &&Identified| one.identifiers.iter().any(|own| like.contains(own));
                found.extend(identified.iter().filter(is_own).map(|one| one.position));
            }
            Ok((found, Some(gone)))
        }
    }
}

/// Gives what the journal is to keep of the people of a job's requests that failed or wait for a person,
/// event by event: a file of which every request failed is as long as it is.
pub(in crate::engine) fn identify(
    reader: &Reader,
    kept: &Kept,
    mut give: impl FnMut(Event),
) -> Result<(), EngineError> {
    let (wanted, last) = to_be_identified(reader, kept.record().clone())?;
    let Some(last) = last else { return Ok(()) };
    let pseudonyms: Pseudonyms = reader.pseudonyms()?;
    let mut together = Vec::with_capacity(TOGETHER);
    kept.each(
        last,
        |position| wanted.contains(position),
        |position, _, request| {
            let plain = request.map(|request| identifiers(&request.scope)).unwrap_or_default();
            let identifiers = plain.into_iter().map(|identifier| pseudonyms.of(identifier)).collect();
            together.push(Identified { position, identifiers });
            if together.len() == TOGETHER {
                let identified = std::mem::replace(&mut together, Vec::with_capacity(TOGETHER));
                give(Event::Identified { identified });
            }
        },
    )?;
    if !together.is_empty() {
        give(Event::Identified { identified: together });
    }
    Ok(())
}

/// Which requests, a bit for each, and the last of them.
fn to_be_identified(reader: &Reader, record: JobRecord) -> Result<(Finished, Option<Position>), StoreError> {
    let mut known = Finished::default();
    for recorded in reader.events(record.id) {
        if let Event::Identified { identified } = recorded?.event {
            for one in identified {
                known.insert(one.position);
            }
        }
    }
    let (mut wanted, mut last) = (Finished::default(), None);
    let told: ControlFlow<()> = Fates::of(reader, record)?.each(|fate| {
        let is_to_be_found = match fate.verdict {
            Verdict::Failed(_) => true,
            Verdict::Waiting(pause) => {
                matches!(pause, Pause::NeedsAttention | Pause::Wait | Pause::Approval)
            }
            Verdict::Done | Verdict::Skipped(_) => false,
        };
        if is_to_be_found && !known.contains(fate.position) {
            wanted.insert(fate.position);
            last = last.max(Some(fate.position));
        }
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    debug_assert!(told.is_continue());
    Ok((wanted, last))
}
