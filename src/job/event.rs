//! The things that can happen in a job, as they are written down.
//!
//! Events hold no personal data: positions, digests, codes, and step outputs only when sealed. How
//! they are stored is the work of `journal`; what they add up to, that of [`super::State`].

use serde::{Deserialize, Serialize};

use super::{Position, Verdict};
use crate::request::Order;

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

impl IdEntry {
    /// Bytes of the key that an event keeps when it is compacted: enough to know that it is that of a request
    /// which somebody names, as a leaf of the ledger has it. The whole entry is in the index, and nowhere else.
    pub const KEPT_BYTES: usize = 6;

    /// The first bytes of its key.
    pub fn kept(&self) -> [u8; IdEntry::KEPT_BYTES] {
        *self.key.first_chunk().unwrap_or(&[0; IdEntry::KEPT_BYTES])
    }

    /// What stands in an end whose event was compacted.
    pub fn of_kept(kept: [u8; IdEntry::KEPT_BYTES]) -> IdEntry {
        let mut key = [0; 16];
        key.iter_mut().zip(kept).for_each(|(to, from)| *to = from);
        IdEntry { key, content: 0 }
    }

    /// Whether only the first bytes of the key are known, or none.
    pub fn is_forgotten(&self) -> bool {
        *self == IdEntry::of_kept(self.kept())
    }
}

/// One thing that happened in a job, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A process began to work on the job, for the first time or again.
    Opened {
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// An HTTP exchange is about to leave. Written before it does.
    Intended(Intended),
    /// The exchange ended, or its outcome is unknown. Written before any of its runs goes on.
    Answered(Answered),
    /// Runs ended without a call of their own being answered now (skipped, failed when planned, …).
    Ended {
        /// The runs.
        ended: Vec<Ended>,
    },
    /// Steps of runs that go on which are over without an exchange: what they would have written is
    /// older than what is there, or is of a person who was erased since.
    Passed {
        /// The steps; their sealed output says why they were passed.
        steps: Vec<StepAnswer>,
    },
    /// A run waits until a moment, at a `wait` step or between two tries of a `repeat`.
    Waiting {
        /// The record.
        position: Position,
        /// Path of the step.
        step: String,
        /// Unix milliseconds.
        until_ms: i64,
    },
    /// The guard held the job before its first call.
    Held {
        /// People it would write to irreversibly; with `max_change`, its requests.
        subjects: u64,
        /// How many the guard allows; with `max_change`, the requests of the last finished job.
        limit: u64,
        /// By how many percent the number of requests may change, when it changed by more.
        max_change: Option<u64>,
    },
    /// A person let a held job go on.
    Approved {
        /// Unix milliseconds.
        at_ms: i64,
        /// Who, as the system knows them.
        by: String,
    },
    /// A person ended the job; unfinished requests count as failed (`cancelled`).
    Cancelled {
        /// Unix milliseconds.
        at_ms: i64,
        /// Who, as the system knows them.
        by: String,
    },
    /// A person asked for requests to be tried again that failed or wait for a person; a finished job
    /// is open again.
    Reopened(Reopened),
    /// Who the people of requests are that failed or wait for a person, as digests: so that their
    /// requests are found when the input is gone.
    Identified {
        /// The requests.
        identified: Vec<Identified>,
    },
    /// A person decided about requests that wait for one.
    Decided(Decision),
    /// Calls of these requests that cannot be undone were accepted, of a workflow that looks later whether
    /// that lasts. Written before the answer, so that none is missing; the end of the request decides.
    Erased {
        /// The records.
        positions: Vec<Position>,
    },
    /// Calls that cannot be undone are about to leave: whom they would erase. Written before their intent, so that
    /// it is known also when no answer comes and nobody looks any more.
    Attempted(Attempted),
    /// A person gives requests up of which nobody knows whether they erased: for the gate they did. Written before
    /// what gives them up.
    Presumed(Presumed),
    /// The process stopped working on the job; `finished` when nothing is left to do.
    Stopped(Stopped),
}

