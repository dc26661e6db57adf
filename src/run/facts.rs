//! What a workflow needs from every run of it, found out once instead of once a person.
//!
//! A bulk job plans hundreds of thousands of people a second, so whatever does not depend on the
//! person (literal `vars`, which names are read at all) is decided here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::quiet::quiet;
use super::reads::Reads;
use super::spaces::Spaces;
use crate::plan::Mold;
use crate::template::{Scope, Tree};
use crate::workflow::{Setting, Step, StepKind, Workflow};

/// A workflow made ready to be run many times in one job.
#[derive(Debug)]
pub struct Program {
    /// The workflow itself.
    pub workflow: Arc<Workflow>,
    reads: Reads,
    /// By step of the workflow: what it and those behind it read.
    reads_from: Vec<Reads>,
    /// Numbers of the steps whose output somebody reads.
    kept_steps: HashSet<u32>,
    /// The workflow's profiles by system, shared by all calls.
    profiles: HashMap<String, Arc<str>>,
    /// `vars` without a template in them, shared by all runs.
    literal_vars: Arc<Map<String, Value>>,
    /// By the number of the step: its `with`, made ready to become calls.
    molds: Vec<Option<Mold>>,
    quiet: BTreeSet<String>,
    facts: Facts,
    spaces: Spaces,
    is_canary: bool,
}

/// What every run of a job shares.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `job-7`.
    pub job: String,
    /// `now` and `run.started_at`: when the job began, RFC 3339. A resumed job keeps it.
    pub started_at: String,
    /// Makes `uuid` differ between jobs and stay the same when a run is repeated.
    pub seed: [u8; 16],
    /// Where its requests come from.
    pub origin: Origin,
}

/// Where the requests of a job come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody gave a file of them.
    File,
    /// They came in by themselves: from a hook, or from a look at OneTrust.
    Inbox,
}

impl Facts {
    /// The seed of one record's run.
    pub fn seed_of(&self, position: u64) -> [u8; 16] {
        let mut seed = self.seed;
        for (byte, more) in seed.iter_mut().skip(8).zip(position.to_be_bytes()) {
            *byte ^= more;
        }
        seed
    }
}

impl Program {
    /// Looks through a workflow once.
    pub fn new(workflow: Arc<Workflow>, facts: Facts) -> Program {
        let reads = Reads::of(&workflow);
        let mut kept_steps = HashSet::new();
        workflow.lists().for_each(|steps| reads.kept_steps(steps, false, &mut kept_steps));
        let reads_from = Reads::from_each(&workflow);
        let profile = |(system, name): (&String, &String)| (system.clone(), Arc::from(name.as_str()));
        let profiles = workflow.profiles.iter().map(profile).collect();
        let mut literal_vars = Map::new();
        for (name, tree) in &workflow.vars {
            if let Some(value) = tree.root().literal() {
                literal_vars.insert(name.clone(), value);
            }
        }
        let mut molds = Vec::new();
        workflow.lists().for_each(|steps| prepare(steps, &mut molds));
        let quiet = quiet(&workflow);
        let literal_vars = Arc::new(literal_vars);
        let spaces = Spaces::default();
        Program {
            workflow,
            reads,
            reads_from,
            kept_steps,
            profiles,
            literal_vars,
            molds,
            quiet,
            facts,
            spaces,
            is_canary: false,
        }
    }

    /// The same, knowing the workspaces of its profiles.
    #[must_use]
    pub fn at_work_in(self, spaces: Spaces) -> Program {
        Program { spaces, ..self }
    }

    /// The same, for a person who does not exist: nobody else is erased.
    #[must_use]
    pub fn for_canary(self, is_canary: bool) -> Program {
        Program { is_canary, ..self }
    }

    /// Whether its person does not exist.
    pub(super) fn is_canary(&self) -> bool {
        self.is_canary
    }

    /// The workspaces of its profiles.
    pub fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    /// What every run of the job shares.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A scope that holds everything but the person.
    pub fn scope(&self) -> Scope {
        let mut data = Map::new();
        data.insert("vars".into(), Value::Object(Map::new()));
        data.insert("steps".into(), Value::Object(Map::new()));
        data.insert("now".into(), Value::String(self.facts.started_at.clone()));
        let mut scope = Scope::sharing(data, Arc::clone(&self.literal_vars));
        if self.reads.all_vars() {
            scope.unshare();
        }
        scope
    }

