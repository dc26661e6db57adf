//! What became of single requests: found in the journal, told, and taken up again.
//!
//! A run of a bulk job is virtual, (job, position): what is known of it is what events say, and for
//! the rest its record, as long as the job's input is still there. Nothing here shows a person.

mod decide;
mod fate;
mod fates;
mod input;
mod story;
mod ways;

pub use decide::{Decided, Undecidable, give_up, may_be_cancelled, may_be_retried, reopen};
pub use fate::Fate;
pub(in crate::engine) use fate::{FUTURE_TIME, MAY_HAVE_BEEN_SENT};
pub use fates::Fates;
pub use input::{Gone, Kept, Known};
pub use story::{Happened, story};
pub use ways::{Way, ways};
