//! The request record: what one person asked for, or how their consent changed.
//!
//! A record is decoded once, checked member by member, and then only read. Printing a request is
//! safe: its `Debug` shows no member of the person.

use std::fmt;

use serde_json::{Map, Value};

/// What was asked for (design section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Erase the person.
    Deletion,
    /// Give the person their data.
    Access,
    /// The person's consent changed.
    Consent,
    /// Correct the person's data.
    Rectification,
    /// Stop selling or sharing.
    OptOut,
    /// Anything else.
    Other,
}

impl Kind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Kind; 6] =
        [Kind::Deletion, Kind::Access, Kind::Consent, Kind::Rectification, Kind::OptOut, Kind::Other];

    /// The word of the record and of `on.file.kinds`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Deletion => "deletion",
            Kind::Access => "access",
            Kind::Consent => "consent",
            Kind::Rectification => "rectification",
            Kind::OptOut => "opt_out",
            Kind::Other => "other",
        }
    }

    /// The kind a word names.
    pub fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One request record, checked: identifiers are strings, times are RFC 3339, `null` is absent.
///
/// `scope` is what templates and conditions may read: the members `request` (id, kind, times,
/// source), `subject`, `consents` and `fields`; `aliases` and `consents` are always lists and
/// `fields` always a map, other absent members are missing.
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

/// First eight bytes of the SHA-256 over a record's content in a fixed order of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentDigest(pub u64);

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("kind", &self.kind).finish_non_exhaustive()
    }
}
