//! The machine: start, what is next, what was answered.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::composed::Inside;
use super::cover::Cover;
use super::facts::Program;
use super::finish::{Finish, Tally, Trouble};
use super::frame::{Frame, path, steps_of};
use super::phases::{Fallen, Phase};
use super::refused::reason_of;
use super::sought::Sought;
use super::times::Times;
use crate::catalogue::{Effect, Refusal};
use crate::job::{Fail, Position, Skip};
use crate::plan::Call;
use crate::template::{Extra, Scope};
use crate::workflow::{Step, StepKind};

/// The field in which the request of a canary has the Braze ids of its own profiles.
pub const CANARY_PROFILES: &str = "privaflow_canary_profiles";

/// One workflow carried out for one request.
#[derive(Debug)]
pub struct Run {
    pub(super) position: Position,
    pub(super) scope: Scope,
    pub(super) extra: Extra,
    /// What `vars` were before `set` changed them, the oldest change first.
    pub(super) undo: Vec<Undo>,
    pub(super) frames: Vec<Frame>,
    pub(super) tally: Tally,
    /// Which list of steps the frames stand in.
    pub(super) phase: Phase,
    /// It came from a subtask of OneTrust, and the workflow reports there.
    pub(super) reports: bool,
    /// Why it failed, while it goes through what follows a failure.
    pub(super) fallen: Option<Box<Fallen>>,
    /// A `stop` step ended the list of steps.
    pub(super) stopped: bool,
    pub(super) pending: Pending,
    /// The action made of others that the run is in the middle of.
    pub(super) inside: Option<Box<Inside>>,
    /// It came to an action made of others.
    pub(super) was_inside: bool,
    /// When the last write was accepted, in Unix milliseconds.
    pub(super) written_ms: Option<i64>,
    /// When a person had it tried again, in Unix milliseconds.
    pub(super) again_ms: Option<i64>,
    pub(super) log: Vec<String>,
    /// How new what it sets is; `None` when nobody asks.
    pub(super) times: Option<Times>,
    /// What a look asks for besides what the request names; `None` when it is none.
    pub(super) sought: Option<Box<Sought>>,
    /// Whom its erasures cover; `None` when it erases nobody.
    pub(super) cover: Option<Box<Cover>>,
}

/// How a variable becomes again what it was before it was set.
#[derive(Debug)]
pub(super) enum Undo {
    /// It gets its value back, or is taken away.
    Restore(String, Option<Value>),
    /// A quiet variable, by its place in `vars`: only its value is taken away.
    Empty(usize),
}

/// What a run is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// Nothing: the step of the last frame has not begun.
    Nothing,
    /// A call whose answer has not come.
    Call { number: u32, first_at_ms: Option<i64> },
    /// Somebody's answer, at an `approve` step.
    Approval,
    /// A pause until a moment, at a `wait` step.
    Wait { until_ms: i64 },
    /// A pause between two tries of a repeated call.
    Pause { until_ms: i64, number: u32, first_at_ms: i64 },
}

/// What a run needs in order to go on.
#[derive(Debug)]
pub enum Next {
    /// A call, then [`Run::answer`].
    Call(Prepared),
    /// Nothing before this moment, in Unix milliseconds; then [`Run::next`] again.
    Wait {
        /// That moment.
        until_ms: i64,
    },
    /// Nothing before somebody says yes or no; then [`Run::decide`].
    Approval {
        /// What they are asked, free of personal data.
        message: String,
    },
    /// It is over.
    Ended(Finish),
}

/// A call that is ready to be merged and sent.
#[derive(Debug)]
pub struct Prepared {
    /// `workflow::Step::number` of the step it belongs to.
    pub step: u32,
    /// The profile's name as the step or the workflow gives it; `None` leaves it to the only profile
    /// of the action's system.
    pub profile: Option<Arc<str>>,
    /// What is sent.
    pub call: Box<Call>,
}

/// What a call came to.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What the step's output is, or why the service will never accept the call.
    pub result: Result<Value, Refusal>,
    /// HTTP status, for `response.status`.
    pub status: u16,
    /// When the answer came, in Unix milliseconds.
    pub at_ms: i64,
}

impl Run {
    /// Begins a run. `scope` is what [`Program::scope`] made or a finished run gave back.
    pub fn start(program: &Program, position: Position, mut request: Map<String, Value>) -> Run {
        Run::start_in(program, program.scope(), position, &mut request)
    }

