//! Variables whose place may be kept from one person to the next.
//!
//! `set` makes a variable and the end of a run takes it away, which costs more than what stands in it.
//! A variable that every run sets before anything reads it is a quiet one: nobody can see whether its
//! name was there before, so only its value is taken away.

use std::collections::BTreeSet;

use super::facts::walk;
use crate::workflow::{Setting, Step, StepKind, Workflow};

/// The quiet variables of a workflow.
pub(super) fn quiet(workflow: &Workflow) -> BTreeSet<String> {
    let mut seen = Seen::default();
    for (_, tree) in &workflow.vars {
        for (_, leaf) in tree.leaves() {
            leaf.names().iter().for_each(|name| seen.read(&name.segments));
        }
    }
    // What follows a failure may read a variable that no step has set yet.
    for steps in workflow.lists().skip(1) {
        walk(steps, &mut |segments: &[String]| seen.read(segments));
    }
    for step in &workflow.steps {
        match &step.kind {
            StepKind::Set(settings) => seen.set(step, settings),
            _ => walk(std::slice::from_ref(step), &mut |segments: &[String]| seen.read(segments)),
        }
    }
    if seen.all_read {
        return BTreeSet::new();
    }
    let declared = |name: &String| workflow.vars.iter().any(|(declared, _)| declared == name);
    seen.set.retain(|name| !seen.read_before.contains(name) && !declared(name));
    seen.set
}

#[derive(Default)]
struct Seen {
    /// Set by every run that comes this far.
    set: BTreeSet<String>,
    /// Read when it was not.
    read_before: BTreeSet<String>,
    /// `vars` is read as a whole.
    all_read: bool,
}

impl Seen {
    fn read(&mut self, segments: &[String]) {
        match (segments.first().map(String::as_str), segments.get(1)) {
            (Some("vars"), Some(name)) if !self.set.contains(name) => {
                self.read_before.insert(name.clone());
            }
            (Some("vars"), None) => self.all_read = true,
            _ => {}
        }
    }

    fn set(&mut self, step: &Step, settings: &[(String, Setting)]) {
        let is_certain = step.condition.is_none() && !step.continue_on_error;
        for name in step.condition.iter().flat_map(|condition| condition.names()) {
            self.read(&name.segments);
        }
        for (name, setting) in settings {
            if let Setting::Expression(expression) = setting {
                expression.names().iter().for_each(|name| self.read(&name.segments));
            }
            if is_certain {
                self.set.insert(name.clone());
            }
        }
    }
}