    /// Whether nobody can see if a variable was there before the run set it.
    pub(super) fn is_quiet(&self, name: &str) -> bool {
        self.quiet.contains(name)
    }

    /// The `with` of a step made ready, if it could be.
    pub(super) fn mold(&self, step: u32) -> Option<&Mold> {
        self.molds.get(step as usize)?.as_ref()
    }

    /// The vars that need a run to be rendered.
    pub(super) fn rendered_vars(&self) -> impl Iterator<Item = &(String, crate::template::Tree)> {
        self.workflow.vars.iter().filter(|(name, _)| !self.literal_vars.contains_key(name))
    }

    /// Whether anything reads `name` as a first segment.
    pub(super) fn reads(&self, name: &str) -> bool {
        self.reads.name(name)
    }

    /// What is read from a step of the workflow on.
    pub(super) fn reads_from(&self, at: usize) -> Option<&Reads> {
        self.reads_from.get(at)
    }

    /// Whether anything reads what a step came to.
    pub(super) fn keeps_output(&self, step: &Step) -> bool {
        self.kept_steps.contains(&step.number)
    }

    /// The workflow's profile for a system.
    pub(super) fn profile_of(&self, system: &str) -> Option<Arc<str>> {
        self.profiles.get(system).cloned()
    }

    /// `run`, for a run that reads it.
    pub(super) fn run_value(&self, position: u64) -> Value {
        json!({
            "id": format!("{}:{position}", self.facts.job),
            "started_at": self.facts.started_at,
            "workflow": self.workflow.name,
        })
    }
}

/// Makes the `with` of every step ready, as far as it can be.
fn prepare(steps: &[Step], molds: &mut Vec<Option<Mold>>) {
    for step in steps {
        match &step.kind {
            StepKind::Action { action, with, .. } => {
                let at = step.number as usize;
                molds.resize_with(molds.len().max(at + 1), || None);
                if let Some(place) = molds.get_mut(at) {
                    *place = Mold::of(action, with.root());
                }
            }
            StepKind::ForEach { steps, .. } => prepare(steps, molds),
            StepKind::Composed(_)
            | StepKind::Set(_)
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Assert { .. }
            | StepKind::Fail(_)
            | StepKind::Stop(_)
            | StepKind::Log(_) => {}
        }
    }
}

/// Calls `see` with every path that a template or condition of these steps reads.
pub(super) fn walk(steps: &[Step], see: &mut impl FnMut(&[String])) {
    for step in steps {
        let mut condition = |condition: &crate::condition::Condition| {
            condition.names().iter().for_each(|name| see(&name.segments));
        };
        step.condition.iter().for_each(&mut condition);
        step.repeat.iter().for_each(|repeat| condition(&repeat.until));
        match &step.kind {
            StepKind::Action { with, success_when, .. } => {
                success_when.iter().for_each(&mut condition);
                for (_, leaf) in with.leaves() {
                    leaf.names().iter().for_each(|name| see(&name.segments));
                }
            }
            StepKind::Composed(composed) => {
                for (_, leaf) in composed.trees().flat_map(Tree::leaves) {
                    leaf.names().iter().for_each(|name| see(&name.segments));
                }
                if composed.reads_subject() {
                    see(&["subject".to_owned()]);
                }
            }
            StepKind::Set(settings) => {
                for (_, setting) in settings {
                    if let Setting::Expression(expression) = setting {
                        condition(expression);
                    }
                }
            }
            StepKind::ForEach { list, steps, .. } => {
                condition(list);
                walk(steps, see);
            }
            StepKind::Assert { that, message } => {
                condition(that);
                message.iter().for_each(|leaf| leaf.names().iter().for_each(|name| see(&name.segments)));
            }
            StepKind::Fail(leaf) | StepKind::Log(leaf) => {
                leaf.names().iter().for_each(|name| see(&name.segments));
            }
            StepKind::Stop(leaf) => {
                leaf.iter().for_each(|leaf| leaf.names().iter().for_each(|name| see(&name.segments)));
            }
            StepKind::Wait(_) => {}
            StepKind::Approve(approve) => {
                let message = approve.message.iter();
                message.for_each(|leaf| leaf.names().iter().for_each(|name| see(&name.segments)));
            }
        }
        if let Some(profile) = &step.profile {
            profile.names().iter().for_each(|name| see(&name.segments));
        }
    }
}
