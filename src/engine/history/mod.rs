//! What became of single requests: found in the journal, told, and taken up again.
//!
//! A run of a bulk job is virtual, (job, position): what is known of it is what events say, and for
//! the rest its record, as long as the job's input is still there. Nothing here shows a person.

mod decide;
mod elsewhere;
mod fate;
mod fates;
mod forget;
mod input;
mod people;
mod revealed;
mod story;
mod watched;
mod ways;

pub use decide::{
    Decided, Undecidable, answer, give_up, may_be_answered, may_be_cancelled, may_be_retried, reopen,
};
pub(in crate::engine) use elsewhere::parked_elsewhere;
pub use fate::Fate;
pub(in crate::engine) use fate::{FUTURE_TIME, MAY_HAVE_BEEN_SENT, PARKED_ELSEWHERE};
pub use fates::Fates;
pub(in crate::engine) use forget::FORGOTTEN;
pub use forget::{Theirs, forget, runs_of};
pub use input::{Gone, Kept, Known};
pub(in crate::engine) use people::identify;
pub use people::requests_of;
pub use revealed::{Shown, shown_like};
pub use story::{Happened, story};
pub(in crate::engine) use watched::to_look_at;
pub use watched::{erased_among, looked_at, looked_for_by, sought_like, watched, watched_given_up};
pub use ways::{Way, ways};
