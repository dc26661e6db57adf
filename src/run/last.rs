//! Whether the call that a run stands at is its last one, whatever the answer.
//!
//! Then nothing of the person need be kept until the answer comes: what is left of the run is how it
//! ends. A call is the last one if no step comes behind it, in its list or around its loop, or none
//! that could be entered. What is behind is asked before the answer is there, so that holds only where
//! nobody can read what the answer brings.

use super::facts::Program;
use super::machine::Run;
use crate::catalogue::Effect;
use crate::workflow::{Step, StepKind};

impl Run {
    /// Whether the run is over once its call is answered, so that nothing of the person need be kept.
    pub fn is_last_call(&self, program: &Program) -> bool {
        let Some(step) = self.current(program) else { return false };
        let StepKind::Action { action, success_when: None, .. } = &step.kind else { return false };
        let is_plain = step.repeat.is_none() && !step.continue_on_error;
        // Whom a read finds can be the reason why nothing was written.
        let ends_it = action.effect != Effect::Read || !program.workflow.writes;
        let may_go_on = self.reports || !program.workflow.on_failure.is_empty();
        is_plain && ends_it && !may_go_on && self.nothing_follows(program, step)
    }

    /// Whether no step can be entered behind the one that makes the call.
    fn nothing_follows(&self, program: &Program, call: &Step) -> bool {
        let all = program.workflow.steps.as_slice();
        if let [only] = self.frames.as_slice()
            && only.at + 1 == all.len()
        {
            return true;
        }
        if program.keeps_output(call) {
            return false;
        }
        let mut steps = all;
        // What stands behind each list, and the name of the loop in it, which is gone by then.
        let mut behind: Vec<(&[Step], &str)> = Vec::with_capacity(self.frames.len());
        for (depth, frame) in self.frames.iter().enumerate() {
            if let Some(around) = &frame.around {
                let goes_on = around.rest.len() > 0 || around.trouble.is_some();
                let leaves_traces = around.shadowed.is_some() || self.undo.len() != around.mark;
                if goes_on || leaves_traces {
                    return false;
                }
            }
            let Some((step, rest)) = steps.get(frame.at..).and_then(<[Step]>::split_first) else {
                return false;
            };
            match &step.kind {
                StepKind::ForEach { steps: body, name, .. } if depth + 1 < self.frames.len() => {
                    if step.continue_on_error || program.keeps_output(step) {
                        return false;
                    }
                    behind.push((rest, name));
                    steps = body;
                }
                _ => behind.push((rest, "")),
            }
        }
        (0..behind.len()).all(|depth| {
            let (rest, _) = behind.get(depth).copied().unwrap_or_default();
            let gone = behind.get(depth..).unwrap_or_default();
            rest.iter().all(|step| self.is_surely_skipped(step, gone))
        })
    }

    /// Whether a step is skipped now, and will be when these loops are over.
    fn is_surely_skipped(&self, step: &Step, gone: &[(&[Step], &str)]) -> bool {
        let is_gone = |first: &String| gone.iter().any(|(_, name)| first == name);
        step.condition.as_ref().is_some_and(|condition| {
            !condition.names().iter().any(|read| read.segments.first().is_some_and(is_gone))
                && condition.test(&self.scope) == Ok(false)
        })
    }
}
