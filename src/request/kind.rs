//! The six words for what was asked.
//!
//! The words are the contract of records, workflows and reports alike; nothing else spells them.

/// What was asked for.
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
