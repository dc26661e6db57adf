//! What an exchange came to, and what that meant for requests, as entries say it.
//!
//! One by one for few requests, by a root over leaves for many. Which facts there are is the work of `fact`. A
//! member that an earlier release did not write is absent there, so each has a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An exchange that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The job.
    pub job: String,
    /// Number of the event in the store.
    pub event: i64,
    /// Number of the batch in its job.
    pub batch: u64,
    /// Id of the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// `read`, `set`, `irreversible` or `report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Where it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there is no status: `no_answer`, `never_left`, `not_sent` (the job only looks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// The service's own id of the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How many one-person calls it carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// What it meant for each of few requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// What it meant for many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Grouped>,
}

/// A request as it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `job-7:123`.
    pub run: String,
    /// Digest of the workflow's name and the request's id under the secret of the store.
    pub request: String,
    /// Digests of the subject's identifiers under the same secret.
    pub subject: Vec<String>,
    /// `deletion`, `consent`, …
    pub kind: String,
    /// When the request was received, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// Until when it must be answered, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
}

/// What something meant for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// `job-7:123`.
    pub run: String,
    /// Digest of the workflow's name and the request's id under the secret of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Path of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Of a step that is over: whether the service accepted it. Of a request that ended: whether a write
    /// of it was accepted.
    pub accepted: bool,
    /// How many profiles the answer holds, when it is a list of profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<u64>,
    /// `done`, `skipped`, `failed`, `waiting`, of a request that ended or waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why; done needs no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A later read proved the write.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
}

/// The root over the leaves of many requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouped {
    /// The root.
    pub root: String,
    /// How many leaves: requests that ended, and steps of those that go on.
    pub leaves: u64,
    /// What they came to, by count.
    pub results: BTreeMap<String, u64>,
}
