//! The calls a run would make, as far as they can be known without making any.
//!
//! What needs an answer that has not been given says which step it waits for. A preview takes the
//! same machine through the same steps, so what it shows is what would be sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::facts::Program;
use super::finish::Trouble;
use super::foreseen;
use super::frame::path;
use super::machine::{Prepared, Run};
use super::open::Open;
use super::phases::Phase;
use super::steps::Entered;
use crate::catalogue::{Action, Effect};
use crate::job::Position;
use crate::plan::Call;
use crate::template::Tree;
use crate::workflow::{Setting, Step, StepKind};

/// One call of a preview.
#[derive(Debug)]
pub struct Preview {
    /// Path of the step: `erase`, `mail[0].track`.
    pub step: String,
    /// What would be called.
    pub action: &'static Action,
    /// The profile, when step or workflow name one.
    pub profile: Option<Arc<str>>,
    /// What is known of the call.
    pub known: Known,
}

/// What is known of a call before anything was sent.
#[derive(Debug)]
pub enum Known {
    /// It would be sent like this.
    Call(Box<Call>),
    /// Its `if` is false.
    Skipped,
    /// It depends on answers of these steps.
    Needs(Vec<String>),
}

/// What a run would do.
#[derive(Debug, Default)]
pub struct Previewed {
    /// The calls, in order.
    pub calls: Vec<Preview>,
    /// Why the run would fail, if that is known already.
    pub trouble: Option<Trouble>,
}

impl Previewed {
    /// Whether some write that cannot be undone would be made, or might be.
    pub fn may_be_irreversible(&self) -> bool {
        self.calls
            .iter()
            .any(|call| call.action.effect == Effect::Irreversible && !matches!(call.known, Known::Skipped))
    }
}

/// What would be called for one request.
pub fn preview(program: &Program, position: Position, request: Map<String, Value>) -> Previewed {
    preview_run(program, Run::start(program, position, request))
}

/// What would be called for one request that fails before its first step.
pub fn preview_failing(
    program: &Program,
    position: Position,
    request: Map<String, Value>,
    trouble: Trouble,
) -> Previewed {
    let mut run = Run::start(program, position, request);
    run.fail_at_once(trouble);
    preview_run(program, run)
}

fn preview_run(program: &Program, mut run: Run) -> Previewed {
    // What is not known is taken out of `vars`, and must not show up again behind them.
    run.scope.unshare();
    let mut open = Open::default();
    let mut calls = Vec::new();
    loop {
        preview_list(&mut run, program, &mut calls, &mut open);
        run.leave_loops(program);
        let is_reporting = run.reports && run.phase == Phase::Steps && run.tally.trouble.is_none();
        if run.phase == Phase::Begin {
            // Nothing depends on whether OneTrust took that the work begins.
            open.steps.clear();
        }
        if is_reporting && !open.steps.is_empty() {
            calls.extend(undecided_report(&run, program, &open));
            break;
        }
        if !run.next_phase(program) {
            break;
        }
    }
    run.rise();
    Previewed { calls, trouble: run.tally.trouble }
}

/// What a run reports depends on every answer that has not been given.
fn undecided_report(run: &Run, program: &Program, open: &Open) -> Option<Preview> {
    let step = program.list(Phase::Complete).first()?;
    let StepKind::Action { action, .. } = &step.kind else { return None };
    let needs: BTreeSet<&String> = open.steps.values().flatten().collect();
    let known = Known::Needs(needs.into_iter().cloned().collect());
    let profile = run.profile(program, step, action).ok().flatten();
    Some(Preview { step: step.label.clone(), action, profile, known })
}

/// The calls of the list of steps that the run stands in.
fn preview_list(run: &mut Run, program: &Program, calls: &mut Vec<Preview>, open: &mut Open) {
    while let Some(step) = run.advance(program) {
        let at = path(program.list(run.phase), &run.frames);
        let needs = step.condition.as_ref().map(|condition| open.of(condition)).unwrap_or_default();
        if !needs.is_empty() {
            match (&step.kind, &step.condition) {
                (StepKind::Action { .. } | StepKind::Composed(_), Some(condition))
                    if open.is_surely_false(condition, run) =>
                {
                    open.steps.remove(&step.label);
                    calls.extend(skipped(run, program, step, at));
                }
                _ => undecided(run, program, step, &at, &needs, calls, open),
            }
            run.end_step(program, step, "skipped", Value::Null);
            continue;
        }
        match run.enter(program, step) {
            Entered::Yes => go_through(run, program, step, at, calls, open),
            Entered::Failed => {}
            Entered::Skipped => {
                // In an earlier iteration of its loop it may have been open.
                open.steps.remove(&step.label);
                calls.extend(skipped(run, program, step, at));
            }
        }
    }
}

/// A step that calls a service, and is not carried out.
fn skipped(run: &Run, program: &Program, step: &Step, at: String) -> Option<Preview> {
    let action = match &step.kind {
        StepKind::Action { action, .. } => action,
        StepKind::Composed(composed) => composed.action.first()?,
        _ => return None,
    };
    let profile = run.profile(program, step, action).ok().flatten();
    Some(Preview { step: at, action, profile, known: Known::Skipped })
}

