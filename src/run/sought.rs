//! By what somebody is looked for again whom a run erased: what the erasure covered and the request does not name.
//!
//! An identifier leads to the person only in the workspace in which their profile had it: in another one it may be
//! somebody else's, so it is asked for nowhere else. Of what an earlier release kept nobody knows the workspace:
//! where a workflow erases in several, whoever has it is told and never erased.
//!
//! It is personal data: whoever keeps it seals it, and nobody shows it. How many of which kind may be said.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::composed::{Identifier, by_kind, named, of_kinds};
use super::facts::Program;
use super::machine::Run;
use super::spaces::Spaces;
use crate::plan::PersonKey;
use crate::workflow::Kind;

/// Most identifiers of one person in one workspace; a search asks for no more either.
const MOST: usize = 150;

/// Most profiles of which it is known that they stay.
const MOST_LEFT: usize = 200;

/// The member in which those are kept.
const LEFT: &str = "left";

/// The members of what is kept by workspace.
const SPACES: &str = "spaces";
const SPACE: &str = "space";

/// The system whose people are erased.
const SYSTEM: &str = "braze";

/// Identifiers of one person, by the workspace in which they are theirs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sought {
    places: Vec<SoughtIn>,
}

/// Identifiers of one person in one workspace.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SoughtIn {
    /// The workspace; none where an earlier release did not keep it.
    pub space: Option<Arc<str>>,
    pub identifiers: Vec<Identifier>,
    /// Braze ids of profiles that were seen and stay: somebody else's.
    pub left: HashSet<String>,
}

/// What is asked for in one workspace.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Here {
    /// What the erasure covered there.
    pub own: Vec<Identifier>,
    /// What an erasure covered, maybe elsewhere: whoever has it there may be anybody.
    pub unsure: Vec<Identifier>,
    /// Braze ids of those who were left on purpose.
    pub left: HashSet<String>,
    /// What becomes of what the request names.
    pub named: NamedHere,
}

/// Whether what a request names is asked for in a workspace.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedHere {
    /// It is the person's there.
    #[default]
    Own,
    /// Nobody knows whether they were erased there.
    Unsure,
    /// The run that erased them had nothing to do there.
    Not,
}

impl SoughtIn {
    /// The surest first, each once.
    pub fn new(space: Arc<str>, mut identifiers: Vec<Identifier>, staying: Vec<Identifier>) -> SoughtIn {
        let rank = |kind: Kind| Kind::ALL.iter().position(|known| *known == kind);
        identifiers.sort_by(|one, other| {
            rank(one.kind()).cmp(&rank(other.kind())).then_with(|| one.texts().cmp(&other.texts()))
        });
        identifiers.dedup();
        identifiers.truncate(MOST);
        let left = staying.into_iter().filter_map(|identifier| match identifier {
            Identifier::Plain(Kind::BrazeId, text) => Some(text),
            Identifier::Plain(..) | Identifier::Alias(..) => None,
        });
        SoughtIn { space: Some(space), identifiers, left: left.take(MOST_LEFT).collect() }
    }

    /// Whether nothing more is known than that the run was there.
    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty() && self.left.is_empty()
    }

    fn of_value(value: &Value) -> Option<SoughtIn> {
        let space = value.get(SPACE).and_then(Value::as_str).map(Arc::from);
        // The first of these records knew of nobody who stays.
        let left = value.get(LEFT).and_then(Value::as_array).into_iter().flatten();
        let left = left.filter_map(Value::as_str).map(str::to_owned).collect();
        Some(SoughtIn { space, identifiers: of_kinds(value)?, left })
    }

    fn value(&self) -> Value {
        let mut value = by_kind(&self.identifiers);
        if let Some(members) = value.as_object_mut() {
            members.extend(self.space.as_ref().map(|space| (SPACE.to_owned(), json!(&**space))));
            if !self.left.is_empty() {
                members.insert(LEFT.to_owned(), self.left.iter().map(String::as_str).collect());
            }
        }
        value
    }
}

impl Sought {
    /// In each of these workspaces.
    pub(super) fn of(places: Vec<SoughtIn>) -> Sought {
        Sought { places }
    }

    /// What a request names its subject by.
    pub fn named(subject: &Value) -> Sought {
        let place = SoughtIn { space: None, identifiers: named(subject), left: HashSet::new() };
        Sought { places: vec![place] }
    }

    /// What [`Sought::to_bytes`] gave, or an earlier release: that one did not say in which workspace.
    pub fn of_bytes(bytes: &[u8]) -> Option<Sought> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let places = match value.get(SPACES) {
            Some(spaces) => spaces.as_array()?.iter().map(SoughtIn::of_value).collect::<Option<_>>()?,
            None => vec![SoughtIn::of_value(&value)?],
        };
        Some(Sought { places })
    }

    /// As bytes, to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let places: Value = self.places.iter().map(SoughtIn::value).collect();
        json!({ SPACES: places }).to_string().into_bytes()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn places(&self) -> &[SoughtIn] {
        &self.places
    }

    /// What is asked for in a workspace, by a workflow at work in these; `is_beside` if it is not the search
    /// by which the file itself decides whom it erases.
    pub(super) fn here(&self, space: &str, spaces: &Spaces, is_beside: bool) -> Here {
        let is_one = spaces.is_one(SYSTEM);
        let (mut here, mut is_placed, mut was_here, mut is_lost) = (Here::default(), false, false, false);
        for SoughtIn { space: of, identifiers, left } in &self.places {
            here.left.extend(left.iter().cloned());
            let identifiers = identifiers.iter().cloned();
            is_placed |= of.is_some();
            match of.as_deref() {
                Some(of) if of == space => {
                    was_here = true;
                    here.own.extend(identifiers);
                }
                None if is_one => here.own.extend(identifiers),
                Some(of) if spaces.has(of) => {}
                // The settings call it something else by now, or it was not kept.
                Some(_) => {
                    is_lost = true;
                    here.unsure.extend(identifiers);
                }
                None => here.unsure.extend(identifiers),
            }
        }
        here.named = match (is_one || was_here, is_placed) {
            (true, _) => NamedHere::Own,
            (false, true) if !is_lost => NamedHere::Not,
            (false, true) => NamedHere::Unsure,
            (false, false) if is_beside => NamedHere::Unsure,
            (false, false) => NamedHere::Own,
        };
        here
    }

    /// Adds how many there are of each kind.
    pub fn count(&self, counts: &mut BTreeMap<String, u64>) {
        let all: HashSet<&Identifier> = self.places.iter().flat_map(|place| &place.identifiers).collect();
        for identifier in all {
            *counts.entry(identifier.kind().word().to_owned()).or_default() += 1;
        }
    }

    /// Digests of them (`request::identifiers`), by which a person is found who is to be forgotten.
    pub fn digests(&self) -> Vec<u128> {
        self.places.iter().flat_map(|place| &place.identifiers).flat_map(Identifier::digests).collect()
    }
}

impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.places.iter().map(|place| place.identifiers.len()).sum();
        write!(f, "Sought({count}, redacted)")
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here").field("named", &self.named).finish_non_exhaustive()
    }
}

impl Run {
    /// The same as a look at somebody who was erased, which also asks for this.
    #[must_use]
    pub fn looking_for(self, program: &Program, sought: Option<Sought>) -> Run {
        let mut run = Run { sought: sought.map(Box::new), ..self };
        if let (Some(cover), Some(sought)) = (&mut run.cover, &run.sought) {
            cover.also(sought, program.spaces().is_one(SYSTEM));
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
