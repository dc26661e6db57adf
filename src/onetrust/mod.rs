//! What OneTrust is asked, what its answers mean, and how much it may be asked.
//!
//! The catalogue of the actions that workflows call stands beside this file as data. OneTrust's documents
//! and its real clients disagree in places; where they do, both are accepted. A request is described by
//! its path template, so that limits, permissions and messages speak of an endpoint and never of a
//! person; no text of an answer is passed on but where a step asked for it. Who asks, and when, is
//! decided elsewhere.

mod api;
mod errors;
mod limits;
mod read;
mod request;

pub use api::{Api, client};
pub use errors::{ApiError, Shape};
pub use limits::{Limits, Period, Rates, endpoint};
pub use read::read;
pub use request::{Body, Request};

#[cfg(test)]
mod read_tests;
