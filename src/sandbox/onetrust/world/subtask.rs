//! One task of a request, for a person or for a system.

use super::{Comment, Request, Status, TaskType, World};

/// One subtask.
pub(in crate::sandbox::onetrust) struct Subtask {
    pub id: String,
    /// The place of its request.
    pub request: usize,
    pub name: String,
    pub description: String,
    pub status: Status,
    pub kind: TaskType,
    /// The integration it belongs to; only for systems.
    pub system_name: Option<String>,
    pub is_required: bool,
    pub assignee: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub deadline_ms: Option<i64>,
    pub resolution: Option<String>,
    /// It cannot be completed without a comment.
    pub needs_comment: bool,
    /// It cannot be completed without a resolution.
    pub needs_resolution: bool,
    /// Its stage has begun.
    pub is_active: bool,
    /// The stage it was made for.
    pub stage: String,
    pub comments: Vec<Comment>,
}

impl World {
    /// The place of a subtask.
    pub fn subtask_place(&self, id: &str) -> Option<usize> {
        self.by_subtask.get(&id.to_ascii_lowercase()).copied()
    }

    /// A subtask with its request.
    pub fn subtask(&self, id: &str) -> Option<(&Subtask, &Request)> {
        let subtask = self.subtasks.get(self.subtask_place(id)?)?;
        Some((subtask, self.requests.get(subtask.request)?))
    }

    /// A subtask with its request, to be changed.
    pub fn subtask_mut(&mut self, id: &str) -> Option<(&mut Subtask, &mut Request)> {
        let place = self.subtask_place(id)?;
        let subtask = self.subtasks.get_mut(place)?;
        let request = self.requests.get_mut(subtask.request)?;
        Some((subtask, request))
    }
}
