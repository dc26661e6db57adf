//! What a job came to in numbers: the summary of `run`, `jobs show` and, later, of a page.
//!
//! Every record counts once, and `requests` is the sum of what is counted, never a number of its
//! own: a summary that does not add up cannot be written.

use std::collections::BTreeMap;

use super::state::Proof;
use super::{Fail, Pause, Skip, Verdict};

/// The counts of a job, over all the processes that worked on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that are done.
    pub done: u64,
    /// Requests that needed no write, by reason.
    pub skipped_by: BTreeMap<Skip, u64>,
    /// Requests that failed, by reason.
    pub failed_by: BTreeMap<Fail, u64>,
    /// Requests that are not over, by what they wait for.
    pub waiting_by: BTreeMap<Pause, u64>,
    /// Requests with at least one accepted write, whatever else became of them.
    pub accepted: u64,
    /// Requests whose effect a later read proved.
    pub verified: u64,
    /// One-person calls that got an answer that decided something; a retried call counts once.
    pub calls: u64,
    /// HTTP exchanges that left or were about to, retries included.
    pub http_requests: u64,
    /// Those of them that repeated an earlier one.
    pub retries: u64,
    /// Time that processes worked on the job, in milliseconds; a process that was killed adds none.
    pub elapsed_ms: u64,
    /// Records in the input, once a process read it to its end.
    pub records: Option<u64>,
    /// Purposes and statuses that no table maps, by name.
    pub unmapped: BTreeMap<String, u64>,
    /// One-person calls that a job which only looks did not send, by their action.
    pub not_sent: BTreeMap<String, u64>,
}

impl Totals {
    /// Requests that needed no write.
    pub fn skipped(&self) -> u64 {
        self.skipped_by.values().sum()
    }

    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        self.failed_by.values().sum()
    }

    /// Requests that are not over.
    pub fn waiting(&self) -> u64 {
        self.waiting_by.values().sum()
    }

    /// Every request that is counted: done, skipped, failed and waiting.
    pub fn requests(&self) -> u64 {
        self.done + self.skipped() + self.failed() + self.waiting()
    }

    /// Counts one request, or several of the same fate.
    pub(super) fn add(&mut self, verdict: Verdict, requests: u64) {
        if requests == 0 {
            return;
        }
        match verdict {
            Verdict::Done => self.done += requests,
            Verdict::Skipped(skip) => *self.skipped_by.entry(skip).or_default() += requests,
            Verdict::Failed(fail) => *self.failed_by.entry(fail).or_default() += requests,
            Verdict::Waiting(pause) => *self.waiting_by.entry(pause).or_default() += requests,
        }
    }

    /// An exchange whose moment had come was not sent.
    pub(super) fn note_not_sent(&mut self, action: &str, calls: u32) {
        self.http_requests = self.http_requests.saturating_sub(1);
        *self.not_sent.entry(action.to_owned()).or_default() += u64::from(calls);
    }

    /// Counts what is certain of a request.
    pub(super) fn prove(&mut self, proof: Proof) {
        self.accepted += u64::from(proof.accepted);
        self.verified += u64::from(proof.verified);
    }

    /// Counts a request no more that was counted so.
    pub(super) fn take_back(&mut self, verdict: Verdict, proof: Proof) {
        self.accepted = self.accepted.saturating_sub(u64::from(proof.accepted));
        self.verified = self.verified.saturating_sub(u64::from(proof.verified));
        let count = match verdict {
            Verdict::Done => Some(&mut self.done),
            Verdict::Skipped(skip) => self.skipped_by.get_mut(&skip),
            Verdict::Failed(fail) => self.failed_by.get_mut(&fail),
            Verdict::Waiting(pause) => self.waiting_by.get_mut(&pause),
        };
        if let Some(count) = count {
            *count = count.saturating_sub(1);
        }
        // A reason that nobody has is not listed.
        self.skipped_by.retain(|_, count| *count > 0);
        self.failed_by.retain(|_, count| *count > 0);
    }
}
