//! One line of the record of changes: what was changed, when, and by whom.

use serde_json::{Value, json};

use super::World;
use crate::sandbox::onetrust::moment;

/// One change, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From 1, without gaps.
    pub number: u64,
    /// By the sandbox's clock, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// `request.created`, `request.stage`, `request.comment`, `request.fields`, `request.deadline`,
    /// `subtask.created`, `subtask.status`, `subtask.comment`, `results.added`, `file.uploaded` or
    /// `consent.changed`.
    pub what: &'static str,
    /// The reference of the request, if it is about one.
    pub request: Option<String>,
    /// The id of the subtask, if it is about one.
    pub subtask: Option<String>,
    /// The new status, stage or transaction; otherwise what was added, in a word.
    pub value: String,
    /// The comment that came with it.
    pub comment: Option<String>,
    /// The id of the credential, or `sandbox` for what was changed by the sandbox's own pages.
    pub by: String,
}

impl Change {
    /// The change as a line of `GET /sandbox/onetrust/changes`.
    pub fn to_json(&self) -> Value {
        json!({
            "number": self.number,
            "at": moment::shown(self.at_ms),
            "what": self.what,
            "request": self.request,
            "subtask": self.subtask,
            "value": self.value,
            "comment": self.comment,
            "by": self.by,
        })
    }
}

impl World {
    /// Adds a line about a request, a subtask, or neither.
    pub fn note(
        &mut self,
        (at_ms, by): (i64, &str),
        what: &'static str,
        (request, subtask): (Option<String>, Option<String>),
        value: &str,
        comment: Option<String>,
    ) {
        let number = self.changes.len() as u64 + 1;
        let (value, by) = (value.to_owned(), by.to_owned());
        self.changes.push(Change { number, at_ms, what, request, subtask, value, comment, by });
    }
}
