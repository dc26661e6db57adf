//! What OneTrust is asked, what its answers mean, and how much it may be asked.
//!
//! OneTrust's documents and its real clients disagree in places; where they do, both are accepted, and
//! nobody's data is printed: no text of a reply is passed on. A request is described by its path
//! template, so that limits, permissions and messages speak of an endpoint and never of a person. The
//! catalogue of its actions stands beside this file as data. Who asks, and when, is decided elsewhere.

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
