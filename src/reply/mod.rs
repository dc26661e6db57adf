//! What an answer of a service means to the engine, whichever service gave it.
//!
//! Each service has a reader of its own (`braze::read`, `onetrust::read`); what they make of an answer
//! is said in these words. Nothing here sends, waits or stores, and no text of an answer is passed on
//! that was not known beforehand: it can hold personal data.

mod reading;
mod wait;

pub use reading::{Answerer, Cause, Headers, Item, Reading, Stop, written};
pub use wait::not_before;
