//! What one run came to, as far as the journal knows.

pub use crate::job::FUTURE_TIME;
use crate::job::{Ended, Failure, Pause, Position, Verdict};
pub use crate::run::STILL_THERE;

/// Code of a run whose call may have been sent, must not be repeated, and got no answer.
pub const MAY_HAVE_BEEN_SENT: &str = "may_have_been_sent";
/// Code of a run whose request waits for a person in another job.
pub const PARKED_ELSEWHERE: &str = "parked_elsewhere";

/// One run and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Its record.
    pub position: Position,
    /// What it came to.
    pub verdict: Verdict,
    /// At least one write was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
    /// When that was written down, in Unix milliseconds; `None` when nothing was.
    pub at_ms: Option<i64>,
    /// Its entry in the index of ids, when it was written down.
    pub key: Option<[u8; 16]>,
    /// Why it failed or waits for a person.
    pub failure: Option<Failure>,
    /// The step it waits at, and until when, in Unix milliseconds.
    pub wait: Option<(String, i64)>,
    /// It failed, or was given up, and a call of it that must not be repeated may have been sent.
    pub is_perhaps_sent: bool,
}

impl Fate {
    /// A run of which nothing was written down.
    pub(super) fn unknown(position: Position, verdict: Verdict) -> Fate {
        Fate {
            position,
            verdict,
            accepted: false,
            verified: false,
            at_ms: None,
            key: None,
            failure: None,
            wait: None,
            is_perhaps_sent: false,
        }
    }

    /// As the journal keeps it.
    pub(super) fn of(ended: &Ended, at_ms: i64) -> Fate {
        Fate {
            position: ended.position,
            verdict: ended.verdict,
            accepted: ended.accepted,
            verified: ended.verified,
            at_ms: Some(at_ms),
            key: (!ended.id.is_forgotten()).then_some(ended.id.key),
            failure: ended.failure.clone(),
            wait: None,
            is_perhaps_sent: false,
        }
    }

    /// `done`, `skipped`, `failed` or `waiting`.
    pub fn state(&self) -> &'static str {
        match self.verdict {
            Verdict::Done => "done",
            Verdict::Skipped(_) => "skipped",
            Verdict::Failed(_) => "failed",
            Verdict::Waiting(_) => "waiting",
        }
    }

    /// Why, in the word of the summary; done needs no reason.
    pub fn reason(&self) -> Option<&'static str> {
        match self.verdict {
            Verdict::Done => None,
            Verdict::Skipped(skip) => Some(skip.word()),
            Verdict::Failed(fail) => Some(fail.word()),
            Verdict::Waiting(pause) => Some(pause.word()),
        }
    }

    /// The narrower word for machines.
    pub fn code(&self) -> Option<&str> {
        match (&self.failure, self.verdict) {
            (Some(failure), _) => Some(&failure.code),
            (None, Verdict::Waiting(Pause::NeedsAttention)) => Some(MAY_HAVE_BEEN_SENT),
            (None, _) => None,
        }
    }

    /// Path of the step at which it failed or waits.
    pub fn step(&self) -> Option<&str> {
        let failed_at = self.failure.as_ref().and_then(|failure| failure.step.as_deref());
        failed_at.or_else(|| self.wait.as_ref().map(|(step, _)| step.as_str()))
    }
}
