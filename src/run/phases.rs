//! Which list of steps a run is going through: those of the workflow, those behind a failure, and those
//! by which it reports to OneTrust.
//!
//! A run that came from a subtask says that it begins, goes through its steps, and says what came of
//! them; one that fails goes through `on_failure`. A pause is no end, so nothing of the second half
//! happens while a run waits. What fails behind a failure is noted beside it and never in its place.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::facts::{Origin, Program};
use super::finish::Trouble;
use super::frame::Frame;
use super::machine::{Run, Undo};
use crate::job::{Skip, Verdict};
use crate::workflow::{Report, Step, StepKind};

/// A list of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It reports that it begins.
    Begin,
    /// The steps of the workflow.
    Steps,
    /// It reports that the subtask is completed.
    Complete,
    /// It reports that nobody was found.
    Nobody,
    /// It reports why the subtask is not completed.
    Comment,
    /// It reports that it failed.
    Failed,
    /// The `on_failure` of the workflow.
    OnFailure,
}

impl Phase {
    /// Whether the run has failed for good.
    pub(super) fn is_after_failure(self) -> bool {
        matches!(self, Phase::Failed | Phase::OnFailure)
    }

    /// The run tells OneTrust something.
    pub(super) fn is_report(self) -> bool {
        match self {
            Phase::Begin | Phase::Complete | Phase::Nobody | Phase::Comment | Phase::Failed => true,
            Phase::Steps | Phase::OnFailure => false,
        }
    }
}

/// Why a run failed that still has steps to go through.
#[derive(Debug)]
pub(super) struct Fallen {
    trouble: Trouble,
    /// What failed since.
    also: Option<String>,
}

impl Program {
    /// The steps of a phase.
    pub(super) fn list(&self, phase: Phase) -> &[Step] {
        let of_report = |list: fn(&Report) -> &Vec<Step>| {
            self.workflow.report.as_ref().map(list).map(Vec::as_slice).unwrap_or_default()
        };
        match phase {
            Phase::Steps => &self.workflow.steps,
            Phase::OnFailure => &self.workflow.on_failure,
            Phase::Begin => of_report(|report| &report.begin),
            Phase::Complete => of_report(|report| &report.complete),
            Phase::Nobody => of_report(|report| &report.nobody),
            Phase::Comment => of_report(|report| &report.comment),
            Phase::Failed => of_report(|report| &report.failed),
        }
    }

    /// Whether runs may report. Whoever gives a file of requests has a second system changed only by a
    /// workflow that says so.
    pub(super) fn may_report(&self) -> bool {
        let is_from_inbox = self.facts().origin == Origin::Inbox;
        self.workflow.report.as_ref().is_some_and(|report| report.is_asked_for || is_from_inbox)
    }

    /// Whether the run of a request reports: it came from a subtask of OneTrust.
    pub(super) fn reports(&self, request: Option<&Value>) -> bool {
        if !self.may_report() {
            return false;
        }
        let source = request.and_then(|request| request.get("source"));
        let text = |member: &str| source.and_then(|source| source.get(member)).and_then(Value::as_str);
        text("system") == Some("onetrust") && text("subtask_id").is_some_and(|id| !id.is_empty())
    }

    /// Whether somebody is told when a request with these members fails.
    pub fn tells_of_failures(&self, members: &Map<String, Value>) -> bool {
        !self.workflow.on_failure.is_empty() || self.reports(members.get("request"))
    }

    /// Whether a step is carried out anew when a person has a failed request tried again: it told that
    /// the work begins, or what failed before.
    pub fn is_told_anew(&self, path: &str) -> bool {
        let first = path.split(['[', '#']).next().unwrap_or_default();
        let phases = [Phase::Begin, Phase::Failed, Phase::OnFailure];
        phases.iter().flat_map(|phase| self.list(*phase)).any(|step| step.label == first)
    }
}

impl Run {
    /// The request fails before its first step, for a reason that is not the run's own: it only tells so.
    pub fn fail_at_once(&mut self, trouble: Trouble) {
        self.tally.trouble.get_or_insert(trouble);
    }

    /// Goes on to the next list of steps that has any; `false` when the run is over.
    pub(super) fn next_phase(&mut self, program: &Program) -> bool {
        loop {
            let is_troubled = self.tally.trouble.is_some();
            if self.phase == Phase::Steps {
                self.tally.stopped |= self.stopped;
            }
            let next = match self.phase {
                // It is not over: a person decides how it goes on.
                _ if self.tally.waits_for_a_person() => return false,
                Phase::Begin if !is_troubled => Phase::Steps,
                Phase::Begin | Phase::Steps if is_troubled && self.reports => Phase::Failed,
                Phase::Steps if is_troubled => Phase::OnFailure,
                Phase::Steps if self.reports => match self.closing(program) {
                    Some(closing) => closing,
                    None => return false,
                },
                Phase::Complete | Phase::Nobody | Phase::Comment if is_troubled => Phase::OnFailure,
                Phase::Failed => Phase::OnFailure,
                Phase::Begin
                | Phase::Steps
                | Phase::Complete
                | Phase::Nobody
                | Phase::Comment
                | Phase::OnFailure => return false,
            };
            if next.is_after_failure()
                && program.list(Phase::Failed).is_empty()
                && program.list(Phase::OnFailure).is_empty()
            {
                return false;
            }
            self.phase = next;
            self.stopped = false;
            self.frames.clear();
            self.frames.push(Frame { at: 0, around: None });
            if next.is_after_failure() {
                self.fall(program);
            }
            if !program.list(next).is_empty() {
                return true;
            }
        }
    }

