//! What the rules of an action found, and where.
//!
//! Nothing is allocated until something is found: the rules run once per call.

use super::Action;
use crate::source::Mistake;
use crate::template::PathSeg;

/// A place in a value: a list of steps from the inside out, on the stack.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    outer: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    pub(super) const ROOT: At<'static> = At { outer: None, step: Step::Root };

    /// The member of this place.
    pub(super) fn key(&'a self, name: &'a str) -> At<'a> {
        At { outer: Some(self), step: Step::Key(name) }
    }

    /// The item of this place.
    pub(super) fn index(&'a self, index: usize) -> At<'a> {
        At { outer: Some(self), step: Step::Index(index) }
    }

    fn path(&self) -> Vec<PathSeg> {
        let mut path = self.outer.map(At::path).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Key(name) => path.push(PathSeg::Key(name.to_owned())),
            Step::Index(index) => path.push(PathSeg::Index(index)),
        }
        path
    }

    /// As people write it, in backticks: `` `attributes[0].email` ``; empty for the whole value.
    fn text(&self) -> String {
        let mut text = String::new();
        for step in self.path() {
            match step {
                PathSeg::Key(name) if text.is_empty() => text.push_str(&name),
                PathSeg::Key(name) => text.extend([".", &name]),
                PathSeg::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        if text.is_empty() { text } else { format!("`{text}`") }
    }
}

/// How much is wanted to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Everything that is wrong, for the author of a workflow.
    All,
    /// Whether anything is wrong, for one call.
    First,
}

/// What was found so far.
pub(super) struct Findings<'a> {
    /// Whose rules are applied, for messages.
    pub(super) action: &'a Action,
    want: Want,
    pub(super) found: Vec<(Vec<PathSeg>, Mistake)>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(action: &'a Action, want: Want) -> Findings<'a> {
        Findings { action, want, found: Vec::new() }
    }

    /// Adds one; `words` gives message and help for the text of the place.
    pub(super) fn add(&mut self, code: &'static str, at: At, words: impl FnOnce(&str) -> (String, String)) {
        if self.want == Want::First && !self.found.is_empty() {
            return;
        }
        let (message, help) = words(&at.text());
        self.found.push((at.path(), Mistake::error(code, 0..0, message).help(help)));
    }
}
