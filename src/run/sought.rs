//! By what somebody is looked for again whom a run erased: what the erasure covered and the request does not name.
//!
//! It is personal data: whoever keeps it seals it, and nobody shows it. How many of which kind may be said.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde_json::Value;

use super::composed::{Identifier, by_kind, named, of_kinds};
use super::machine::Run;
use crate::plan::PersonKey;
use crate::workflow::Kind;

/// Most identifiers of one person; a search asks for no more either.
const MOST: usize = 150;

/// Most profiles of which it is known that they stay.
const MOST_LEFT: usize = 200;

/// The member in which those are kept.
const LEFT: &str = "left";

/// Identifiers of one person.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sought {
    identifiers: Vec<Identifier>,
    /// Braze ids of profiles that were seen and stay: somebody else's.
    left: HashSet<String>,
}

impl Sought {
    /// The surest first, each once.
    pub(super) fn new(mut identifiers: Vec<Identifier>) -> Sought {
        let rank = |kind: Kind| Kind::ALL.iter().position(|known| *known == kind);
        identifiers.sort_by(|one, other| {
            rank(one.kind()).cmp(&rank(other.kind())).then_with(|| one.texts().cmp(&other.texts()))
        });
        identifiers.dedup();
        identifiers.truncate(MOST);
        Sought { identifiers, left: HashSet::new() }
    }

    /// The same, knowing who stays.
    pub(super) fn but_for(self, left: impl Iterator<Item = Identifier>) -> Sought {
        let left = left.filter_map(|identifier| match identifier {
            Identifier::Plain(Kind::BrazeId, text) => Some(text),
            Identifier::Plain(..) | Identifier::Alias(..) => None,
        });
        Sought { left: left.take(MOST_LEFT).collect(), ..self }
    }

    /// What a request names its subject by.
    pub fn named(subject: &Value) -> Sought {
        Sought { identifiers: named(subject), left: HashSet::new() }
    }

    /// What [`Sought::to_bytes`] gave.
    pub fn of_bytes(bytes: &[u8]) -> Option<Sought> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        // The first of these records knew of nobody who stays.
        let left = value.get(LEFT).and_then(Value::as_array).into_iter().flatten();
        let left = left.filter_map(Value::as_str).map(str::to_owned).collect();
        of_kinds(&value).map(|identifiers| Sought { identifiers, left })
    }

    /// As bytes, to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut value = by_kind(&self.identifiers);
        if let (Some(members), false) = (value.as_object_mut(), self.left.is_empty()) {
            members.insert(LEFT.to_owned(), self.left.iter().map(String::as_str).collect());
        }
        value.to_string().into_bytes()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty() && self.left.is_empty()
    }

    pub(super) fn identifiers(&self) -> &[Identifier] {
        &self.identifiers
    }

    pub(super) fn left(&self) -> &HashSet<String> {
        &self.left
    }

    /// Adds how many there are of each kind.
    pub fn count(&self, counts: &mut BTreeMap<String, u64>) {
        for identifier in &self.identifiers {
            *counts.entry(identifier.kind().word().to_owned()).or_default() += 1;
        }
    }

    /// Digests of them (`request::identifiers`), by which a person is found who is to be forgotten.
    pub fn digests(&self) -> Vec<u128> {
        self.identifiers.iter().flat_map(Identifier::digests).collect()
    }
}

impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sought({}, redacted)", self.identifiers.len())
    }
}

impl Run {
    /// The same as a look at somebody who was erased, which also asks for this.
    #[must_use]
    pub fn looking_for(self, sought: Option<Sought>) -> Run {
        let mut run = Run { sought: sought.map(Box::new), ..self };
        if let (Some(cover), Some(sought)) = (&mut run.cover, &run.sought) {
            cover.also(sought);
        }
        run
    }

    /// Whom the request of a run that may erase names.
    pub fn named_people(&self) -> &[PersonKey] {
        self.cover.as_ref().map_or(&[], |cover| cover.subject())
    }

    /// What looks are to ask for besides what the request names, once the run is over: of people whom it
    /// erased, or will have with the call that it stands at. `None` without anything of the kind.
    pub fn to_be_sought(&self) -> Option<Sought> {
        self.cover.as_ref().map(|cover| cover.sought()).filter(|sought| !sought.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::Named;

    #[test]
    fn what_is_kept_is_read_again_and_never_shown() {
        let subject = json!({ "external_id": "u-1", "email": "a@example.com", "phone": "+15557770001",
            "aliases": [{ "alias_name": "n", "alias_label": "l" }] });
        let sought = Sought::named(&subject);

        assert_eq!(Sought::of_bytes(&sought.to_bytes()).unwrap(), sought);
        assert_eq!(format!("{sought:?}"), "Sought(4, redacted)");
        let mut counts = BTreeMap::new();
        sought.count(&mut counts);
        assert_eq!(json!(counts), json!({ "email": 1, "external_id": 1, "phone": 1, "user_alias": 1 }));
    }

    #[test]
    fn a_person_is_found_by_what_is_looked_for_to_be_forgotten() {
        let sought = Sought::named(
            &json!({ "email": "a@example.com", "aliases": [{ "alias_name": "n", "alias_label": "l" }] }),
        );
        let like = |text: &str| Named::parse(text).unwrap().identifiers();

        assert!(sought.digests().iter().any(|digest| like("A@example.com").contains(digest)));
        assert!(sought.digests().iter().any(|digest| like("n").contains(digest)));
        assert!(!sought.digests().iter().any(|digest| like("b@example.com").contains(digest)));
    }
}