    /// Begins a run in a scope given back by [`Run::into_scope`], which saves building one. The values
    /// of the request are taken, its names stay behind.
    pub fn start_in(
        program: &Program,
        mut scope: Scope,
        position: Position,
        request: &mut Map<String, Value>,
    ) -> Run {
        for (name, value) in request {
            scope.set(name, value.take());
        }
        if program.reads("run") {
            scope.set("run", program.run_value(position));
        }
        let reports = program.reports(scope.get("request"));
        let is_erasure = program.workflow.irreversible;
        let is_watched = program.workflow.watch.is_some();
        let cover = is_erasure.then(|| {
            let is_among_several = !program.spaces().is_one("braze");
            let cover = Cover::of(scope.get("subject")).keeping(is_watched, is_among_several);
            let own = || scope.get("fields").and_then(|fields| fields.get(CANARY_PROFILES));
            Box::new(if program.is_canary() { cover.only_these(own()) } else { cover })
        });
        let mut run = Run {
            position,
            scope,
            extra: Extra::new(program.facts().seed_of(position)),
            undo: Vec::new(),
            frames: vec![Frame { at: 0, around: None }],
            tally: Tally::default(),
            phase: if reports { Phase::Begin } else { Phase::Steps },
            reports,
            fallen: None,
            stopped: false,
            pending: Pending::Nothing,
            inside: None,
            was_inside: false,
            written_ms: None,
            again_ms: None,
            log: Vec::new(),
            times: None,
            sought: None,
            cover,
        };
        run.render_vars(program);
        run
    }

    /// Lets the run say of each call how new the states are that it sets.
    #[must_use]
    pub fn dated(mut self, times: Times) -> Run {
        self.times = Some(times);
        self
    }

    /// The same, tried again by a person at a moment in Unix milliseconds.
    #[must_use]
    pub fn tried_again(self, at_ms: Option<i64>) -> Run {
        Run { again_ms: at_ms, ..self }
    }

    /// The record this run is for.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What the run says next. Steps that need nobody are carried out on the way.
    pub fn next(&mut self, program: &Program, now_ms: i64) -> Next {
        loop {
            match self.pending {
                Pending::Wait { until_ms } | Pending::Pause { until_ms, .. } if now_ms < until_ms => {
                    return Next::Wait { until_ms };
                }
                Pending::Approval => return Next::Approval { message: self.question(program) },
                Pending::Wait { .. } => {
                    self.pending = Pending::Nothing;
                    if let Some(step) = self.current(program) {
                        self.end_step(program, step, "done", Value::Null);
                    }
                }
                Pending::Pause { number, first_at_ms, .. } => {
                    self.pending = Pending::Nothing;
                    let Some(step) = self.current(program) else { continue };
                    if let Some(inside) = &mut self.inside {
                        inside.end_pause(now_ms);
                        match self.go_on_inside(program, step, now_ms) {
                            Some(next) => return next,
                            None => continue,
                        }
                    }
                    self.pending = Pending::Call { number, first_at_ms: Some(first_at_ms) };
                    match self.prepare_dated(program, step) {
                        Ok(prepared) => return Next::Call(prepared),
                        Err(trouble) => self.fail(program, step, trouble),
                    }
                }
                Pending::Call { .. } | Pending::Nothing if self.inside.is_some() => {
                    let step = self.current(program);
                    if let Some(next) = step.and_then(|step| self.go_on_inside(program, step, now_ms)) {
                        return next;
                    }
                }
                Pending::Call { .. } | Pending::Nothing => {
                    let Some(step) = self.advance(program) else {
                        self.leave_loops(program);
                        if self.next_phase(program) {
                            continue;
                        }
                        return Next::Ended(self.finish(program));
                    };
                    if let Some(next) = self.begin(program, step, now_ms) {
                        return next;
                    }
                }
            }
        }
    }

