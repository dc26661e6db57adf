//! What the steps of a workflow read, so that a run neither makes nor keeps what nobody asks for.
//!
//! Only names that the texts spell out count. A text that takes `vars` or `steps` as a whole reads
//! everything in it.

use std::collections::HashSet;

use super::facts::walk;
use crate::workflow::{Step, StepKind, Workflow};

/// What templates and conditions read.
#[derive(Debug, Default, Clone)]
pub(super) struct Reads {
    /// Names, by first segment.
    names: HashSet<String>,
    /// Ids of steps that are read through `steps`.
    steps: HashSet<String>,
    /// `steps` is read as a whole.
    all_steps: bool,
    /// Variables that are read through `vars`.
    vars: HashSet<String>,
    /// `vars` is read as a whole.
    all_vars: bool,
}

impl Reads {
    /// What all of a workflow reads.
    pub fn of(workflow: &Workflow) -> Reads {
        let mut reads = Reads::of_steps(workflow.lists());
        for (_, tree) in &workflow.vars {
            for (_, leaf) in tree.leaves() {
                leaf.names().iter().for_each(|name| reads.note(&name.segments));
            }
        }
        reads
    }

    /// What some lists of steps read.
    fn of_steps<'w>(lists: impl Iterator<Item = &'w [Step]>) -> Reads {
        let mut reads = Reads::default();
        for steps in lists {
            walk(steps, &mut |segments: &[String]| reads.note(segments));
        }
        reads
    }

    /// By step of the workflow: what it reads and those that a run may come to behind it.
    pub fn from_each(workflow: &Workflow) -> Vec<Reads> {
        let steps = &workflow.steps;
        let mut reads = Reads::of_steps(workflow.lists().skip(1));
        let mut from: Vec<Reads> = Vec::with_capacity(steps.len());
        for step in steps.iter().rev() {
            walk(std::slice::from_ref(step), &mut |segments: &[String]| reads.note(segments));
            from.push(reads.clone());
        }
        from.reverse();
        from
    }

    fn note(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        self.names.insert(first.clone());
        match (first.as_str(), segments.get(1)) {
            ("steps", Some(id)) => drop(self.steps.insert(id.clone())),
            ("steps", None) => self.all_steps = true,
            ("vars", Some(name)) => drop(self.vars.insert(name.clone())),
            ("vars", None) => self.all_vars = true,
            _ => {}
        }
    }

    /// Whether `name` is read as a first segment.
    pub fn name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether `steps.<id>` is read.
    pub fn step(&self, id: &str) -> bool {
        self.all_steps || self.steps.contains(id)
    }

    /// Whether `vars.<name>` is read.
    pub fn var(&self, name: &str) -> bool {
        self.all_vars || self.vars.contains(name)
    }

    /// Whether `vars` is read as a whole.
    pub fn all_vars(&self) -> bool {
        self.all_vars
    }

    /// The steps whose output somebody reads: their own, or that of a loop around them.
    pub fn kept_steps(&self, steps: &[Step], is_in_kept: bool, kept: &mut HashSet<u32>) {
        for step in steps {
            let is_kept = is_in_kept || step.id.as_ref().is_some_and(|id| self.step(id));
            if is_kept {
                kept.insert(step.number);
            }
            if let StepKind::ForEach { steps, .. } = &step.kind {
                self.kept_steps(steps, is_kept, kept);
            }
        }
    }
}
