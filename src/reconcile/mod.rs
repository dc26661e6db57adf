//! Compares what OneTrust says with what Braze holds, person by person, and keeps the records that repair
//! the difference.
//!
//! ```text
//! records (a file, or OneTrust's list of people) ─ what the workflow would write (drift) ─ ask Braze ─ compare, count, keep
//! ```
//!
//! It reads and writes nothing outside but a file of what was lost. Whatever cannot be read is counted as
//! not compared, never as agreeing. Memory does not grow with the people: records pass in chunks, and only
//! states that stand in an input twice are remembered.

mod compare;
mod error;
mod holds;
mod kept;
mod people;
mod repeats;
mod sample;

pub use compare::{Compared, Comparison, Repeated};
pub use error::ReconcileError;
pub use kept::Kept;
pub use people::{Everyone, Listed, People};
pub use sample::Sample;
