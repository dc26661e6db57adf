//! The process that stays: what comes in from outside, and when.
//!
//! Hooks take requests in, schedules start workflows at their times; both hand over to the inbox of the
//! store and answer only once it is durable. Carrying requests out is the work of `engine`.

pub mod hooks;
mod listening;

pub use listening::{Line, Listening, Patience, answer};
