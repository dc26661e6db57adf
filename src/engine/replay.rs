//! Feeding a run the answers it was given before, so that nothing accepted is sent again.
//!
//! Answers are found by the path of their step. Of a record that goes on after a crash they are all
//! there, one behind the other. Of one that a person asked to be tried again some are missing: those of
//! the steps that failed, which are carried out again, while what was accepted behind them is not.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::task::{Opened, Task};
use crate::catalogue::Effect;
use crate::job::{Position, StepAnswer, Verdict};
use crate::run::{Next, Run, Times};

/// What a record's run is told again. Of one that a person asked to be tried again nothing of what it told
/// by itself: that its work begins, and that it failed.
pub(super) fn kept(task: &Task, position: Position) -> Cow<'_, [StepAnswer]> {
    let answers = task.past.answers(position);
    let is_anew = |kept: &StepAnswer| task.program.is_told_anew(&kept.step);
    if task.past.is_reopened(position) && answers.iter().any(is_anew) {
        return Cow::Owned(answers.iter().filter(|kept| !is_anew(kept)).cloned().collect());
    }
    Cow::Borrowed(answers)
}

/// Tells a run what it was told before.
pub(super) fn replay(task: &Task, run: &mut Run, next: &mut Next, answers: &[StepAnswer]) {
    let mut used = 0;
    loop {
        match next {
            Next::Call(_) => {
                let path = run.path(&task.program);
                let Some(kept) = answers.iter().find(|kept| kept.step == path) else { return };
                if !give(task, run, next, kept) {
                    return;
                }
                used += 1;
            }
            Next::Wait { until_ms } if used < answers.len() => {
                // What was answered after a pause proves that it was over.
                *next = run.next(&task.program, *until_ms);
            }
            Next::Wait { .. } => {
                let path = run.path(&task.program);
                let recorded_ms = task.past.waits_until(run.position(), &path);
                run.resume_wait(&task.program, recorded_ms, task.opened_ms);
                *next = run.next(&task.program, task.opened_ms);
                // Behind a pause that is over there may be another one.
                if matches!(next, Next::Wait { .. }) && run.path(&task.program) == path {
                    return;
                }
            }
            Next::Approval { .. } => {
                if !decide(task, run, next) {
                    return;
                }
            }
            Next::Ended(_) => return,
        }
    }
}

/// Tells a run what was answered to the step at which it waits; false when nothing was.
fn decide(task: &Task, run: &mut Run, next: &mut Next) -> bool {
    let path = run.path(&task.program);
    let Some(decided) = task.past.decision(run.position(), &path) else { return false };
    run.decide(&task.program, decided.approved);
    *next = run.next(&task.program, decided.at_ms.min(task.opened_ms));
    true
}

/// Tells a run again what it was told before it made a call: what follows is that call, and pauses before
/// it are over.
pub(super) fn replay_to_call(task: &Task, run: &mut Run, next: &mut Next, answers: &[StepAnswer]) {
    loop {
        match next {
            Next::Call(_) => {
                let path = run.path(&task.program);
                let Some(kept) = answers.iter().find(|kept| kept.step == path) else { return };
                if !give(task, run, next, kept) {
                    return;
                }
            }
            Next::Wait { until_ms } => *next = run.next(&task.program, *until_ms),
            Next::Approval { .. } => {
                if !decide(task, run, next) {
                    return;
                }
            }
            Next::Ended(_) => return,
        }
    }
}

/// Begins a run anew that fails again on nothing but what it was told before: without those answers that
/// made it fail, and without any when no write was accepted, so that it looks at the world as it is now.
pub(super) fn try_again(task: &Task, members: &Map<String, Value>, run: &mut Run, next: &mut Next) {
    let mut answers = kept(task, run.position()).into_owned();
    while let Some(Failed { accepted, step }) = failed(run, next)
        && !answers.is_empty()
    {
        let before = answers.len();
        let is_of = |kept: &StepAnswer, step: &str| kept.step.split('#').next() == Some(step);
        match step {
            Some(step) if accepted => answers.retain(|kept| !is_of(kept, &step)),
            Some(_) | None if accepted => {}
            Some(_) | None => answers.clear(),
        }
        if answers.len() == before {
            return;
        }
        let position = run.position();
        let begun = Run::start(&task.program, position, members.clone());
        let begun = begun.tried_again(task.past.asked_again_ms(position));
        let Ok(sought) = task.sought(position) else { return };
        let begun = begun.looking_for(&task.program, sought);
        let times = task.sets_states.then(|| Times::of(members, task.started_ms, position));
        *run = match times {
            Some(times) => begun.dated(times),
            None => begun,
        };
        *next = run.next(&task.program, task.started_ms);
        replay(task, run, next, &answers);
    }
}

/// A run that fails on what it was told.
struct Failed {
    /// At least one write was accepted.
    accepted: bool,
    /// Path of the step that failed.
    step: Option<String>,
}

/// Whether a run has failed, or has come to where a person decides, with steps left that tell of it or without.
fn failed(run: &Run, next: &Next) -> Option<Failed> {
    match next {
        Next::Ended(finish) => {
            let step = finish.failure.as_ref().and_then(|trouble| trouble.step.clone());
            let has_failed = matches!(finish.verdict, Verdict::Failed(_) | Verdict::Waiting(_));
            has_failed.then_some(Failed { accepted: finish.accepted, step })
        }
        Next::Call(_) | Next::Wait { .. } | Next::Approval { .. } => {
            let trouble = run.failed_with()?;
            Some(Failed { accepted: run.has_written(), step: trouble.step.clone() })
        }
    }
}

/// Goes past the calls of a run that were accepted before one that was carried out just now: again, or because
/// an earlier release did not ask it. What only reads is asked again: the answer before it may be another one.
pub(super) fn skip_accepted(task: &Task, run: &mut Run, next: &mut Next) {
    let answers = kept(task, run.position());
    while let Next::Call(prepared) = &*next
        && prepared.call.action().effect != Effect::Read
    {
        let path = run.path(&task.program);
        let Some(kept) = answers.iter().find(|kept| kept.accepted && kept.step == path) else { return };
        if !give(task, run, next, kept) {
            return;
        }
    }
}

/// Gives a run one kept answer; false when it cannot be opened.
fn give(task: &Task, run: &mut Run, next: &mut Next, kept: &StepAnswer) -> bool {
    match task.open(kept) {
        Ok(Opened::Answer(answer)) => run.answer(&task.program, answer),
        Ok(Opened::Passed(why)) => run.pass(&task.program, why),
        Err(message) => {
            tracing::warn!(position = run.position(), "{message}");
            return false;
        }
    }
    *next = run.next(&task.program, kept.at_ms.min(task.opened_ms));
    true
}
