//! Requests that wait for a person in other jobs: the same request must not be sent by this one.

use std::collections::{BTreeSet, HashMap};

use super::fate::PARKED_ELSEWHERE;
use super::fates::Fates;
use super::input::Kept;
use crate::engine::task::EngineError;
use crate::job::RunId;
use crate::journal::{JobRecord, Reader};

/// The entries in the index of ids of all requests that wait for a person in other jobs of a workflow.
/// One that waits only because of another is left out, so that no two wait for each other.
pub(in crate::engine) fn parked_elsewhere(
    reader: &Reader,
    job: &JobRecord,
) -> Result<HashMap<[u8; 16], RunId>, EngineError> {
    let mut parked = HashMap::new();
    for other in reader.open_jobs(&job.workflow_name)?.into_iter().filter(|other| other.id != job.id) {
        let fates = Fates::of(reader, other)?;
        let mut unnamed = BTreeSet::new();
        for fate in fates.parked().filter(|fate| fate.code() != Some(PARKED_ELSEWHERE)) {
            let run = RunId { job: fates.record().id, position: fate.position };
            match fate.key {
                Some(key) => drop(parked.insert(key, run)),
                None => drop(unnamed.insert(fate.position)),
            }
        }
        // A process that was killed wrote down no more than which records it had sent.
        if !unnamed.is_empty()
            && let Ok(kept) = Kept::open(reader, fates.record())
        {
            let known = kept.look_up(&unnamed)?.into_iter();
            parked.extend(
                known.map(|(position, known)| (known.key, RunId { job: fates.record().id, position })),
            );
        }
    }
    Ok(parked)
}
