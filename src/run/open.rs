//! What a preview cannot know: answers that have not been given, and what depends on them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::condition::Condition;
use crate::template::{Name, Scope};
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
    /// What is not known is taken out of the scope, so that reading it is an error and decides nothing.
    /// A name that may be missing (`has`) would turn unknown into false, so with one nothing is sure.
    pub fn is_surely_false(&self, condition: &Condition, scope: &mut Scope) -> bool {
        let mut hidden = Vec::new();
        for name in condition.names() {
            if self.needs([name]).is_empty() {
                continue;
            }
            let ([part, member, ..], false) = (name.segments.as_slice(), name.optional) else {
                return put_back(hidden, scope, false);
            };
            if let Some(Value::Object(members)) = scope.data_mut().get_mut(part)
                && let Some(value) = members.swap_remove(member)
            {
                hidden.push((part, member, value));
            }
        }
        let is_false = condition.test(scope) == Ok(false);
        put_back(hidden, scope, is_false)
    }

    /// Notes that the answer of a step has not been given.
    pub fn note_step(&mut self, step: &Step) {
        self.steps.insert(step.label.clone(), BTreeSet::from([step.label.clone()]));
    }
}

/// Gives a scope back what was taken out of it, and the answer that was found meanwhile.
fn put_back(hidden: Vec<(&String, &String, Value)>, scope: &mut Scope, answer: bool) -> bool {
    for (part, member, value) in hidden {
        if let Some(Value::Object(members)) = scope.data_mut().get_mut(part) {
            members.insert(member.clone(), value);
        }
    }
    answer
}
