//! What a run has come to so far, and the verdict that follows from it (design section 5).

use super::composed::STILL_THERE;
use crate::job::{Fail, Pause, Skip, Verdict};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Done, skipped, failed or waiting for a person, with the reason.
    pub verdict: Verdict,
    /// At least one write was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
    /// A step failed and was tolerated (`continue_on_error`).
    pub tolerated: bool,
    /// Only for a run that failed, or waits for a person.
    pub failure: Option<Trouble>,
}

/// Where and why a run failed, in words that name no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The reason of the summary.
    pub reason: Fail,
    /// A code for machines: the reason's word or a narrower one (`too_many_items`, …).
    pub code: String,
    /// Path of the step, `mail[2].track`; `None` when no step ran.
    pub step: Option<String>,
    /// What to do.
    pub message: String,
}

/// What happened in a run, as far as its verdict depends on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// A write was accepted.
    pub accepted: bool,
    /// A repeated read came true after a write.
    pub verified: bool,
    /// One came true after the last write that was accepted.
    pub is_proven: bool,
    /// A `stop` step ended it.
    pub stopped: bool,
    /// A failure was tolerated by `continue_on_error`.
    pub tolerated: bool,
    /// A write, or a loop with a write in it, was skipped by its `if`.
    pub write_skipped: bool,
    /// A look-up found somebody.
    pub found: bool,
    /// A look-up found nobody.
    pub found_nobody: bool,
    /// A write was not made, because of what is there.
    pub passed: Option<Skip>,
    /// A loop had nothing to do.
    pub empty_loop: bool,
    /// The first failure.
    pub trouble: Option<Trouble>,
}

impl Tally {
    /// The verdict as things stand.
    pub(super) fn verdict(&self, workflow_writes: bool) -> Verdict {
        let is_well = || !self.stopped && self.passed.is_none() && (self.tolerated || !workflow_writes);
        if self.is_end_of_shadow() {
            Verdict::Skipped(Skip::Shadow)
        } else if self.waits_for_a_person() {
            Verdict::Waiting(Pause::NeedsAttention)
        } else if let Some(trouble) = &self.trouble {
            Verdict::Failed(trouble.reason)
        } else if self.accepted || is_well() {
            Verdict::Done
        } else {
            Verdict::Skipped(self.reason())
        }
    }

    /// Whether what went wrong is for a person to decide, so that the run has not failed.
    pub(super) fn waits_for_a_person(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.code == STILL_THERE)
    }

    /// How a run ends that has nothing left to do.
    pub(super) fn finish(self, workflow_writes: bool) -> Finish {
        let verdict = self.verdict(workflow_writes);
        let Tally { accepted, verified, tolerated, trouble, .. } = self;
        let failure = trouble.filter(|_| matches!(verdict, Verdict::Failed(_) | Verdict::Waiting(_)));
        Finish { verdict, accepted, verified, tolerated, failure }
    }

    /// Whether the run is as far as one can look: behind a write that was not sent a step may read an answer
    /// that nobody gave, or look for what nobody changed.
    fn is_end_of_shadow(&self) -> bool {
        let of_it = |trouble: &Trouble| {
            matches!(trouble.reason, Fail::Template | Fail::Assert | Fail::Timeout | Fail::Fail)
        };
        self.passed == Some(Skip::Shadow) && !self.accepted && self.trouble.as_ref().is_none_or(of_it)
    }

    /// Notes that a write was not made. That a job only looks is the reason of all that follows.
    pub(super) fn pass(&mut self, why: Skip) {
        if self.passed != Some(Skip::Shadow) {
            self.passed = Some(why);
        }
    }

    /// Why nothing was written: nobody there, nothing that concerns the workflow, or a condition.
    fn reason(&self) -> Skip {
        if let Some(why) = self.passed {
            why
        } else if self.found_nobody && !self.found {
            Skip::NoProfile
        } else if self.empty_loop && !self.write_skipped {
            Skip::NoMatch
        } else {
            Skip::Condition
        }
    }
}
