//! A subtask as the lists and the single read of OneTrust show it.
//!
//! The lists say `subTaskName` where the single read says `taskName`; what one of them does not say is
//! filled in from the other. Personal members (who asked, who works on it) are not kept.

use jiff::Timestamp;
use serde_json::Value;

use super::{dates, json};

/// Longer ids come only from answers made to be long.
const LONGEST_ID: usize = 100;

/// A subtask; what its answer did not say is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtask {
    /// Its uuid.
    pub id: String,
    /// As OneTrust shows it.
    pub name: Option<String>,
    /// A word of [`super::words::status`].
    pub status: Option<String>,
    /// `MANUAL` or `USER_TASK`, or `SYSTEM_TASK`.
    pub kind: Option<String>,
    /// The request's reference, ten characters, as people see it.
    pub request_ref: Option<String>,
    /// The request's uuid.
    pub request_id: Option<String>,
    /// Of the subtask.
    pub deadline: Option<Timestamp>,
    /// Of the request.
    pub request_deadline: Option<Timestamp>,
    /// When it changed last.
    pub updated: Option<Timestamp>,
    /// Display names.
    pub request_types: Vec<String>,
    /// Of the request.
    pub stage: Option<String>,
    /// The profile of the settings by which it is read, so that it can be reported there.
    pub profile: Option<String>,
}

impl Subtask {
    /// Reads an item of a list or a single answer; `None` without an id that could stand in an address.
    pub fn read(value: &Value) -> Option<Subtask> {
        let text = |names: &[&str]| json::text(value, names).map(|text| text.trim().to_owned());
        let date = |names: &[&str]| json::text(value, names).and_then(dates::moment);
        let id = text(&["subTaskId", "subtaskId", "subTaskID", "subtask_id", "id"])?;
        if id.len() > LONGEST_ID
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return None;
        }
        Some(Subtask {
            id,
            name: text(&["subTaskName", "taskName"]),
            status: text(&["subTaskStatus", "status"]),
            kind: text(&["subTaskType", "type"]),
            request_ref: text(&["requestQueueRefId"]),
            request_id: text(&["requestQueueId"]),
            deadline: date(&["subTaskDeadline", "deadline"]),
            request_deadline: date(&["requestQueueDeadline"]),
            updated: date(&["subTaskLastUpdatedDate"]),
            request_types: json::texts(value, &["requestTypes"]),
            stage: text(&["currentRequestStage"]),
            profile: None,
        })
    }

    /// The same with what a later answer says of it.
    #[must_use]
    pub fn or_else(self, earlier: Subtask) -> Subtask {
        let types = if self.request_types.is_empty() { earlier.request_types } else { self.request_types };
        Subtask {
            id: self.id,
            name: self.name.or(earlier.name),
            status: self.status.or(earlier.status),
            kind: self.kind.or(earlier.kind),
            request_ref: self.request_ref.or(earlier.request_ref),
            request_id: self.request_id.or(earlier.request_id),
            deadline: self.deadline.or(earlier.deadline),
            request_deadline: self.request_deadline.or(earlier.request_deadline),
            updated: self.updated.or(earlier.updated),
            request_types: types,
            stage: self.stage.or(earlier.stage),
            profile: self.profile.or(earlier.profile),
        }
    }

    /// The id of the record that it becomes.
    pub fn record_id(&self) -> String {
        format!("subtask:{}", self.id.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subtask_reads_the_same_from_a_list_and_alone() {
        let listed = json!({"subTaskId": "3A60", "subTaskName": "Delete", "subTaskStatus": "Open", "subTaskType": "MANUAL"});
        let alone = json!({"subTaskId": "3A60", "taskName": "Delete", "status": "OPEN", "type": "USER_TASK"});

        let (listed, alone) = (Subtask::read(&listed).unwrap(), Subtask::read(&alone).unwrap());

        assert_eq!(listed.name, alone.name);
        assert_eq!(listed.record_id(), "subtask:3a60");
        assert_eq!(alone.clone().or_else(listed.clone()).status.as_deref(), Some("OPEN"));
        assert_eq!(listed.or_else(alone).status.as_deref(), Some("Open"));
    }

    #[test]
    fn an_id_that_could_lead_an_address_elsewhere_is_no_id() {
        for id in ["", "../x", "a/b", "a?b", "a b", &"a".repeat(101)] {
            assert_eq!(Subtask::read(&json!({"subTaskId": id})), None, "{id}");
        }
        assert_eq!(Subtask::read(&json!({"subTaskId": 7})), None);
        assert_eq!(Subtask::read(&json!("x")), None);
    }
}
