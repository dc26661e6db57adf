//! Carrying out an action made of others: its calls are calls of the run, one at a time.
//!
//! Which call comes next is for [`super::composed`] to say. Here it gets its step, its profile and its path
//! (`find#0`, `find#1`, …), and what is accepted or found counts for the run as that of any other call.

use serde_json::Value;

use super::composed::{Asks, Consent, Doing, Erased, Failed, Find, Inside, Wanted};
use super::facts::Program;
use super::finish::Trouble;
use super::machine::{Answer, Next, Pending, Prepared, Run};
use super::refused::reason_of;
use super::sought::Here;
use crate::catalogue::{Action, Effect};
use crate::job::{Fail, Skip};
use crate::plan::Call;
use crate::template::Tree;
use crate::workflow::{Composed, Rules, Step, StepKind};

impl Run {
    /// Begins the composed action of a step that was entered; `None` when the step is over.
    pub(super) fn enter_composed(&mut self, program: &Program, step: &Step, now_ms: i64) -> Option<Next> {
        let StepKind::Composed(composed) = &step.kind else { return None };
        self.was_inside = true;
        let is_nothing_set = composed.needs_a_write() && self.written_ms.is_none();
        if self.tally.passed == Some(Skip::Shadow) && composed.proves() || is_nothing_set {
            // What was not written is not looked for.
            self.end_step(program, step, "skipped", Value::Null);
            return None;
        }
        match self.begin_inside(program, step, composed, now_ms) {
            Ok(None) => {
                self.end_step(program, step, "skipped", Value::Null);
                None
            }
            Ok(Some(doing)) => {
                self.inside = Some(Box::new(Inside { number: 0, doing }));
                self.go_on_inside(program, step, now_ms)
            }
            Err(trouble) => {
                self.fail(program, step, trouble);
                None
            }
        }
    }

    /// What a composed action begins with, as far as it is known before any answer; `None` when there is nothing
    /// to do.
    pub(super) fn begin_inside(
        &self,
        program: &Program,
        step: &Step,
        composed: &Composed,
        now_ms: i64,
    ) -> Result<Option<Doing>, Trouble> {
        // Whoever has a request tried again gives it all its time once more.
        let since_ms = self.written_ms.into_iter().chain(self.again_ms).max().unwrap_or(now_ms);
        let begun = match &composed.rules {
            Rules::Find(rules) => {
                let subject = match &rules.subject {
                    Some(tree) => self.rendered(program, tree)?,
                    None => self.scope.get("subject").cloned(),
                };
                let device = match &rules.device_id {
                    Some(tree) => self.rendered(program, tree)?,
                    None => None,
                };
                let subject = subject.unwrap_or_default();
                let here = match (&self.sought, composed.action.first()) {
                    // Whom a step names itself is not the one whose erasure is known.
                    (Some(_), _) if rules.subject.is_some() => Some(Here::default()),
                    (Some(sought), Some(action)) => {
                        let profile = self.profile(program, step, action)?;
                        let space = program.spaces().of(&action.system, profile.as_deref());
                        Some(sought.here(&space, program.spaces(), rules.is_beside))
                    }
                    (Some(_) | None, _) => None,
                };
                let begun = Find::begin(rules, &subject, device.as_ref(), here);
                begun.map(|find| Some(Doing::Find(Box::new(find))))
            }
            Rules::Erased(rules) => {
                let found = self.rendered(program, &rules.found)?.unwrap_or_default();
                let begun = Erased::begin(rules, &found, self.written_ms, since_ms);
                begun.map(|erased| Some(Doing::Erased(Box::new(erased))))
            }
            Rules::Consent(rules) => {
                let render = |tree: &Option<Tree>| match tree {
                    Some(tree) => self.rendered(program, tree),
                    None => Ok(None),
                };
                let subject = match &rules.subject {
                    Some(tree) => self.rendered(program, tree)?,
                    None => self.scope.get("subject").cloned(),
                };
                let wanted = Wanted {
                    email: render(&rules.email_subscribe)?,
                    push: render(&rules.push_subscribe)?,
                    groups: render(&rules.groups)?,
                };
                let subject = subject.unwrap_or_default();
                let begun = Consent::begin(rules, &subject, wanted, since_ms);
                begun.map(|consent| consent.map(|consent| Doing::Consent(Box::new(consent))))
            }
        };
        begun.map_err(|failed| self.trouble_inside(program, failed))
    }

    fn rendered(&self, program: &Program, tree: &Tree) -> Result<Option<Value>, Trouble> {
        tree.render(&self.scope, &self.extra)
            .map_err(|error| self.trouble(program, Fail::Template, Fail::Template.word(), error.to_string()))
    }

