//! What has happened in a job, and what every request of it came to.
//!
//! A job is a list of [`Event`]s; its state is that list folded up and nothing more. Events hold no
//! personal data: positions, digests, codes, and step outputs only when sealed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a record stands in its input: 0 for the first record. Blank lines are not counted.
pub type Position = u64;

/// The number of a job in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job-{}", self.0)
    }
}

/// What one request came to, with the reason (design section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// At least one write was accepted and nothing failed; without writes, every step ended well.
    Done,
    /// No write was needed.
    Skipped(Skip),
    /// Something failed, finally.
    Failed(Fail),
    /// Not over yet.
    Waiting(Pause),
}

/// Why no write was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// Nothing in the record concerns the workflow: every loop over it was empty.
    NoMatch,
    /// The same content under the same id was finished before.
    Duplicate,
    /// A newer change of the same target was there first.
    Superseded,
    /// The change happened before an erasure of the person.
    Erased,
    /// A look-up found no profile of the person.
    NoProfile,
    /// An `if` was false.
    Condition,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fail {
    /// The service will never accept the call as it stands.
    Refused,
    /// A member of the record or of a rendered call has the wrong type, or the line is no record.
    WrongType,
    /// The workflow does not take requests of this kind.
    KindMismatch,
    /// Other content under an id that was used before.
    IdConflict,
    /// A template or expression could not be rendered for this record.
    Template,
    /// An `assert` was false.
    Assert,
    /// A `fail` step said so.
    Fail,
    /// A person rejected what the guard held.
    GuardRejected,
    /// It did not come true in time.
    Timeout,
    /// The job was cancelled before the request was finished.
    Cancelled,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pause {
    /// A person's approval.
    Approval,
    /// The guard held the job; a person decides.
    Guard,
    /// A point in time.
    Wait,
    /// A person must look: it is not known whether a call that must not be repeated took effect.
    NeedsAttention,
    /// The service could not be reached, or asked to wait.
    Retry,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal = $number:literal),+ $(,)? }) => {
        impl $type {
            /// Every case, in the order of its number.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The word of summaries and files.
            pub fn word(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }

            /// The number in the journal. Never reused, never changed.
            pub fn number(self) -> u8 {
                match self { $($type::$variant => $number),+ }
            }

            /// The case a journal number stands for.
            pub fn of_number(number: u8) -> Option<$type> {
                match number { $($number => Some($type::$variant),)+ _ => None }
            }
        }
    };
}

words!(Skip {
    NoMatch = "no_match" = 1,
    Duplicate = "duplicate" = 2,
    Superseded = "superseded" = 3,
    Erased = "erased" = 4,
    NoProfile = "no_profile" = 5,
    Condition = "condition" = 6,
});
words!(Fail {
    Refused = "refused" = 1,
    WrongType = "wrong_type" = 2,
    KindMismatch = "kind_mismatch" = 3,
    IdConflict = "id_conflict" = 4,
    Template = "template" = 5,
    Assert = "assert" = 6,
    Fail = "fail" = 7,
    GuardRejected = "guard_rejected" = 8,
    Timeout = "timeout" = 9,
    Cancelled = "cancelled" = 10,
});
words!(Pause {
    Approval = "approval" = 1,
    Guard = "guard" = 2,
    Wait = "wait" = 3,
    NeedsAttention = "needs_attention" = 4,
    Retry = "retry" = 5,
});

/// A request's identity in the index of ids: keyed by (workflow name, id), with its content.
///
/// Holds digests only: `key` is the first 16 bytes of SHA-256 over (workflow name, id), `content`
/// the record's [`crate::request::ContentDigest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdEntry {
    /// Digest of (workflow name, id).
    pub key: [u8; 16],
    /// Digest of the content.
    pub content: u64,
}

/// One thing that happened in a job, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A process began to work on the job, for the first time or again.
    Opened { at_ms: i64 },
    /// An HTTP exchange is about to leave. Written before it does.
    Intended(Intended),
    /// The exchange ended, or its outcome is unknown. Written before any of its runs goes on.
    Answered(Answered),
    /// Runs ended without a call of their own being answered now (skipped, failed when planned, …).
    Ended { ended: Vec<Ended> },
    /// A run waits until a moment, at a `wait` step or between two tries of a `repeat`.
    Waiting { position: Position, step: String, until_ms: i64 },
    /// The guard held the job before its first call.
    Held { subjects: u64, limit: u64 },
    /// A person let a held job go on.
    Approved { at_ms: i64, by: String },
    /// A person ended the job; unfinished requests count as failed (`cancelled`).
    Cancelled { at_ms: i64, by: String },
    /// The process stopped working on the job; `finished` when nothing is left to do.
    Stopped(Stopped),
}

/// An HTTP exchange about to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intended {
    /// Number of the batch in its job.
    pub batch: u64,
    /// 0 for the first attempt.
    pub attempt: u32,
    /// May be sent again when its outcome is unknown.
    pub repeatable: bool,
    /// Index of the step in the workflow (`workflow::Step::number`).
    pub step: u32,
    /// The records whose calls it carries; empty for `attempt > 0`, which carries the same.
    pub positions: Vec<Position>,
    /// How many one-person calls it carries (one record can have several in one batch).
    pub calls: u32,
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Number of the batch in its job.
    pub batch: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// HTTP status; 0 when no answer came.
    pub status: u16,
    /// The service's own id of the exchange, kept for audit.
    pub request_id: Option<String>,
    /// Runs that go on, with what they must remember.
    pub steps: Vec<StepAnswer>,
    /// Runs that ended with this exchange.
    pub ended: Vec<Ended>,
}

/// What one call of a run came to, for a run that goes on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepAnswer {
    /// The record.
    pub position: Position,
    /// Path of the step with loop indexes and tries: `mail[2].track`, `verify#3`.
    pub step: String,
    /// Whether the service accepted it.
    pub accepted: bool,
    /// What later steps read, sealed with the job's key; empty when there is none.
    pub output: Vec<u8>,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The record.
    pub position: Position,
    /// What it came to. `Waiting` is never an end, but `Retry` and `NeedsAttention` are written when
    /// a process stops over them.
    pub verdict: Verdict,
    /// At least one write was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
    /// For the index of ids.
    pub id: IdEntry,
    /// For the failures file: only failed and waiting requests have it.
    pub failure: Option<Failure>,
}

/// Why a request failed, in words that a person can act on and that name no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The record's id if it matches a safe pattern, else a digest of it; `None` without id.
    pub request: Option<String>,
    /// Line in the input, from 1.
    pub line: u64,
    /// Path of the step; `None` when no step ran.
    pub step: Option<String>,
    /// `refused`, `wrong_type`, …
    pub code: String,
    /// What to do.
    pub message: String,
}

/// How a process left the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// How long this process worked on it.
    pub elapsed_ms: u64,
    /// Nothing is left to do.
    pub finished: bool,
    /// Records in the input, when it was read to its end.
    pub records: Option<u64>,
    /// Purposes and statuses that no table maps, counted by name, over every record this process
    /// read; a resumed job reads its input from the start, so at its end they cover the whole job.
    pub unmapped: Vec<(String, u64)>,
}