/// A step whose `if` is known to hold.
fn go_through(
    run: &mut Run,
    program: &Program,
    step: &Step,
    at: String,
    calls: &mut Vec<Preview>,
    open: &mut Open,
) {
    match &step.kind {
        StepKind::Action { action, with, .. } => {
            let of_profile = open.needs(step.profile.iter().flat_map(|leaf| leaf.names()));
            let leaves = with.leaves();
            let mut needs = open.needs(leaves.iter().flat_map(|(_, leaf)| leaf.names()));
            let preview = if needs.is_empty() && of_profile.is_empty() {
                match run.prepare(program, step) {
                    Ok(Prepared { profile, call, .. }) => {
                        Preview { step: at, action, profile, known: Known::Call(call) }
                    }
                    Err(trouble) => return run.fail(program, step, trouble),
                }
            } else {
                let is_known = of_profile.is_empty();
                let profile = is_known.then(|| run.profile(program, step, action).ok().flatten()).flatten();
                needs.extend(of_profile);
                Preview { step: at, action, profile, known: Known::Needs(needs.into_iter().collect()) }
            };
            calls.push(preview);
            open.note_step(step);
            run.end_step(program, step, "done", Value::Null);
        }
        StepKind::Composed(composed) => {
            let of_profile = open.needs(step.profile.iter().flat_map(|leaf| leaf.names()));
            let mut needs =
                open.needs(composed.trees().flat_map(Tree::leaves).flat_map(|(_, leaf)| leaf.names()));
            needs.extend(of_profile);
            if needs.is_empty() {
                match foreseen::known(run, program, step, composed, &at) {
                    Ok(known) => calls.extend(known),
                    Err(trouble) => return run.fail(program, step, trouble),
                }
            } else {
                calls.extend(foreseen::open(run, program, step, composed, &at, &needs));
            }
            open.note_step(step);
            run.end_step(program, step, "done", Value::Null);
        }
        StepKind::Set(settings) => set(run, program, step, settings, open),
        StepKind::ForEach { list, steps, .. } => {
            let needs = open.of(list);
            if calls_any(steps) {
                open.note_step(step);
            }
            if needs.is_empty() {
                run.carry_out(program, step, 0);
            } else {
                undecided(run, program, step, &at, &needs, calls, open);
                run.end_step(program, step, "done", Value::Null);
            }
        }
        StepKind::Assert { that, .. } => {
            let needs = open.of(that);
            if needs.is_empty() {
                run.carry_out(program, step, 0);
            } else {
                open.steps.insert(step.label.clone(), needs);
                run.end_step(program, step, "done", Value::Null);
            }
        }
        // A plan shows what is done once somebody says yes.
        StepKind::Wait(_) | StepKind::Approve(_) => run.end_step(program, step, "done", Value::Null),
        StepKind::Fail(_) | StepKind::Stop(_) | StepKind::Log(_) => {
            run.carry_out(program, step, 0);
        }
    }
}

/// Writes what is known and notes what is open, in order: a value may read the one before it.
fn set(run: &mut Run, program: &Program, step: &Step, settings: &[(String, Setting)], open: &mut Open) {
    for (name, setting) in settings {
        let needs = match setting {
            Setting::Expression(expression) => open.of(expression),
            Setting::Literal(_) => BTreeSet::new(),
        };
        if !needs.is_empty() {
            open.vars.insert(name.clone(), needs);
            continue;
        }
        match run.setting(program, name, setting) {
            Ok(value) => run.write_var(name, value),
            Err(trouble) => return run.fail(program, step, trouble),
        }
        // In a loop it is the iteration's copy that is known: the variable itself may stay open.
        if run.frames.len() == 1 {
            open.vars.remove(name);
        }
    }
    run.end_step(program, step, "done", Value::Null);
}

/// Whether any of these steps makes a call.
fn calls_any(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { .. } | StepKind::Composed(_) => true,
        StepKind::ForEach { steps, .. } => calls_any(steps),
        StepKind::Set(_)
        | StepKind::Wait(_)
        | StepKind::Approve(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => false,
    })
}

/// A step, or a loop's steps, of which only the place is known.
fn undecided(
    run: &Run,
    program: &Program,
    step: &Step,
    at: &str,
    needs: &BTreeSet<String>,
    calls: &mut Vec<Preview>,
    open: &mut Open,
) {
    match &step.kind {
        StepKind::Action { action, .. } => {
            let known = Known::Needs(needs.iter().cloned().collect());
            let profile = run.profile(program, step, action).ok().flatten();
            calls.push(Preview { step: at.to_owned(), action, profile, known });
            return open.note_step(step);
        }
        StepKind::Composed(composed) => {
            calls.extend(foreseen::open(run, program, step, composed, at, needs));
            return open.note_step(step);
        }
        StepKind::ForEach { steps, .. } => {
            // What a loop's steps set is gone after it.
            let vars = open.vars.clone();
            for inner in steps {
                undecided(run, program, inner, &format!("{at}[].{}", inner.label), needs, calls, open);
            }
            open.vars = vars;
            if calls_any(steps) {
                return open.note_step(step);
            }
        }
        StepKind::Set(settings) => {
            for (name, _) in settings {
                open.vars.entry(name.clone()).or_default().extend(needs.iter().cloned());
            }
        }
        StepKind::Wait(_)
        | StepKind::Approve(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => {}
    }
    open.steps.insert(step.label.clone(), needs.clone());
}