    /// Does what the composed action needs next; `None` when its step is over, or pauses.
    pub(super) fn go_on_inside(&mut self, program: &Program, step: &Step, now_ms: i64) -> Option<Next> {
        let inside = self.inside.as_mut()?;
        let number = inside.number;
        match inside.next(now_ms) {
            Asks::Call(action, body) => {
                self.pending = Pending::Call { number, first_at_ms: None };
                match self.prepare_inside(program, step, action, &body) {
                    Ok(prepared) => return Some(Next::Call(prepared)),
                    Err(trouble) => self.fail(program, step, trouble),
                }
            }
            Asks::Pause { until_ms } => {
                self.pending = Pending::Pause { until_ms, number, first_at_ms: now_ms };
            }
            Asks::Done { output, proves } => {
                self.inside = None;
                if proves && self.tally.accepted {
                    self.tally.verified = true;
                    self.tally.is_proven = true;
                }
                self.end_step(program, step, "done", output);
            }
            Asks::Fails(failed) => {
                let trouble = self.trouble_inside(program, failed);
                self.fail(program, step, trouble);
            }
        }
        None
    }

    /// A call of a composed action, as any other.
    pub(super) fn prepare_inside(
        &mut self,
        program: &Program,
        step: &Step,
        action: &'static Action,
        body: &Value,
    ) -> Result<Prepared, Trouble> {
        let profile = self.profile(program, step, action)?;
        let call = Call::new(action, body).map_err(|refusal| {
            self.trouble(program, reason_of(&refusal), refusal.code, refusal.message.into_owned())
        })?;
        let mut call = Box::new(call);
        self.check_whom(program, &call)?;
        self.date(program, &mut call);
        if let Some(cover) = &mut self.cover {
            cover.note(&mut call, &program.spaces().of(&action.system, profile.as_deref()));
        }
        if action.effect == Effect::Irreversible && self.is_verifying_erasure() {
            call.note_again();
        }
        Ok(Prepared { step: step.number, profile, call })
    }

    /// Tells the composed action what its call came to.
    pub(super) fn hear_inside(&mut self, program: &Program, step: &Step, answer: Answer) {
        let Some(mut inside) = self.inside.take() else { return };
        let Asks::Call(action, _) = inside.next(i64::MAX) else { return };
        if let Some(mut times) = self.times.take() {
            times.hear(|| self.path_of_call(program, inside.number), &answer, action.effect);
            self.times = Some(times);
        }
        self.pending = Pending::Nothing;
        match answer.result {
            Ok(output) => {
                self.note_found(action, &output);
                self.note_written(action, answer.at_ms);
                inside.hear(&output, answer.at_ms);
                self.inside = Some(inside);
            }
            Err(refusal) => {
                let trouble =
                    self.trouble(program, reason_of(&refusal), refusal.code, refusal.message.into_owned());
                self.fail(program, step, trouble);
            }
        }
    }

    /// Notes whether a look-up found anybody.
    pub(super) fn note_found(&mut self, action: &Action, output: &Value) {
        if let Some(people) = action.reply.people.as_ref().and_then(|member| output.get(member)) {
            let is_anybody = people.as_array().is_some_and(|people| !people.is_empty());
            self.tally.found |= is_anybody;
            self.tally.found_nobody |= !is_anybody;
        }
    }

    /// Notes that a call was accepted, if it writes.
    pub(super) fn note_written(&mut self, action: &Action, at_ms: i64) {
        if action.effect.writes() {
            self.tally.accepted = true;
            // What sets states of whoever is there brings nobody back: that somebody is gone stays proven.
            let brings_nobody_back = self.cover.is_some() && action.sets_states_only();
            self.tally.is_proven &= brings_nobody_back;
            self.written_ms = Some(at_ms);
        }
    }

    /// Ends a verification of which nobody is erased again, since they gave a newer consent meanwhile: they are there
    /// by their own choice, and what else is there a person must tell. False when the run is at no such call.
    pub(super) fn pass_inside(&mut self, program: &Program, step: &Step, why: Skip) -> bool {
        if why != Skip::Superseded || !self.is_verifying_erasure() {
            return false;
        }
        self.inside = None;
        let trouble = self.trouble_inside(program, Erased::chose_anew());
        self.fail(program, step, trouble);
        true
    }

    fn is_verifying_erasure(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| matches!(inside.doing, Doing::Erased(_)))
    }

    /// Whether a profile was left on purpose by the search whose erasure the run verifies.
    pub fn was_left(&self, user: &Value) -> bool {
        match self.inside.as_ref().map(|inside| &inside.doing) {
            Some(Doing::Erased(erased)) => erased.was_left(user),
            Some(Doing::Find(_) | Doing::Consent(_)) | None => false,
        }
    }

    fn trouble_inside(&self, program: &Program, failed: Failed) -> Trouble {
        self.trouble(program, failed.reason, failed.code, failed.message)
    }
}
