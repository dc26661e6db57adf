//! Giving a job up: every request that is not over ends as cancelled, and is listed.
//!
//! What was not finished is known only by its place in the input, so the input is read once more. Without
//! it the journal still says that the job was cancelled, and the summary how many requests that ended.

use std::sync::Arc;

use super::job::facts;
use super::look::request_of;
use super::planned::ended;
use super::runs::About;
use super::task::EngineError;
use crate::intake::Records;
use crate::job::{Ended, Fail, IdEntry, State, Verdict};
use crate::journal::JobRecord;
use crate::request::{Identity, Spare, Warnings, identity};
use crate::run::{Finish, Program, Trouble};
use crate::workflow::Workflow;

/// Records looked at together, and written down together.
const TOGETHER: usize = 512;

/// Calls `see` with the ends of everything in the input that is not over.
pub fn cancelled(
    record: &JobRecord,
    state: &State,
    workflow: &Arc<Workflow>,
    mut records: Records,
    mut see: impl FnMut(Vec<Ended>),
) -> Result<(), EngineError> {
    let program = Program::new(Arc::clone(workflow), facts(record));
    while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20).map_err(EngineError::Input)? {
        let open = chunk.records().filter(|record| !state.is_finished(record.position()));
        let ends: Vec<Ended> = open
            .map(|raw| {
                let position = raw.position();
                let place = Identity::Place { input: &record.input_digest, position };
                let request = request_of(&program, raw, &mut Warnings::default(), &mut Spare::default()).ok();
                let content = request.as_ref().map_or(0, |request| request.digest.0);
                let given = request.and_then(|request| request.id);
                let key = identity(&workflow.name, given.as_deref().map_or(place, Identity::Id));
                let id = IdEntry { key, content };
                let about = About::of(position, raw.line(), given, id);
                ended(&about, finish())
            })
            .collect();
        if !ends.is_empty() {
            see(ends);
        }
    }
    Ok(())
}

fn finish() -> Finish {
    let reason = Fail::Cancelled;
    let message = "the job was cancelled before this request was finished: run it again in another job";
    let trouble = Trouble { reason, code: reason.word().to_owned(), step: None, message: message.to_owned() };
    Finish {
        verdict: Verdict::Failed(reason),
        accepted: false,
        verified: false,
        tolerated: false,
        failure: Some(trouble),
    }
}
