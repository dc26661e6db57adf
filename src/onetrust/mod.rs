//! OneTrust: what its answers mean.
//!
//! Records are made here from subtasks, requests, lists of consents and pushed events, by pure functions.
//! Asking for them is the work of `feeds`. No answer keeps its promises about shape, so everything reads
//! what is there, keeps unknown words as text, and tells what is absent apart from what is wrong.

mod consent;
pub mod consent_v1;
pub mod consent_v4;
mod dates;
pub mod event;
mod json;
pub mod page;
mod record;
mod request_record;
mod subtask;
#[cfg(test)]
mod tests;
pub mod transaction;
pub mod words;

pub use dates::{moment, time};
pub use record::{Judged, Reason, Record, key};
pub use request_record::{judge, judge_listed};
pub use subtask::Subtask;
