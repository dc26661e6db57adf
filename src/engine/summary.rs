//! What a job came to, over all the processes that worked on it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The document that `run --output json` ends with (design section 6).
///
/// `requests = done + skipped + failed + waiting`. `accepted` counts requests with a write that the
/// service accepted, `verified` those of them that a later read proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// `job-7`.
    pub job: String,
    /// Name of the workflow.
    pub workflow: String,
    /// Records in the input.
    pub requests: u64,
    /// Carried out.
    pub done: u64,
    /// No write was needed.
    pub skipped: u64,
    /// Failed, finally.
    pub failed: u64,
    /// Not over yet.
    pub waiting: u64,
    /// Requests with an accepted write.
    pub accepted: u64,
    /// Requests whose write a later read proved.
    pub verified: u64,
    /// By reason.
    pub skipped_by: BTreeMap<String, u64>,
    /// By reason.
    pub failed_by: BTreeMap<String, u64>,
    /// By reason.
    pub waiting_by: BTreeMap<String, u64>,
    /// Purposes and statuses that no table of the workflow maps, by name.
    pub unmapped: BTreeMap<String, u64>,
    /// One-person calls that were sent.
    pub calls: u64,
    /// HTTP exchanges that carried them, retries included.
    pub http_requests: u64,
    /// Exchanges that were tries of an earlier one.
    pub retries: u64,
    /// Time that processes worked on the job.
    pub duration_ms: u64,
    /// Of a job that only looked: one-person calls that would have been sent, by action. Absent of any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<BTreeMap<String, u64>>,
    /// NDJSON file with a line for each request that failed or waits for a person.
    pub failures: Option<PathBuf>,
}

impl Summary {
    /// Whether everything ended as done or skipped.
    pub fn is_all_well(&self) -> bool {
        self.failed == 0 && self.waiting == 0
    }
}
