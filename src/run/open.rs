//! What a preview cannot know: answers that have not been given, and what depends on them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::machine::Run;
use crate::condition::Condition;
use crate::template::Name;
use crate::workflow::Step;

/// Answers that have not been given, and what depends on them.
#[derive(Default)]
pub(super) struct Open {
    /// By step: the answers that its own status and output depend on.
    pub steps: BTreeMap<String, BTreeSet<String>>,
    /// By variable: the answers that its value depends on.
    pub vars: BTreeMap<String, BTreeSet<String>>,
}

impl Open {
    /// The answers that these names depend on.
    pub fn needs<'n>(&self, names: impl IntoIterator<Item = &'n Name>) -> BTreeSet<String> {
        let mut needs = BTreeSet::new();
        for name in names {
            let open = match name.segments.first().map(String::as_str) {
                Some("steps") => &self.steps,
                Some("vars") => &self.vars,
                _ => continue,
            };
            match name.segments.get(1) {
                Some(one) => needs.extend(open.get(one).into_iter().flatten().cloned()),
                None => needs.extend(open.values().flatten().cloned()),
            }
        }
        needs
    }

    /// The answers that an expression depends on.
    pub fn of(&self, condition: &Condition) -> BTreeSet<String> {
        self.needs(condition.names())
    }

    /// Whether a condition is false whatever the answers will be: `false && unknown` is.
    ///
    /// What is not known is taken out of the run's scope, so that reading it is an error and never a
    /// value. A name that may be missing (`has`) would turn unknown into false, so it decides nothing.
    pub fn is_surely_false(&self, condition: &Condition, run: &mut Run) -> bool {
        let is_whole = |name: &&Name| name.segments.len() < 2 || name.optional;
        if condition.names().iter().filter(is_whole).any(|name| !self.needs([name]).is_empty()) {
            return false;
        }
        for (part, open) in [("steps", &self.steps), ("vars", &self.vars)] {
            if let Some(Value::Object(members)) = run.scope.data_mut().get_mut(part) {
                members.retain(|name, _| !open.contains_key(name));
            }
        }
        condition.test(&run.scope) == Ok(false)
    }

    /// Notes that the answer of a step has not been given.
    pub fn note_step(&mut self, step: &Step) {
        self.steps.insert(step.label.clone(), BTreeSet::from([step.label.clone()]));
    }
}
