//! What has happened in a job, and what every request of it came to.
//!
//! A job is a list of [`Event`]s; its [`State`] is that list folded up and nothing more, so folding
//! the same events after a crash gives the same state. Nothing here knows a clock, a file or a
//! person: storing events is the work of `journal`, acting on them that of `engine`.

mod attempts;
mod event;
mod finished;
mod id;
mod reason;
mod state;
mod to_look_at;
mod totals;
mod verdict;

pub use attempts::{Attempts, Erasure};
pub use event::{
    ABANDONED, ASKED, Answer, Answered, Attempted, Decision, Ended, Event, FORGETFUL, FUTURE_TIME, Failure,
    IdEntry, Identified, Intended, Mark, MarkKind, NEVER_LEFT, NOT_SENT, ON_HOLD, Presumed, Reopened,
    StepAnswer, Stopped,
};
pub use finished::Finished;
pub use id::{JobId, NotAnId, Position, RunId, WindowId};
pub use reason::{BadReason, Reason};
pub use state::{Abandoned, Decided, Hold, ReopenedAs, State, Unresolved, Wait};
pub use to_look_at::ToLookAt;
pub use totals::Totals;
pub use verdict::{Fail, Pause, Skip, Status, Verdict};
