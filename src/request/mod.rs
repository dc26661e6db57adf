//! The request record: what one person asked for, or how their consent changed.
//!
//! A record is decoded once, checked member by member, and then only read. Printing a request is
//! safe: its `Debug` shows no member of the person. Where the lines come from is the work of
//! `intake`; what a workflow makes of a record is the work of `plan`.

mod bad;
mod decode;
mod digest;
mod identifiers;
mod json;
mod kind;
mod moment;
mod named;
mod order;
mod shape;
mod spare;
pub mod spelling;
#[cfg(test)]
mod tests;
mod visit;
mod warnings;

use std::fmt;

use serde_json::{Map, Value};

pub use bad::{BadRecord, Problem};
pub use decode::parse_row;
pub use digest::{ContentDigest, Identity, identity};
pub use identifiers::identifiers;
pub use kind::Kind;
pub use moment::{Moment, changed_at};
pub use named::{Named, Unnamed};
pub use order::{Order, OrderParts};
pub use spare::Spare;
pub use warnings::Warnings;

/// One request record, checked: identifiers are strings, times are RFC 3339, `null` is absent.
///
/// `scope` is what templates and conditions may read: the members `request` (id, kind, times,
/// source), `subject`, `consents` and `fields`; `aliases` and `consents` are always lists and
/// `fields` and `subject` always maps, other absent members are missing.
pub struct Request {
    /// As given; `None` when the record had none.
    pub id: Option<String>,
    /// What was asked for.
    pub kind: Kind,
    /// `request`, `subject`, `consents`, `fields`, ready to be read by templates and conditions.
    pub scope: Map<String, Value>,
    /// Digest of the content (every known member but `id`), for idempotency.
    pub digest: ContentDigest,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("kind", &self.kind).finish_non_exhaustive()
    }
}
