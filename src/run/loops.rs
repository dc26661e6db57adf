//! Going through a loop: item after item, each with the variables as they were before it.
//!
//! An item that fails does not stop the others; the loop fails when it is through.

use serde_json::Value;

use super::facts::Program;
use super::frame::{Frame, Loop, steps_of, take_outputs};
use super::machine::Run;
use crate::condition::Condition;
use crate::workflow::{Step, StepKind};

impl Run {
    /// Begins a loop with its first item; a loop over nothing is over.
    pub(super) fn enter_loop(&mut self, program: &Program, step: &Step, list: &Condition) {
        let items = match list.value(&self.scope) {
            Ok(Value::Array(items)) => items,
            Ok(_) => {
                return self.fail_evaluation(program, step, "for_each", "the value is not a list");
            }
            Err(error) => return self.fail_evaluation(program, step, "for_each", &error.to_string()),
        };
        if items.is_empty() {
            self.tally.empty_loop = true;
            return self.end_step(program, step, "done", Value::Array(Vec::new()));
        }
        let StepKind::ForEach { name, .. } = &step.kind else { return };
        let around = Loop {
            rest: items.into_iter(),
            number: 0,
            shadowed: self.scope.remove(name),
            mark: self.undo.len(),
            outputs: Vec::new(),
            trouble: None,
        };
        self.frames.push(Frame { at: 0, around: Some(Box::new(around)) });
        self.take_item(program);
    }

    /// Puts the next item of the innermost loop into the scope, or leaves the loop.
    fn take_item(&mut self, program: &Program) {
        let depth = self.frames.len().saturating_sub(1);
        let outer = self.frames.get(..depth).unwrap_or_default();
        let step = outer.last().and_then(|frame| steps_of(program.list(self.phase), outer).get(frame.at));
        let Some(Step { kind: StepKind::ForEach { name, .. }, .. }) = step else { return };
        let Some(Frame { at, around: Some(around) }) = self.frames.last_mut() else { return };
        match around.rest.next() {
            Some(item) => {
                *at = 0;
                self.scope.set(name, item);
            }
            None => self.leave_loop(program),
        }
    }

    /// Ends the innermost loop, with what its iterations came to.
    fn leave_loop(&mut self, program: &Program) {
        let Some(Frame { around: Some(around), .. }) = self.frames.pop() else { return };
        let Some(step) = self.current(program) else { return };
        let StepKind::ForEach { name, .. } = &step.kind else { return };
        match around.shadowed {
            Some(value) => self.scope.set(name, value),
            None => drop(self.scope.remove(name)),
        }
        match around.trouble {
            Some(trouble) => self.fail(program, step, trouble),
            None => self.end_step(program, step, "done", Value::Array(around.outputs)),
        }
    }

    /// Ends the loops that a `stop` left open: what failed in them before still counts.
    pub(super) fn leave_loops(&mut self, program: &Program) {
        while self.frames.len() > 1 {
            self.leave_loop(program);
        }
    }

    /// Keeps what the steps of an iteration came to, undoes what they set, and goes on.
    pub(super) fn end_iteration(&mut self, program: &Program, body: &[Step]) {
        let output = match self.scope.data_mut().get_mut("steps") {
            Some(Value::Object(steps)) => take_outputs(body, steps),
            _ => Value::Null,
        };
        let mut mark = self.undo.len();
        if let Some(Frame { around: Some(around), .. }) = self.frames.last_mut() {
            around.outputs.push(output);
            around.number += 1;
            mark = around.mark;
        }
        self.roll_back(mark);
        self.take_item(program);
    }
}
