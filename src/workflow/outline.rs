//! The steps of a file before they are read: which ids there are, in which loops, and what is set.
//!
//! Names are checked from top to bottom; this is how a name that comes later, or stands in a loop,
//! is told from one that does not exist at all. It looks at shapes only and reports nothing but ids
//! that stand twice.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::catalogue::{self, Action, Composed};
use crate::source::{Content, Mistake, Node, Span, line_of};

/// All steps of a file.
#[derive(Debug, Default)]
pub(super) struct Outline {
    steps: IndexMap<String, Outlined>,
    /// Variables that `set` writes, with the label of the first step that does.
    set: IndexMap<String, String>,
    vars: BTreeSet<String>,
    /// What loops call their items.
    items: BTreeSet<String>,
    count: u32,
}

/// A step with an id.
#[derive(Debug)]
pub(super) struct Outlined {
    /// Its number in the file.
    pub number: u32,
    /// Numbers of the loops around it, from the outside.
    pub loops: Vec<u32>,
    /// It is a loop.
    pub is_loop: bool,
    /// What it calls, if the catalogue has that.
    pub action: Option<&'static Action>,
    /// What it does with several calls, if the catalogue has that.
    pub composed: Option<&'static Composed>,
    at: Span,
}

impl Outline {
    /// Looks through the `vars` and all steps of a file.
    pub fn of(root: &Node, text: &str, mistakes: &mut Vec<Mistake>) -> Outline {
        let mut outline = Outline::default();
        for entry in root.get("vars").and_then(Node::as_map).unwrap_or_default() {
            outline.vars.insert(entry.key.clone());
        }
        for list in ["steps", "on_failure"] {
            if let Some(steps) = root.get(list) {
                outline.list(steps, &[], text, mistakes);
            }
        }
        outline
    }

    fn list(&mut self, steps: &Node, loops: &[u32], text: &str, mistakes: &mut Vec<Mistake>) {
        let Content::List(steps) = &steps.content else { return };
        for step in steps {
            let number = self.count;
            self.count += 1;
            let id = step.get("id").filter(|id| id.as_text().is_some());
            let inner = step.get("steps");
            if let Some((id, at)) = id.and_then(|node| Some((node.as_text()?, node.at.clone()))) {
                match self.steps.get(id) {
                    Some(first) => {
                        let line = line_of(text, first.at.start);
                        mistakes.push(
                            Mistake::error("duplicate_id", at, format!("two steps have the id `{id}`"))
                                .label("a second time")
                                .help(format!(
                                    "the first one is on line {line}; ids are unique in the whole file"
                                )),
                        );
                    }
                    None => {
                        let is_loop = step.get("for_each").is_some();
                        let uses = step.get("uses").and_then(Node::as_text);
                        let action = uses.and_then(catalogue::find);
                        let composed = uses.and_then(catalogue::find_composed);
                        let loops = loops.to_vec();
                        let outlined = Outlined { number, loops, is_loop, action, composed, at };
                        self.steps.insert(id.to_owned(), outlined);
                    }
                }
            }
            for entry in step.get("set").and_then(Node::as_map).unwrap_or_default() {
                let label = label(id.and_then(Node::as_text), number);
                self.set.entry(entry.key.clone()).or_insert(label);
            }
            if step.get("for_each").is_some() {
                let name = step.get("as").map_or(Some("item"), Node::as_text);
                self.items.extend(name.map(str::to_owned));
            }
            if let Some(inner) = inner {
                let mut around = loops.to_vec();
                around.push(number);
                self.list(inner, &around, text, mistakes);
            }
        }
    }

    /// The step with this id.
    pub fn step(&self, id: &str) -> Option<&Outlined> {
        self.steps.get(id)
    }

    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.steps.keys().map(String::as_str)
    }

    /// Ids of the steps that stand directly in a loop.
    pub fn ids_in(&self, number: u32) -> impl Iterator<Item = &str> {
        let direct = move |step: &Outlined| step.loops.last() == Some(&number);
        self.steps.iter().filter(move |(_, step)| direct(step)).map(|(id, _)| id.as_str())
    }

    /// The id of the step with this number.
    pub fn id_of(&self, number: u32) -> Option<&str> {
        self.steps.iter().find(|(_, step)| step.number == number).map(|(id, _)| id.as_str())
    }

    /// Whether `vars` gives a variable its first value.
    pub fn is_var(&self, var: &str) -> bool {
        self.vars.contains(var)
    }

    /// Whether some loop calls its items so.
    pub fn is_item(&self, name: &str) -> bool {
        self.items.contains(name)
    }

    /// Label of the first step that sets a variable, wherever it stands.
    pub fn set_by(&self, var: &str) -> Option<&str> {
        self.set.get(var).map(String::as_str)
    }
}

/// How reports name a step: its id, else its number in the file, from 1.
pub(super) fn label(id: Option<&str>, number: u32) -> String {
    id.map_or_else(|| format!("step-{}", number + 1), str::to_owned)
}
