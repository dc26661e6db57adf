//! What a run asks somebody at an `approve` step, and what their answer does.
//!
//! A run waits for an answer however long it takes; who may give one, and that it is kept, is decided
//! elsewhere.

use serde_json::Value;

use super::facts::Program;
use super::machine::{Pending, Run};
use crate::job::Fail;
use crate::workflow::StepKind;

impl Run {
    /// What the `approve` step asks at which the run stands.
    pub(super) fn question(&self, program: &Program) -> String {
        let asks = match self.current(program).map(|step| &step.kind) {
            Some(StepKind::Approve(approve)) => approve.message.as_ref(),
            _ => None,
        };
        asks.map_or_else(|| "somebody must approve it".to_owned(), |leaf| leaf.redacted(&self.scope))
    }

    /// Tells a run that waits for an answer what somebody said; nothing to a run that does not.
    pub fn decide(&mut self, program: &Program, approved: bool) {
        if self.pending != Pending::Approval {
            return;
        }
        let Some(step) = self.current(program) else { return };
        self.pending = Pending::Nothing;
        if approved {
            return self.end_step(program, step, "done", Value::Null);
        }
        let message = "somebody was asked and said no".to_owned();
        let trouble = self.trouble(program, Fail::GuardRejected, Fail::GuardRejected.word(), message);
        self.fail(program, step, trouble);
    }
}