    /// Tells the run what the call that [`Run::next`] gave came to.
    pub fn answer(&mut self, program: &Program, answer: Answer) {
        let Pending::Call { number, first_at_ms } = self.pending else { return };
        let Some(step) = self.current(program) else { return };
        if let Some(cover) = &mut self.cover {
            cover.hear(&answer);
        }
        if self.inside.is_some() {
            return self.hear_inside(program, step, answer);
        }
        let StepKind::Action { action, success_when, .. } = &step.kind else { return };
        if let Some(mut times) = self.times.take() {
            times.hear(|| self.path(program), &answer, action.effect);
            self.times = Some(times);
        }
        self.pending = Pending::Nothing;
        let output = match answer.result {
            Ok(output) => output,
            Err(refusal) => {
                let reason = reason_of(&refusal);
                let trouble = self.trouble(program, reason, refusal.code, refusal.message.into_owned());
                return self.fail(program, step, trouble);
            }
        };
        self.note_found(action, &output);
        let judged = match (&step.repeat, success_when) {
            (None, None) => Ok((true, true)),
            (repeat, success) => self.judge(&output, answer.status, repeat.as_ref(), success.as_ref()),
        };
        let is_taken = match &judged {
            Ok((is_success, _)) => *is_success,
            // Then `until` could not be evaluated, which says nothing against the answer.
            Err(_) => success_when.is_none(),
        };
        if is_taken {
            self.note_written(action, answer.at_ms);
        }
        match judged {
            Err(message) => {
                let trouble = self.trouble(program, Fail::Template, Fail::Template.word(), message);
                self.fail(program, step, trouble);
            }
            Ok((false, _)) => {
                let message = "`success_when` did not hold for the answer".to_owned();
                let trouble = self.trouble(program, Fail::Refused, "success_when", message);
                self.fail(program, step, trouble);
            }
            Ok((true, true)) => {
                if step.repeat.is_some() && action.effect == Effect::Read && self.tally.accepted {
                    self.tally.verified = true;
                    self.tally.is_proven = true;
                }
                self.end_step(program, step, "done", output);
            }
            // What was not written never comes true.
            Ok((true, false)) if self.tally.passed == Some(Skip::Shadow) => {
                self.end_step(program, step, "done", output);
            }
            Ok((true, false)) => self.pause_or_time_out(program, step, number, first_at_ms, answer.at_ms),
        }
    }

    /// Tells the run that its call was not made: what it sets is older than what is there, or of a
    /// person who was erased since.
    pub fn pass(&mut self, program: &Program, why: Skip) {
        let Some(step) = self.current(program) else { return };
        self.pending = Pending::Nothing;
        if self.pass_inside(program, step, why) {
            return;
        }
        self.inside = None;
        self.note_passed(why);
        self.end_step(program, step, "skipped", Value::Null);
    }

    /// How a run ends whose last call was not made; see [`Run::is_last_call`] and [`Run::pass`].
    pub fn finish_passed(&mut self, program: &Program, why: Skip) -> Finish {
        self.note_passed(why);
        self.finish(program)
    }

    /// Notes that a call was not made. One that only tells of the run decides nothing about it.
    fn note_passed(&mut self, why: Skip) {
        if self.phase == Phase::Steps {
            self.tally.pass(why);
        }
    }

    /// How a run whose last call was accepted ends; see [`Run::is_last_call`].
    pub fn finish_accepted(&mut self, program: &Program) -> Finish {
        if let Some(Step { kind: StepKind::Action { action, .. }, .. }) = self.current(program)
            && action.effect.writes()
        {
            self.tally.accepted = true;
        }
        self.finish(program)
    }

    /// How a run whose last call was refused ends; see [`Run::is_last_call`].
    pub fn finish_refused(&mut self, program: &Program, refusal: Refusal) -> Finish {
        let trouble = self.trouble(program, reason_of(&refusal), refusal.code, refusal.message.into_owned());
        self.tally.trouble = Some(trouble);
        self.finish(program)
    }

    /// Path of the step the run stands at, with loop indexes and tries: `mail[2].track`, `verify#3`.
    /// Every call of an action made of others has a number: `find#0`.
    pub fn path(&self, program: &Program) -> String {
        match self.pending {
            Pending::Call { number, .. } if number > 0 || self.inside.is_some() => {
                self.path_of_call(program, number)
            }
            Pending::Call { .. }
            | Pending::Nothing
            | Pending::Approval
            | Pending::Wait { .. }
            | Pending::Pause { .. } => path(program.list(self.phase), &self.frames),
        }
    }

    /// Path of a call of the step the run stands at, by its number.
    pub(super) fn path_of_call(&self, program: &Program, number: u32) -> String {
        format!("{}#{number}", path(program.list(self.phase), &self.frames))
    }

    /// Lines of `log` steps since the last time, already free of personal data.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn finish(&mut self, program: &Program) -> Finish {
        self.rise();
        self.tally.stopped |= self.stopped;
        std::mem::take(&mut self.tally).finish(program.workflow.writes)
    }

    pub(super) fn current<'p>(&self, program: &'p Program) -> Option<&'p Step> {
        let steps = steps_of(program.list(self.phase), &self.frames);
        steps.get(self.frames.last()?.at)
    }

    pub(super) fn trouble(&self, program: &Program, reason: Fail, code: &str, message: String) -> Trouble {
        let step = Some(path(program.list(self.phase), &self.frames));
        Trouble { reason, code: code.to_owned(), step, message }
    }
}
