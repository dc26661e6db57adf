//! Whether Braze holds what OneTrust says: the rules of `reconcile`.
//!
//! What Braze should hold for a person is what the workflow would write for the person's current consent,
//! so the workflow is planned and never guessed at ([`wanted`]). What it holds is read by others; here the
//! two are compared state by state ([`judge`]), counted ([`Tally`]), and a record is made that writes what
//! was lost and nothing else ([`repair`]). What is not known never counts as agreeing.

mod finding;
mod repair;
mod tally;
mod wanted;

pub use finding::{Finding, Held, Holding, judge};
pub use repair::{Direction, Look, Repairs, repair};
pub use tally::{Counts, Row, Tally};
pub use wanted::{Uncompared, Want, Wanted, targets, wanted};

#[cfg(test)]
mod tests;
