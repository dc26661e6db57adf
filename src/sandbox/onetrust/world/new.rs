//! What a request and its subtasks can be told to be when they are added from outside.
//!
//! Everything has a default, so `{}` is an open erasure request of somebody made up.

use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;

/// A request to be added.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewRequest {
    /// Ten letters and digits; drawn when absent.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// A UUID; drawn when absent.
    pub id: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// E-mail address; one under `example.com` when absent.
    pub email: Option<String>,
    /// `Example Organization` when absent.
    pub organization: Option<String>,
    /// `In Progress` when absent; a stage of the customer's own may be named.
    pub stage: Option<String>,
    /// Display names; `Erasure` when absent.
    pub request_types: Option<Vec<String>>,
    /// Display names; `Customer` when absent.
    pub subject_types: Option<Vec<String>>,
    /// `en-us` when absent.
    pub language: Option<String>,
    /// Two letters; `FR` when absent.
    pub country_code: Option<String>,
    /// RFC 3339; 30 days from now when absent.
    pub deadline: Option<jiff::Timestamp>,
    /// The deadline stands still.
    pub paused: bool,
    /// Somebody tried a form out.
    pub test: bool,
    /// Custom fields by label.
    pub fields: IndexMap<String, String>,
    /// Custom fields with several values.
    pub multiselect: IndexMap<String, Vec<String>>,
    /// Its subtasks; one named `Delete from Braze` when absent.
    pub subtasks: Option<Vec<NewSubtask>>,
}

/// A subtask to be added.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewSubtask {
    /// A UUID; drawn when absent.
    pub id: Option<String>,
    /// `Delete from Braze` when absent.
    pub name: Option<String>,
    /// Up to 1000 characters.
    pub description: String,
    /// For a person or for a system.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// The integration, for systems only.
    pub system_name: Option<String>,
    /// Any spelling; `Open` when absent.
    pub status: Option<String>,
    /// The request stays in its stage until this is closed; yes when absent.
    pub required: Option<bool>,
    /// Who is to do it.
    pub assignee: Option<String>,
    /// RFC 3339.
    pub deadline: Option<jiff::Timestamp>,
    /// It cannot be completed without a comment.
    pub comment_required: bool,
    /// It cannot be completed without a resolution.
    pub resolution_required: bool,
    /// Its stage has begun; yes when absent.
    pub activated: Option<bool>,
    /// The stage it was made for; that of the request when absent.
    pub stage: Option<String>,
}

/// Who carries a subtask out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskType {
    /// A person.
    #[default]
    Manual,
    /// An integration.
    System,
}

/// Why a request could not be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Only this shape fits the paths and the documented schemas.
    #[error("a reference is ten letters and digits")]
    Reference,
    /// Ids of requests and subtasks.
    #[error("an id is a UUID")]
    Id,
    /// Another request or subtask has it.
    #[error("the reference or an id is taken; leave it out to have one drawn")]
    Taken,
    /// A subtask's status.
    #[error("the status of a subtask is none of the documented words")]
    Status,
}

impl fmt::Debug for NewRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewRequest(redacted)")
    }
}