    /// The profile that a run reports to unless its workflow says another: the one through which its request
    /// came, else the one that the workflow looks at.
    pub(super) fn profile_of_report(&self, program: &Program) -> Option<Arc<str>> {
        let source = self.scope.get("request").and_then(|request| request.get("source"));
        let named = source.and_then(|source| source.get("profile")).and_then(Value::as_str);
        let trigger = program.workflow.on.onetrust_subtask.as_ref();
        named.or(trigger.map(|trigger| trigger.profile.as_str())).map(Arc::from)
    }

    /// How the run reports, by what it would come to if it ended now.
    fn closing(&mut self, program: &Program) -> Option<Phase> {
        let report = program.workflow.report.as_ref()?;
        let writes = program.workflow.writes;
        let (phase, reason) = match self.tally.verdict(writes) {
            Verdict::Done if !self.tally.accepted && writes => (Phase::Comment, "tolerated"),
            Verdict::Done if !self.tally.accepted => (Phase::Complete, "done"),
            Verdict::Done if self.tally.is_proven || report.accepted_is_enough => (Phase::Complete, "done"),
            Verdict::Done => (Phase::Comment, "not_verified"),
            Verdict::Skipped(why @ Skip::NoProfile) => (Phase::Nobody, why.word()),
            // Nobody knows how it would have ended.
            Verdict::Skipped(Skip::Shadow) => return None,
            Verdict::Skipped(why) => (Phase::Comment, why.word()),
            Verdict::Failed(why) => (Phase::Comment, why.word()),
            Verdict::Waiting(why) => (Phase::Comment, why.word()),
        };
        self.scope.set("reason", json!(reason));
        let source = self.scope.get("request").and_then(|request| request.get("source"));
        let has_ref = source.and_then(|source| source.get("ref")).is_some_and(Value::is_string);
        if phase == Phase::Comment && !has_ref {
            self.log
                .push(format!("the subtask is not completed ({reason}), and names no request to comment on"));
            return None;
        }
        Some(phase)
    }

    /// Makes the scope one in which a failed run can be told: what did not run is `null`.
    fn fall(&mut self, program: &Program) {
        let Some(trouble) = self.tally.trouble.take() else { return };
        if program.reads("failure") {
            let step = trouble.step.as_deref().unwrap_or("none");
            let failure = json!({"reason": trouble.reason.word(), "code": trouble.code, "step": step});
            self.scope.set("failure", failure);
        }
        let failed = trouble.step.as_deref().and_then(|path| path.split(['[', '#']).next());
        if let Some(Value::Object(steps)) = self.scope.get_mut("steps") {
            for step in &program.workflow.steps {
                let Some(id) = step.id.as_ref().filter(|_| program.keeps_output(step)) else { continue };
                let status = if failed == Some(id) { json!("failed") } else { Value::Null };
                steps.entry(id.clone()).or_insert_with(|| json!({"status": status, "output": null}));
            }
        }
        if !program.workflow.on_failure.is_empty()
            && let Some(Value::Object(vars)) = self.scope.get_mut("vars")
        {
            let is_declared = |name: &str| program.workflow.vars.iter().any(|(declared, _)| declared == name);
            let undo = &mut self.undo;
            fill(&program.workflow.steps, vars, is_declared, &mut |name| {
                undo.push(Undo::Restore(name.to_owned(), None));
            });
        }
        self.fallen = Some(Box::new(Fallen { trouble, also: None }));
    }

    /// Notes that something failed behind the failure of the run.
    pub(super) fn note_also(&mut self, trouble: &Trouble) {
        let Some(fallen) = &mut self.fallen else { return };
        let step = trouble.step.as_deref().unwrap_or_default();
        let said = format!("; what follows a failure failed, too, at {step}: {}", trouble.message);
        self.log.push(format!("step `{step}`, which follows a failure, failed: {}", trouble.message));
        fallen.also.get_or_insert(said);
    }

    /// Why the run failed, if it has.
    pub fn failed_with(&self) -> Option<&Trouble> {
        self.fallen.as_ref().map(|fallen| &fallen.trouble).or(self.tally.trouble.as_ref())
    }

    /// Whether at least one write was accepted.
    pub fn has_written(&self) -> bool {
        self.tally.accepted
    }

    /// The failure of the run becomes again what it ends with.
    pub(super) fn rise(&mut self) {
        if let Some(fallen) = self.fallen.take() {
            let Fallen { mut trouble, also } = *fallen;
            trouble.message.push_str(also.as_deref().unwrap_or_default());
            self.tally.trouble = Some(trouble);
        }
    }
}

/// Variables that a step would have set and that nothing set are `null`. Those that the workflow declares
/// have their first value.
fn fill(
    steps: &[Step],
    vars: &mut Map<String, Value>,
    is_declared: impl Fn(&str) -> bool,
    filled: &mut impl FnMut(&str),
) {
    for step in steps {
        match &step.kind {
            StepKind::Set(settings) => {
                for (name, _) in settings.iter().filter(|(name, _)| !is_declared(name)) {
                    if !vars.contains_key(name) {
                        vars.insert(name.clone(), Value::Null);
                        filled(name);
                    }
                }
            }
            StepKind::Action { .. }
            | StepKind::Composed(_)
            | StepKind::ForEach { .. }
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Assert { .. }
            | StepKind::Fail(_)
            | StepKind::Stop(_)
            | StepKind::Log(_) => {}
        }
    }
}
