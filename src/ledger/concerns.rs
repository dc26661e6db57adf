//! What a fact is about: its job, and the requests for which it meant something.

use super::fact::Fact;
use super::outcome::{Answered, Grouped, Outcome};

impl Fact {
    /// The job it belongs to.
    pub fn job(&self) -> Option<&str> {
        match self {
            Fact::Opened { job, .. }
            | Fact::Planned { job, .. }
            | Fact::Ended { job, .. }
            | Fact::Passed { job, .. }
            | Fact::Waiting { job, .. }
            | Fact::Held { job, .. }
            | Fact::Approved { job, .. }
            | Fact::Cancelled { job, .. }
            | Fact::Reopened { job, .. }
            | Fact::Decided { job, .. }
            | Fact::Presumed { job, .. }
            | Fact::Stopped { job, .. }
            | Fact::Watched { job, .. } => Some(job),
            Fact::Answered(answered) => Some(&answered.job),
            Fact::Key { .. }
            | Fact::Canary { .. }
            | Fact::Received { .. }
            | Fact::Released { .. }
            | Fact::Hold { .. }
            | Fact::Pruned { .. }
            | Fact::Forgotten { .. }
            | Fact::Restored { .. }
            | Fact::Day { .. }
            | Fact::Head { .. } => None,
        }
    }

    /// The event it was made of, with what it meant for requests.
    pub fn grouped(&self) -> Option<(i64, &Grouped)> {
        match self {
            Fact::Answered(Answered { event, tree, .. })
            | Fact::Ended { event, tree, .. }
            | Fact::Passed { event, tree, .. } => Some((*event, tree.as_ref()?)),
            _ => None,
        }
    }

    /// What it meant for each of few requests.
    pub fn outcomes(&self) -> &[Outcome] {
        match self {
            Fact::Answered(Answered { outcomes, .. })
            | Fact::Ended { outcomes, .. }
            | Fact::Passed { outcomes, .. } => outcomes,
            _ => &[],
        }
    }
}
