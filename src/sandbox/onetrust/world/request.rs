//! A request of a data subject, as OneTrust keeps it.

use indexmap::IndexMap;
use serde_json::Value;

use super::World;

/// One request.
pub(in crate::sandbox::onetrust) struct Request {
    pub id: String,
    /// Ten characters, shown to people.
    pub reference: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub organization: String,
    pub stage: String,
    pub request_types: Vec<String>,
    pub subject_types: Vec<String>,
    pub language: String,
    pub country_code: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub completed_ms: Option<i64>,
    pub deadline_ms: i64,
    /// The moment since when the deadline stands still.
    pub paused_ms: Option<i64>,
    pub is_test: bool,
    pub resolution: Option<String>,
    /// Custom fields by label.
    pub fields: IndexMap<String, String>,
    pub multiselect: IndexMap<String, Vec<String>>,
    pub comments: Vec<Comment>,
    /// Structured results by system.
    pub results: Vec<Results>,
    /// Places of its subtasks.
    pub subtasks: Vec<usize>,
}

impl Request {
    /// Whether it ended, well or not.
    pub fn is_closed(&self) -> bool {
        matches!(self.stage.as_str(), "Complete" | "Rejected")
    }
}

/// A comment on a request or a subtask.
pub(in crate::sandbox::onetrust) struct Comment {
    pub id: String,
    pub text: String,
    pub author: String,
    pub at_ms: i64,
    pub is_internal: bool,
    /// Names and ids of files.
    pub attachments: Vec<(String, String)>,
}

/// What one system returned for an access request.
pub(in crate::sandbox::onetrust) struct Results {
    pub group_id: String,
    pub system: String,
    pub body: Value,
}

impl World {
    /// The place of the request with this reference.
    pub fn request_place(&self, reference: &str) -> Option<usize> {
        self.by_ref.get(reference).copied()
    }

    /// The request with this reference.
    pub fn request(&self, reference: &str) -> Option<&Request> {
        self.requests.get(self.request_place(reference)?)
    }

    /// The request with this reference, to be changed.
    pub fn request_mut(&mut self, reference: &str) -> Option<&mut Request> {
        let place = self.request_place(reference)?;
        self.requests.get_mut(place)
    }

    /// The stage that a word names, however it is written.
    pub fn stage(&self, word: &str) -> Option<String> {
        let wanted = super::folded(word);
        self.stages.iter().find(|stage| super::folded(stage) == wanted).cloned()
    }

    /// The required subtasks of a request's stage that are still open.
    pub fn open_and_required<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a super::Subtask> {
        let subtasks = request.subtasks.iter().filter_map(|place| self.subtasks.get(*place));
        subtasks.filter(|subtask| {
            subtask.is_required && !subtask.status.is_closed() && subtask.stage == request.stage
        })
    }
}
