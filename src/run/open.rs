//! What a preview cannot know: answers that have not been given, and what depends on them.

use std::collections::{BTreeMap, BTreeSet};

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

    /// Notes that the answer of a step has not been given.
    pub fn note_step(&mut self, step: &Step) {
        self.steps.insert(step.label.clone(), BTreeSet::from([step.label.clone()]));
    }
}
