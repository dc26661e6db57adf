//! What a run lets go of while it waits for an answer, and when it is over.
//!
//! Names and shapes may outlive a person, for the next one; values never do.

use serde_json::{Map, Value};

use super::facts::Program;
use super::machine::Run;
use super::phases::Phase;
use crate::request::Spare;
use crate::template::Scope;

/// What a request fills in a scope.
const KNOWN: [&str; 4] = ["request", "subject", "consents", "fields"];

impl Run {
    /// Gives the scope back for another run, with `vars` as they were at the start.
    pub fn into_scope(mut self) -> Scope {
        self.forget()
    }

    /// Forgets the person; only for a run that needs nothing but the answer of its last call.
    /// What is left of the scope can be used for another run: nothing in it is of this person.
    pub fn forget(&mut self) -> Scope {
        self.roll_back(0);
        self.times = None;
        self.cover = None;
        // What earlier items of a loop came to.
        self.frames
            .iter_mut()
            .filter_map(|frame| frame.around.as_mut())
            .for_each(|around| around.outputs.clear());
        let mut scope = std::mem::replace(&mut self.scope, Scope::new(Map::new()));
        let stays = |name: &str| matches!(name, "vars" | "steps" | "now") || KNOWN.contains(&name);
        if scope.data().keys().any(|name| !stays(name)) {
            scope.data_mut().retain(|name, _| stays(name));
        }
        for (name, value) in scope.data_mut() {
            match (name.as_str(), value) {
                ("steps", Value::Object(steps)) if !steps.is_empty() => steps.clear(),
                ("fields", value) => *value = Value::Null,
                (name, value) if KNOWN.contains(&name) => Spare::empty(value),
                _ => {}
            }
        }
        scope
    }

    /// Lets go of what no step from here on reads, for a run that is kept until its call is answered. One
    /// that only reports is over soon, and keeps what it has.
    /// `keep` is given what a record filled.
    pub fn slim(&mut self, program: &Program, mut keep: impl FnMut(Value)) {
        if self.phase != Phase::Steps {
            return;
        }
        let Some(reads) = self.frames.first().and_then(|frame| program.reads_from(frame.at)) else { return };
        for (name, value) in self.scope.data_mut() {
            match (name.as_str(), value) {
                ("vars", Value::Object(vars)) if !reads.all_vars() => {
                    let unread = vars.iter_mut().filter(|(name, _)| !reads.var(name));
                    unread.for_each(|(_, value)| *value = Value::Null);
                }
                // Its names are the customer's.
                ("fields", value) if !reads.name("fields") => *value = Value::Null,
                (name, value) if KNOWN.contains(&name) && !reads.name(name) => keep(value.take()),
                _ => {}
            }
        }
    }

    /// Takes the shape that a person's record left behind out of a scope.
    pub fn take_emptied(scope: &mut Scope, mut keep: impl FnMut(Value)) {
        for (name, value) in scope.data_mut() {
            if KNOWN.contains(&name.as_str()) {
                keep(value.take());
            }
        }
    }
}
