//! The calls a run would make, as far as they can be known without making any.
//!
//! What needs an answer that has not been given says which step it waits for. A preview takes the
//! same machine through the same steps, so what it shows is what would be sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::facts::Program;
use super::finish::Trouble;
use super::frame::path;
use super::machine::{Pending, Run};
use crate::catalogue::{Action, Effect};
use crate::condition::Condition;
use crate::job::Position;
use crate::plan::Call;
use crate::template::Name;
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

/// Answers that have not been given, and what depends on them.
#[derive(Default)]
struct Open {
    steps: BTreeSet<String>,
    vars: BTreeMap<String, BTreeSet<String>>,
}

impl Open {
    fn needs<'n>(&self, names: impl IntoIterator<Item = &'n Name>) -> BTreeSet<String> {
        let mut needs = BTreeSet::new();
        for name in names {
            match (name.segments.first().map(String::as_str), name.segments.get(1)) {
                (Some("steps"), Some(id)) if self.steps.contains(id) => drop(needs.insert(id.clone())),
                (Some("steps"), None) => needs.extend(self.steps.iter().cloned()),
                (Some("vars"), Some(var)) => needs.extend(self.vars.get(var).into_iter().flatten().cloned()),
                (Some("vars"), None) => needs.extend(self.vars.values().flatten().cloned()),
                _ => {}
            }
        }
        needs
    }

    fn of(&self, condition: &Condition) -> BTreeSet<String> {
        self.needs(condition.names())
    }

    /// Takes what is not known out of a run's scope, so that reading it is an error and never a value.
    fn hide_in(&self, run: &mut Run) {
        for (part, hidden) in [("steps", &self.steps), ("vars", &self.vars.keys().cloned().collect())] {
            if let Some(Value::Object(members)) = run.scope.data_mut().get_mut(part) {
                members.retain(|name, _| !hidden.contains(name));
            }
        }
    }

    /// Whether a condition is false whatever the answers will be: `false && unknown` is.
    ///
    /// A name that may be missing (`has`) would turn unknown into false, so it decides nothing.
    fn is_surely_false(&self, condition: &Condition, run: &Run) -> bool {
        let is_whole = |name: &&Name| name.segments.len() < 2 || name.optional;
        let depends = condition.names().iter().filter(is_whole).any(|name| !self.needs([name]).is_empty());
        !depends && condition.test(&run.scope) == Ok(false)
    }
}

/// What would be called for one request.
pub fn preview(program: &Program, position: Position, request: Map<String, Value>) -> Previewed {
    let mut run = Run::start(program, position, request);
    let mut open = Open::default();
    let mut calls = Vec::new();
    while let Some(step) = run.advance(program) {
        let waits_for = step.condition.as_ref().map(|condition| open.of(condition)).unwrap_or_default();
        if !waits_for.is_empty() {
            open.hide_in(&mut run);
            let at = path(&program.workflow.steps, &run.frames);
            let condition = step.condition.as_ref();
            match &step.kind {
                StepKind::Action { action, .. }
                    if condition.is_some_and(|condition| open.is_surely_false(condition, &run)) =>
                {
                    let profile = profile_of(program, step);
                    calls.push(Preview { step: at, action, profile, known: Known::Skipped });
                }
                _ => undecided(program, step, &at, &waits_for, &mut calls, &mut open),
            }
            run.end_step(program, step, "skipped", Value::Null);
            continue;
        }
        match &step.kind {
            StepKind::Action { action, with, .. } => {
                let at = path(&program.workflow.steps, &run.frames);
                let leaves = with.leaves();
                let names = leaves.iter().flat_map(|(_, leaf)| leaf.names());
                let needs = open.needs(names.chain(step.profile.iter().flat_map(|leaf| leaf.names())));
                let (known, profile) = match is_on(&run, step) {
                    Some(false) => (Known::Skipped, profile_of(program, step)),
                    Some(true) if !needs.is_empty() => {
                        (Known::Needs(needs.into_iter().collect()), profile_of(program, step))
                    }
                    Some(true) => match run.prepare(program, step) {
                        Ok(prepared) => (Known::Call(Box::new(prepared.call)), prepared.profile),
                        Err(trouble) => {
                            run.fail(program, step, trouble);
                            continue;
                        }
                    },
                    None => {
                        run.begin(program, step, 0);
                        continue;
                    }
                };
                let skipped = matches!(known, Known::Skipped);
                calls.push(Preview { step: at, action, profile, known });
                if !skipped {
                    open.steps.insert(step.label.clone());
                }
                run.end_step(program, step, if skipped { "skipped" } else { "done" }, Value::Null);
            }
            StepKind::Set(settings)
                if settings.iter().any(|(_, setting)| !needs_of(setting, &open).is_empty()) =>
            {
                for (name, setting) in settings {
                    open.vars.insert(name.clone(), needs_of(setting, &open));
                }
                run.end_step(program, step, "done", Value::Null);
            }
            StepKind::ForEach { list, .. } if !open.of(list).is_empty() => {
                let at = path(&program.workflow.steps, &run.frames);
                let needs = open.of(list);
                undecided(program, step, &at, &needs, &mut calls, &mut open);
                run.end_step(program, step, "done", Value::Null);
            }
            StepKind::Assert { that, .. } if !open.of(that).is_empty() => {
                run.end_step(program, step, "done", Value::Null);
            }
            _ => {
                run.begin(program, step, 0);
                if matches!(run.pending, Pending::Wait { .. }) {
                    run.pending = Pending::Nothing;
                    run.end_step(program, step, "done", Value::Null);
                }
            }
        }
    }
    Previewed { calls, trouble: run.tally.trouble }
}

/// The profile as far as it is known without rendering a step's own.
fn profile_of(program: &Program, step: &Step) -> Option<Arc<str>> {
    let StepKind::Action { action, .. } = &step.kind else { return None };
    match &step.profile {
        Some(leaf) => leaf.literal().map(Arc::from),
        None => program.workflow.profiles.get(&action.system).map(|name| Arc::from(name.as_str())),
    }
}

/// Whether the step's `if` holds; `None` when it cannot be evaluated.
fn is_on(run: &Run, step: &Step) -> Option<bool> {
    step.condition.as_ref().map_or(Some(true), |condition| condition.test(&run.scope).ok())
}

fn needs_of(setting: &Setting, open: &Open) -> BTreeSet<String> {
    match setting {
        Setting::Expression(expression) => open.of(expression),
        Setting::Literal(_) => BTreeSet::new(),
    }
}

/// A step, or a loop's steps, of which only the place is known.
fn undecided(
    program: &Program,
    step: &Step,
    at: &str,
    needs: &BTreeSet<String>,
    calls: &mut Vec<Preview>,
    open: &mut Open,
) {
    match &step.kind {
        StepKind::Action { action, .. } => {
            calls.push(Preview {
                step: at.to_owned(),
                action,
                profile: profile_of(program, step),
                known: Known::Needs(needs.iter().cloned().collect()),
            });
            open.steps.insert(step.label.clone());
        }
        StepKind::ForEach { steps, .. } => {
            for inner in steps {
                undecided(program, inner, &format!("{at}[].{}", inner.label), needs, calls, open);
            }
            open.steps.insert(step.label.clone());
        }
        StepKind::Set(settings) => {
            for (name, _) in settings {
                open.vars.entry(name.clone()).or_default().extend(needs.iter().cloned());
            }
        }
        StepKind::Wait(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => {}
    }
}