impl Event {
    /// How requests ended with it.
    pub fn ends(&self) -> &[Ended] {
        match self {
            Event::Answered(answered) => &answered.ended,
            Event::Ended { ended } => ended,
            Event::Opened { .. }
            | Event::Intended(_)
            | Event::Waiting { .. }
            | Event::Held { .. }
            | Event::Approved { .. }
            | Event::Cancelled { .. }
            | Event::Passed { .. }
            | Event::Reopened(_)
            | Event::Identified { .. }
            | Event::Decided(_)
            | Event::Erased { .. }
            | Event::Attempted(_)
            | Event::Presumed(_)
            | Event::Stopped(_) => &[],
        }
    }
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
    /// Index of the step in the workflow (`workflow::Step::number`) that says how often and how long it
    /// is tried; its calls may belong to other steps that are tried alike.
    pub step: u32,
    /// The records whose calls it carries; empty for `attempt > 0`, which carries the same.
    pub positions: Vec<Position>,
    /// How many one-person calls it carries (one record can have several in one batch).
    pub calls: u32,
}

/// The status of an exchange that was intended and never left: its profile was stopped in between.
pub const NEVER_LEFT: u16 = 1;

/// The status of an exchange that a job which only looks did not send when its moment had come.
pub const NOT_SENT: u16 = 2;

/// The status of an exchange whose step was out of time before it was answered: its records are over, or
/// go on without it, and it stays in the air until it is answered under the same number.
pub const ABANDONED: u16 = 3;

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Number of the batch in its job.
    pub batch: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// HTTP status; 0 when no answer came, [`NEVER_LEFT`] when none was asked for,
    /// [`NOT_SENT`] when it was not sent because its job only looks, [`ABANDONED`] when its records do not
    /// wait for it any more.
    pub status: u16,
    /// The service's own id of the exchange, kept for audit; of one that was [`NOT_SENT`] its action.
    pub request_id: Option<String>,
    /// Runs that go on, with what they must remember.
    pub steps: Vec<StepAnswer>,
    /// Runs that ended with this exchange.
    pub ended: Vec<Ended>,
    /// What the accepted writes leave behind for later ones.
    pub marks: Vec<Mark>,
}

/// What an accepted write leaves behind for later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// What was marked.
    pub kind: MarkKind,
    /// A keyed digest, see `journal::Marks`.
    pub key: [u8; 16],
    /// How new the write was.
    pub order: Order,
}

/// What is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MarkKind {
    /// The newest accepted state of a target: (workspace, person as addressed, attribute or group).
    Target,
    /// The newest accepted erasure of a person, as addressed, in a workspace.
    Erased,
}

/// Whom the calls of a batch would erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Number of the batch in its job.
    pub batch: u64,
    /// Stands for the workspace, see `journal::Space::tag`.
    pub tag: u64,
    /// Keys of the gate, each with the record whose call erases whom it stands for. None once the job is over.
    pub people: Vec<(Position, [u8; 16])>,
}

/// Erasures of which nobody knows whether they took effect, and that nobody looks after any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presumed {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The records.
    pub positions: Vec<Position>,
    /// Whom the gate keeps from coming back, as if the erasure had been accepted.
    pub marks: Vec<Mark>,
}

/// The identifiers of one request's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The record.
    pub position: Position,
    /// Keyed digests, see `journal::Pseudonyms`.
    pub identifiers: Vec<[u8; 16]>,
}

/// A person's decision to try requests again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who, as the system knows them.
    pub by: String,
    /// The records.
    pub positions: Vec<Position>,
    /// Also calls that must not be repeated and may have been sent already.
    pub even_if_sent: bool,
}

/// What a person decided about requests that wait for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who, as the system knows them.
    pub by: String,
    /// The records.
    pub positions: Vec<Position>,
    /// What.
    pub answer: Answer,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// The answer to a request that waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The `approve` step at which it waits is done.
    Approved,
    /// The `approve` step at which it waits has failed.
    Rejected,
    /// What held it back is gone: it goes on, and is held again if it is not.
    LetGo,
}

/// The code of a request that waits at an `approve` step.
pub const ASKED: &str = "approval";
/// The code of a request that could bring somebody back of whom a restored store does not know whether they were
/// erased.
pub const FORGETFUL: &str = "restored_gate";
/// The code of a request that would erase somebody who must not be erased.
pub const ON_HOLD: &str = "on_hold";

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

/// The code of a request that waits because its time lies so far in the future that a person must look, or
/// the clock must be set right.
pub const FUTURE_TIME: &str = "future_time";

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
