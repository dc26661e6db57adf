//! The gate: whoever was erased stays erased, whatever older changes still come.
//!
//! After an erasure is accepted, changes made before it, and for a quiet period after it, are refused for
//! every identifier that it covered, in every workflow and job of the store. What is left of a call then is
//! said by [`crate::plan::Call::after`]: an opt-out always passes in a form that makes no profile. The rule
//! that keeps it right: it is asked when a call has its people's lanes, and an erasure has those of
//! everybody it covers, so nothing passes that was asked about before the erasure and leaves behind it.

use super::looked::GateLooked;
use crate::job::MarkKind;
use crate::journal::{Marks, Space, StoreError};
use crate::plan::PersonKey;

/// The gate of one workspace.
pub(super) struct Gate<'g> {
    pub marks: &'g Marks,
    pub space: &'g Space,
    /// How long after an erasure a change still counts as made before it.
    pub quiet_ms: i64,
    /// What a worker found of the people of these calls, if one looked.
    pub looked: Option<&'g GateLooked>,
}

impl Gate<'_> {
    /// Who of these people was erased, each with the moment up to which changes are refused, in Unix
    /// milliseconds.
    pub(super) fn erased(&self, people: &[PersonKey]) -> Result<Vec<(PersonKey, i64)>, StoreError> {
        let mut erased = Vec::new();
        let seen = self.marks.gate_now();
        let looked = self.looked.filter(|looked| looked.seen == seen).map(|looked| &looked.people);
        if seen.is_empty() || looked.is_some_and(Vec::is_empty) {
            return Ok(erased);
        }
        let may_be_known =
            |person: &&PersonKey| looked.is_none_or(|known| known.binary_search(person).is_ok());
        for person in people.iter().filter(may_be_known) {
            let key = self.space.key(MarkKind::Erased, person.digest());
            if let Some(at) = self.marks.newest(MarkKind::Erased, key)? {
                erased.push((*person, at.at_ms().saturating_add(self.quiet_ms)));
            }
        }
        Ok(erased)
    }
}
