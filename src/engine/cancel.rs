//! Giving a job up: every request that is not over ends as cancelled, and is listed.
//!
//! What was not finished is known only by its place in the input, so the input is read once more. Without
//! it the journal still says that the job was cancelled, and the summary how many requests that ended.

use std::collections::HashSet;
use std::sync::Arc;

use super::job::facts;
use super::look::request_of;
use super::planned::ended;
use super::recall::Recall;
use super::runs::About;
use super::task::EngineError;
use crate::intake::Records;
use crate::job::{Ended, Fail, IdEntry, State, StepAnswer, Verdict};
use crate::journal::{JobRecord, Sealed};
use crate::request::{Identity, Spare, Warnings, identity};
use crate::run::{Finish, Program, Trouble};
use crate::workflow::{Step, StepKind, Workflow};

/// Records looked at together, and written down together.
const TOGETHER: usize = 512;

/// Calls `see` with the ends of everything in the input that is not over, and with what these requests leave for
/// looks at their people.
pub fn cancelled(
    record: &JobRecord,
    state: &State,
    workflow: &Arc<Workflow>,
    mut records: Records,
    recall: Option<&Recall>,
    mut see: impl FnMut(Vec<Ended>, Sealed),
) -> Result<(), EngineError> {
    let program = Program::new(Arc::clone(workflow), facts(record));
    let writes = Writes::of(workflow);
    while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20).map_err(EngineError::Input)? {
        let mut sealed = Sealed::new();
        let open = chunk.records().filter(|record| !state.is_finished(record.position()));
        let ends: Vec<Ended> = open
            .map(|raw| {
                let position = raw.position();
                let place = Identity::Place { input: &record.input_digest, position };
                let request = request_of(&program, raw, &mut Warnings::default(), &mut Spare::default()).ok();
                recall.into_iter().for_each(|recall| recall.seal(position, request.as_ref(), &mut sealed));
                let content = request.as_ref().map_or(0, |request| request.digest.0);
                let given = request.and_then(|request| request.id);
                let key = identity(&workflow.name, given.as_deref().map_or(place, Identity::Id));
                let id = IdEntry { key, content };
                let about = About::of(position, raw.line(), given, id);
                ended(&about, finish(writes.any_accepted(state.answers_of(position))))
            })
            .collect();
        if !ends.is_empty() {
            see(ends, sealed);
        }
    }
    Ok(())
}

/// The steps of a workflow that write, as reports name them.
pub(super) struct Writes<'w>(HashSet<&'w str>);

impl<'w> Writes<'w> {
    pub(super) fn of(workflow: &'w Workflow) -> Writes<'w> {
        let mut labels = HashSet::new();
        let mut left: Vec<&Step> = workflow.lists().flatten().collect();
        while let Some(step) = left.pop() {
            match &step.kind {
                StepKind::Action { action, .. } if action.effect.writes() => {
                    labels.insert(step.label.as_str());
                }
                StepKind::ForEach { steps, .. } => left.extend(steps),
                _ => {}
            }
        }
        Writes(labels)
    }

    /// Whether a write was accepted among what a request was told.
    pub(super) fn any_accepted(&self, answers: &[StepAnswer]) -> bool {
        // `loop[3].step`, and `step#2` of one that makes several calls.
        let label = |path: &'_ str| {
            let last = path.rsplit('.').next().unwrap_or(path);
            last.split('#').next().is_some_and(|label| self.0.contains(label))
        };
        answers.iter().any(|answer| answer.accepted && label(&answer.step))
    }
}

fn finish(accepted: bool) -> Finish {
    let reason = Fail::Cancelled;
    let message = "the job was cancelled before this request was finished: run it again in another job";
    let trouble = Trouble { reason, code: reason.word().to_owned(), step: None, message: message.to_owned() };
    Finish {
        verdict: Verdict::Failed(reason),
        accepted,
        verified: false,
        tolerated: false,
        failure: Some(trouble),
    }
}
