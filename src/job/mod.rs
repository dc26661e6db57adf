//! What has happened in a job, and what every request of it came to.
//!
//! A job is a list of [`Event`]s; its [`State`] is that list folded up and nothing more, so folding
//! the same events after a crash gives the same state. Nothing here knows a clock, a file or a
//! person: storing events is the work of `journal`, acting on them that of `engine`.

mod event;
mod finished;
mod state;
mod totals;
mod verdict;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use event::{Answered, Ended, Event, Failure, IdEntry, Intended, StepAnswer, Stopped};
pub use finished::Finished;
pub use state::{Hold, State, Unresolved, Wait};
pub use totals::Totals;
pub use verdict::{Fail, Pause, Skip, Status, Verdict};

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
