//! Whether a profile works: who answers at its host, whether we may come in, and what we may do there.
//!
//! Everything is asked in requests that name no person and change nothing. What is found is said in words
//! that a person can act on; nothing of an answer is quoted.

mod braze;
mod folder;
mod look;
mod needs;
mod onetrust;
mod report;

pub use look::{look, look_with};
pub use needs::{Calls, Needs};
pub use report::{Missing, Report, Verdict};
