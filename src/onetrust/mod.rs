//! What OneTrust is asked, what its answers mean, and how much it may be asked.
//!
//! OneTrust's documents and its real clients disagree in places; where they do, both are accepted, and
//! nobody's data is printed: no text of a reply is passed on. A request is described by its path
//! template, so that limits, permissions and messages speak of an endpoint and never of a person. The
//! catalogue of its actions stands beside this file as data. Subtasks, lists of consents and pushed
//! events become request records here, by pure functions. Who asks, and when, is decided elsewhere.

mod api;
pub mod bulk;
mod bulk_row;
mod consent;
pub mod consent_v1;
pub mod consent_v4;
mod dates;
mod errors;
pub mod event;
mod json;
mod limits;
pub mod page;
mod place;
mod read;
mod record;
mod request;
mod request_record;
mod scopes;
pub mod staff;
mod subtask;
pub mod transaction;
pub mod words;

pub use api::{Api, Told, client};
pub use bulk_row::{BulkColumns, BulkColumnsError, BulkPerson};
pub use dates::{moment, time};
pub use errors::{ApiError, Shape};
pub use limits::{Limits, Period, Rates, endpoint};
pub use place::Place;
pub use read::read;
pub use record::{Judged, Reason, Record, key};
pub use request::{Body, Request};
pub use request_record::{judge, judge_listed};
pub use scopes::{Need, granted, harmless};
pub use subtask::Subtask;

#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod tests;
