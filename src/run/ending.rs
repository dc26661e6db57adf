//! How a run ends once its last call is answered, kept apart from the run.
//!
//! Nothing of a person is in it, so that whoever waits for the answer need not keep the run.

use super::facts::Program;
use super::finish::{Finish, Tally, Trouble};
use super::machine::Run;
use super::phases::Phase;
use super::refused::reason_of;
use crate::catalogue::Refusal;
use crate::job::Skip;
use crate::workflow::{Step, StepKind};

/// How a run ends whose last call is on its way; the same for every record that takes this course.
#[derive(Debug, Clone)]
pub struct Ending {
    tally: Tally,
    /// Whether the call writes.
    is_write: bool,
    /// Whether the call only tells of the run.
    is_telling: bool,
    workflow_writes: bool,
    /// Path of the step that makes the call.
    path: String,
}

impl Ending {
    /// The end of a run that stands at its last call: see [`Run::is_last_call`].
    pub(super) fn of(run: &Run, program: &Program) -> Ending {
        let is_write = match run.current(program) {
            Some(Step { kind: StepKind::Action { action, .. }, .. }) => action.effect.writes(),
            Some(_) | None => false,
        };
        Ending {
            tally: Tally { stopped: run.tally.stopped || run.stopped, ..run.tally.clone() },
            is_write,
            is_telling: run.phase != Phase::Steps,
            workflow_writes: program.workflow.writes,
            path: run.path(program),
        }
    }

    /// Whether a write of the run was accepted before that call.
    pub fn has_written(&self) -> bool {
        self.tally.accepted
    }

    /// Path of the step that makes the call.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// When the call was accepted.
    pub fn accepted(&self) -> Finish {
        self.finish(Tally { accepted: self.tally.accepted || self.is_write, ..self.tally.clone() })
    }

    /// When the call was not made, because of what is there.
    pub fn passed(&self, why: Skip) -> Finish {
        let passed = if self.is_telling { self.tally.passed } else { Some(why) };
        self.finish(Tally { passed, ..self.tally.clone() })
    }

    /// When the call was refused.
    pub fn refused(&self, refusal: Refusal) -> Finish {
        let trouble = Trouble {
            reason: reason_of(&refusal),
            code: refusal.code.to_owned(),
            step: Some(self.path.clone()),
            message: refusal.message.into_owned(),
        };
        self.finish(Tally { trouble: Some(trouble), ..self.tally.clone() })
    }

    fn finish(&self, tally: Tally) -> Finish {
        tally.finish(self.workflow_writes)
    }
}
