//! Carrying out steps: conditions, loops, `set` and the steps that need no service.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::facts::Program;
use super::finish::Trouble;
use super::frame::{Frame, steps_of, writes};
use super::machine::{Next, Pending, Prepared, Run, Undo};
use super::phases::Phase;
use super::refused::{NO_PROFILE, UNKNOWN_PROFILE, reason_of};
use crate::catalogue::Action;
use crate::condition::Condition;
use crate::job::Fail;
use crate::plan::Call;
use crate::workflow::{Repeat, Setting, Step, StepKind};

/// The code of a canary's call that would erase somebody else.
pub const NOT_THE_CANARY: &str = "not_the_canary";
const NOT_THE_CANARY_SAID: &str = "the workflow found somebody else under what the canary is known by, and would erase them: find out whose profile \
     that is, or give the canary another address";

/// What a step's `if` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// The step is to be carried out.
    Yes,
    /// It is false: the step is over.
    Skipped,
    /// It cannot be evaluated: the step is over and has failed.
    Failed,
}

impl Run {
    /// The next step to begin, closing iterations and loops that are through; `None` at the end.
    pub(super) fn advance<'p>(&mut self, program: &'p Program) -> Option<&'p Step> {
        loop {
            if self.tally.trouble.is_some() || self.stopped {
                return None;
            }
            let steps = steps_of(program.list(self.phase), &self.frames);
            let frame = self.frames.last()?;
            if let Some(step) = steps.get(frame.at) {
                return Some(step);
            }
            frame.around.as_ref()?;
            self.end_iteration(program, steps);
        }
    }

    /// Begins a step. `None` when it is already over and the run can go on.
    pub(super) fn begin(&mut self, program: &Program, step: &Step, now_ms: i64) -> Option<Next> {
        match self.enter(program, step) {
            Entered::Yes => self.carry_out(program, step, now_ms),
            Entered::Skipped | Entered::Failed => None,
        }
    }

    /// Asks a step's `if`; a step that is not entered is over.
    pub(super) fn enter(&mut self, program: &Program, step: &Step) -> Entered {
        match step.condition.as_ref().map_or(Ok(true), |condition| condition.test(&self.scope)) {
            Ok(true) => Entered::Yes,
            Ok(false) => {
                self.skip(program, step);
                Entered::Skipped
            }
            Err(error) => {
                self.fail_evaluation(program, step, "if", &error.to_string());
                Entered::Failed
            }
        }
    }

    /// Carries out a step that was entered; `None` as for [`Run::begin`].
    pub(super) fn carry_out(&mut self, program: &Program, step: &Step, now_ms: i64) -> Option<Next> {
        match &step.kind {
            StepKind::Action { .. } => {
                self.pending = Pending::Call { number: 0, first_at_ms: None };
                match self.prepare_dated(program, step) {
                    Ok(prepared) => return Some(Next::Call(prepared)),
                    Err(trouble) => self.fail(program, step, trouble),
                }
            }
            StepKind::Composed(_) => return self.enter_composed(program, step, now_ms),
            StepKind::Set(settings) => self.set(program, step, settings),
            StepKind::ForEach { list, .. } => self.enter_loop(program, step, list),
            StepKind::Wait(duration) => {
                let wait_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                self.pending = Pending::Wait { until_ms: now_ms.saturating_add(wait_ms) };
            }
            StepKind::Approve(_) => self.pending = Pending::Approval,
            StepKind::Assert { that, message } => match that.test(&self.scope) {
                Ok(true) => self.end_step(program, step, "done", Value::Null),
                Ok(false) => {
                    let said = message.as_ref().map(|leaf| leaf.redacted(&self.scope));
                    let text = said.unwrap_or_else(|| "the assertion does not hold".to_owned());
                    let trouble = self.trouble(program, Fail::Assert, Fail::Assert.word(), text);
                    self.fail(program, step, trouble);
                }
                Err(error) => self.fail_evaluation(program, step, "assert", &error.to_string()),
            },
            StepKind::Fail(message) => {
                let text = message.redacted(&self.scope);
                let trouble = self.trouble(program, Fail::Fail, Fail::Fail.word(), text);
                self.fail(program, step, trouble);
            }
            StepKind::Stop(reason) => {
                if let Some(reason) = reason {
                    self.log.push(reason.redacted(&self.scope));
                }
                self.stopped = true;
            }
            StepKind::Log(message) => {
                self.log.push(message.redacted(&self.scope));
                self.end_step(program, step, "done", Value::Null);
            }
        }
        None
    }

    /// Renders the call of an action step and says how new what it sets is.
    pub(super) fn prepare_dated(&mut self, program: &Program, step: &Step) -> Result<Prepared, Trouble> {
        let mut prepared = self.prepare(program, step)?;
        self.date(program, &mut prepared.call);
        self.check_whom(program, &prepared.call)?;
        if let Some(cover) = &mut self.cover {
            let system = &prepared.call.action().system;
            cover.note(&mut prepared.call, &program.spaces().of(system, prepared.profile.as_deref()));
        }
        Ok(prepared)
    }

    /// Says how new what a call sets is. With somebody's last profile Braze forgets their opt-out, however new it was:
    /// one that the run sets behind its own erasure is as new as that, so nothing from before stands in its way.
    /// Anything but an opt-out from before an erasure is for the gate, which refuses it.
    pub(super) fn date(&mut self, program: &Program, call: &mut Call) {
        let Some(times) = &mut self.times else { return };
        times.date(program, self.position, call);
        if let Some(erased_ms) = self.erased_ms() {
            call.date_opt_outs_at_least(erased_ms);
        }
    }

    /// When the run's own erasure was accepted, in Unix milliseconds.
    pub(super) fn erased_ms(&self) -> Option<i64> {
        self.cover.as_ref().and_then(|cover| cover.erased_ms())
    }

    /// Refuses a call that would erase somebody else than the person who does not exist.
    pub(super) fn check_whom(&self, program: &Program, call: &Call) -> Result<(), Trouble> {
        match self.cover.as_ref().is_some_and(|cover| cover.forbids(call)) {
            true => Err(self.trouble(program, Fail::Refused, NOT_THE_CANARY, NOT_THE_CANARY_SAID.to_owned())),
            false => Ok(()),
        }
    }

    /// Renders the call of an action step.
    pub(super) fn prepare(&self, program: &Program, step: &Step) -> Result<Prepared, Trouble> {
        let StepKind::Action { action, with, .. } = &step.kind else {
            return Err(self.trouble(program, Fail::Template, "template", "the step makes no call".into()));
        };
        let template = |error: &dyn std::fmt::Display| {
            self.trouble(program, Fail::Template, Fail::Template.word(), error.to_string())
        };
        let profile = self.profile(program, step, action)?;
        let cast = program.mold(step.number).and_then(|mold| mold.cast(&self.scope, &self.extra));
        if let Some(call) = cast {
            return Ok(Prepared { step: step.number, profile, call: Box::new(call) });
        }
        let body = with
            .render(&self.scope, &self.extra)
            .map_err(|error| template(&error))?
            .unwrap_or_else(|| Value::Object(Map::new()));
        let call = Call::new(action, &body).map_err(|refusal| {
            self.trouble(program, reason_of(&refusal), refusal.code, refusal.message.into_owned())
        })?;
        Ok(Prepared { step: step.number, profile, call: Box::new(call) })
    }

    /// The profile of an action step: its own, else the workflow's for the action's system.
    pub(super) fn profile(
        &self,
        program: &Program,
        step: &Step,
        action: &Action,
    ) -> Result<Option<Arc<str>>, Trouble> {
        let Some(leaf) = &step.profile else {
            let of_report = || self.phase.is_report().then(|| self.profile_of_report(program)).flatten();
            return Ok(of_report().or_else(|| program.profile_of(&action.system)));
        };
        let template = |problem: String| {
            self.trouble(program, Fail::Template, Fail::Template.word(), format!("in `profile`: {problem}"))
        };
        match leaf.render(&self.scope, &self.extra) {
            Ok(Some(Value::String(name))) => Ok(Some(Arc::from(name))),
            Ok(_) => Err(template("it is not a string".to_owned())),
            Err(error) => Err(template(error.to_string())),
        }
    }

    /// Whether a call succeeded and whether it need not be repeated: (success, until).
    pub(super) fn judge(
        &mut self,
        output: &Value,
        status: u16,
        repeat: Option<&Repeat>,
        success: Option<&Condition>,
    ) -> Result<(bool, bool), String> {
        self.scope.set("output", output.clone());
        self.scope.set("response", json!({ "status": status, "body": output }));
        let test = |condition: &Condition, what: &str| {
            condition.test(&self.scope).map_err(|error| format!("in `{what}`: {error}"))
        };
        let judged = success.map_or(Ok(true), |success| test(success, "success_when")).and_then(|success| {
            Ok((success, repeat.map_or(Ok(true), |repeat| test(&repeat.until, "until"))?))
        });
        self.scope.remove("output");
        self.scope.remove("response");
        judged
    }

    /// Ends the step the run stands at and moves on.
    pub(super) fn end_step(&mut self, program: &Program, step: &Step, status: &str, output: Value) {
        if let Some(id) = &step.id
            && program.keeps_output(step)
            && let Some(Value::Object(steps)) = self.scope.get_mut("steps")
        {
            steps.insert(id.clone(), json!({ "status": status, "output": output }));
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.at += 1;
        }
    }

    /// Ends the step the run stands at as failed; what that means depends on where it stands.
    pub(super) fn fail(&mut self, program: &Program, step: &Step, trouble: Trouble) {
        self.pending = Pending::Nothing;
        self.inside = None;
        let is_asked_for = program.workflow.report.as_ref().is_some_and(|report| report.is_asked_for);
        if self.phase.is_report() && trouble.code == NO_PROFILE && !is_asked_for {
            // Whoever has no profile of OneTrust reports nothing, and needs none.
            self.reports = false;
            self.log.push(format!("nothing is reported: {}", trouble.message));
            return self.end_step(program, step, "failed", Value::Null);
        }
        if self.phase == Phase::Begin && [UNKNOWN_PROFILE, NO_PROFILE].contains(&trouble.code.as_str()) {
            // Nobody knows whom to report to: better nothing is done than done and not reported.
            self.tally.trouble = Some(trouble);
            return;
        }
        if step.continue_on_error {
            self.tally.tolerated = true;
            self.log.push(format!("step `{}` failed and is tolerated: {}", step.label, trouble.message));
            return self.end_step(program, step, "failed", Value::Null);
        }
        match self.frames.last_mut() {
            Some(Frame { at, around: Some(around) }) => {
                around.trouble.get_or_insert(trouble);
                *at = usize::MAX;
            }
            Some(_) | None if self.phase.is_after_failure() => {
                self.note_also(&trouble);
                self.end_step(program, step, "failed", Value::Null);
            }
            Some(_) | None => self.tally.trouble = Some(trouble),
        }
    }

    /// Undoes changes of `vars` down to a mark.
    pub(super) fn roll_back(&mut self, mark: usize) {
        while self.undo.len() > mark {
            let Some(undo) = self.undo.pop() else { return };
            let Some(Value::Object(vars)) = self.scope.get_mut("vars") else { continue };
            match undo {
                Undo::Restore(name, Some(value)) => drop(vars.insert(name, value)),
                Undo::Restore(name, None) => drop(vars.shift_remove(&name)),
                Undo::Empty(at) => {
                    if let Some(value) = vars.values_mut().nth(at) {
                        *value = Value::Null;
                    }
                }
            }
        }
    }

    /// Renders the vars that need the person.
    pub(super) fn render_vars(&mut self, program: &Program) {
        for (name, tree) in program.rendered_vars() {
            match tree.render(&self.scope, &self.extra) {
                Ok(Some(value)) => self.write_var(name, value),
                Ok(None) => {}
                Err(error) => {
                    self.tally.trouble = Some(Trouble {
                        reason: Fail::Template,
                        code: Fail::Template.word().to_owned(),
                        step: None,
                        message: format!("in `vars.{name}`: {error}"),
                    });
                    return;
                }
            }
        }
    }

    pub(super) fn write_var(&mut self, name: &str, value: Value) {
        if let Some(Value::Object(vars)) = self.scope.get_mut("vars") {
            let before = vars.insert(name.to_owned(), value);
            self.undo.push(Undo::Restore(name.to_owned(), before));
        }
    }

    /// Writes a variable of which nobody can see whether it was there before.
    fn write_quiet(&mut self, name: &str, value: Value) {
        let Some(Value::Object(vars)) = self.scope.get_mut("vars") else { return };
        let at = match vars.keys().position(|key| key == name) {
            Some(at) => {
                if let Some(place) = vars.values_mut().nth(at) {
                    *place = value;
                }
                at
            }
            None => {
                vars.insert(name.to_owned(), value);
                vars.len() - 1
            }
        };
        self.undo.push(Undo::Empty(at));
    }

    fn skip(&mut self, program: &Program, step: &Step) {
        let is_write = match &step.kind {
            StepKind::Action { action, .. } => action.effect.writes(),
            StepKind::Composed(composed) => composed.writes(),
            StepKind::ForEach { steps, .. } => writes(steps),
            _ => false,
        };
        self.tally.write_skipped |= is_write;
        self.end_step(program, step, "skipped", Value::Null);
    }

    /// The value that a `set` writes.
    pub(super) fn setting(&self, program: &Program, name: &str, setting: &Setting) -> Result<Value, Trouble> {
        match setting {
            Setting::Literal(value) => Ok(value.clone()),
            Setting::Expression(expression) => expression.value(&self.scope).map_err(|error| {
                let message = format!("in `{name}`: {error}");
                self.trouble(program, Fail::Template, Fail::Template.word(), message)
            }),
        }
    }

    fn set(&mut self, program: &Program, step: &Step, settings: &[(String, Setting)]) {
        // What a loop sets is undone after each item.
        let in_order = self.frames.len() == 1;
        for (name, setting) in settings {
            match self.setting(program, name, setting) {
                Ok(value) if in_order && program.is_quiet(name) => self.write_quiet(name, value),
                Ok(value) => self.write_var(name, value),
                Err(trouble) => return self.fail(program, step, trouble),
            }
        }
        self.end_step(program, step, "done", Value::Null);
    }

    pub(super) fn fail_evaluation(&mut self, program: &Program, step: &Step, what: &str, why: &str) {
        let message = format!("in `{what}`: {why}");
        let trouble = self.trouble(program, Fail::Template, Fail::Template.word(), message);
        self.fail(program, step, trouble);
    }
}
