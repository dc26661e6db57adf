//! Actions made of others while they are carried out: which call is next, given what was answered.
//!
//! Each is a machine of its own inside the machine of the run. It sees no clock and no path: the same answers
//! at the same moments give the same calls, so a run that is told its answers again after a crash stands
//! where it stood. What it asks for, the run makes into ordinary calls.

mod consent;
mod erased;
mod find;
mod identifier;
mod inside;

pub(super) use consent::{Consent, Wanted};
pub(super) use erased::Erased;
pub(super) use find::{Find, named};
pub(super) use identifier::{Identifier, by_kind, of_kinds};
pub use inside::STILL_THERE;
pub(super) use inside::{Asks, Doing, Failed, Inside};

#[cfg(test)]
mod erased_tests;
#[cfg(test)]
mod look_tests;
#[cfg(test)]
mod tests;
