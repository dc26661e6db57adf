//! Whom an erasure covers: what the gate keeps of a person once their profiles are deleted.
//!
//! Covered is what the calls name that delete, what the request says of its subject, and what look-ups of
//! the same run in the same workspace revealed of the profiles that are deleted. An address or a number that a
//! look-up also showed on a profile that stays is somebody else's too, and is not covered: nobody is kept from
//! choosing because somebody else of the household was erased. Once nobody is left of those who were to stay it is
//! covered all the same: when they were erased before the call leaves, and when a look-up after the erasure proves
//! that it leads to nobody. Gathered from what a run asks and is answered, so
//! a run that goes on after a crash covers the same people. Only digests are kept; where people are looked for
//! again afterwards, also the identifiers themselves until the run is over.

use std::sync::Arc;

use serde_json::Value;

use super::composed::Identifier as Named;
use super::machine::{Answer, Run};
use super::sought::{Sought, SoughtIn};
use crate::catalogue::{Effect, Identifier};
use crate::plan::{Call, KnownBy, PersonKey};

mod place;

use place::{Parted, Place, add};

/// What one run knows of whom it erases.
#[derive(Debug)]
pub(super) struct Cover {
    subject: Vec<PersonKey>,
    /// What an earlier erasure covered nobody knows where: whoever is held under it is not erased.
    elsewhere: Vec<PersonKey>,
    /// Each workspace in which the run asked for people, or erased them.
    places: Vec<Place>,
    asked: Asked,
    deserted: Option<Box<Deserted>>,
    keeps_values: bool,
    /// The workflow is at work in several workspaces.
    is_among_several: bool,
    /// Nobody else may be erased; `None`: whoever the workflow finds.
    only: Option<Vec<PersonKey>>,
    /// When its last erasure was accepted, in Unix milliseconds.
    erased_ms: Option<i64>,
}

/// What the last call of the run was, and in which of the places.
#[derive(Debug)]
enum Asked {
    Nothing,
    /// Who is known by these identifiers; the answer lists them in a member.
    People {
        at: usize,
        member: &'static str,
        asked: Vec<(Identifier, PersonKey)>,
        named: Vec<Named>,
    },
    Erasure {
        at: usize,
        people: Vec<PersonKey>,
    },
}

/// Identifiers of which a look-up proved that they lead to nobody since an erasure, and that the erasure did not
/// cover because others had them.
#[derive(Debug)]
pub struct Deserted {
    /// They, all in the workspace of the look-up.
    pub people: Vec<PersonKey>,
    /// When the erasure was accepted, in the time of the run.
    pub erased_ms: i64,
}

impl Cover {
    /// Before the run has asked anything.
    pub fn of(subject: Option<&Value>) -> Cover {
        Cover {
            subject: subject.map(KnownBy::read).unwrap_or_default().all().collect(),
            elsewhere: Vec::new(),
            places: Vec::new(),
            asked: Asked::Nothing,
            deserted: None,
            keeps_values: false,
            is_among_several: false,
            only: None,
            erased_ms: None,
        }
    }

    /// When the last erasure of the run was accepted, in Unix milliseconds.
    pub fn erased_ms(&self) -> Option<i64> {
        self.erased_ms
    }

    /// Of a person who does not exist: whoever else is found under what the request names, nobody is erased but
    /// whom it names and these profiles, by their Braze ids.
    pub fn only_these(self, braze_ids: Option<&Value>) -> Cover {
        let braze_ids = braze_ids.and_then(Value::as_array).into_iter().flatten();
        let own = braze_ids.filter_map(|id| PersonKey::read(Identifier::BrazeId, id));
        Cover { only: Some(self.subject.iter().copied().chain(own).collect()), ..self }
    }

    /// Whether a call erases somebody who may not be erased.
    pub fn forbids(&self, call: &Call) -> bool {
        let is_erasure = call.action().effect == Effect::Irreversible;
        let is_other = |only: &Vec<PersonKey>| call.people().iter().any(|person| !only.contains(person));
        is_erasure && self.only.as_ref().is_some_and(is_other)
    }

    /// The same, keeping what people are looked for by afterwards; where the workflow is at work in several
    /// workspaces, also in which of them the run was.
    pub fn keeping(self, keeps_values: bool, is_among_several: bool) -> Cover {
        Cover { keeps_values, is_among_several, ..self }
    }

    /// Of a look at somebody who was erased: what the erasure covered in a workspace is theirs there, as if the
    /// request named it. Who is held or chose anew under any of it is not erased.
    pub fn also(&mut self, sought: &Sought, is_only_space: bool) {
        for SoughtIn { space, identifiers, .. } in sought.places() {
            let keys = identifiers.iter().filter_map(Named::key);
            let kept = match space {
                Some(space) => {
                    let at = self.place(space);
                    self.places.get_mut(at).map(|place| &mut place.also)
                }
                None if is_only_space => Some(&mut self.subject),
                None => Some(&mut self.elsewhere),
            };
            if let Some(kept) = kept {
                keys.for_each(|key| add(kept, key));
            }
        }
    }

    /// Whom the request names.
    pub fn subject(&self) -> &[PersonKey] {
        &self.subject
    }

    /// Notes a call of the run in a workspace, and says whom it covers if it erases.
    pub fn note(&mut self, call: &mut Call, space: &Arc<str>) {
        let action = call.action();
        self.asked = match (action.effect, &action.reply.people) {
            (Effect::Irreversible, _) => {
                let at = self.place(space);
                if call.people().iter().any(|person| !self.subject.contains(person)) {
                    let named = self.named(call);
                    self.places.get_mut(at).into_iter().for_each(|place| place.hear_named(&named));
                }
                self.cover(at, call);
                Asked::Erasure { at, people: call.people().to_vec() }
            }
            (Effect::Read, Some(member)) => {
                let (at, named) = (self.place(space), self.named(call));
                self.places.get_mut(at).into_iter().for_each(|place| place.hear_named(&named));
                Asked::People { at, member, asked: call.asks_by().unwrap_or_default(), named }
            }
            _ => Asked::Nothing,
        };
    }

    /// By what a call names people, where that is needed later.
    fn named(&self, call: &Call) -> Vec<Named> {
        match self.keeps_values {
            true => serde_json::from_slice(&call.body())
                .map_or_else(|_| Vec::new(), |with| Named::named_by(&with)),
            false => Vec::new(),
        }
    }

    /// Notes what the last call came to.
    pub fn hear(&mut self, answer: &Answer) {
        self.deserted = None;
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        let Ok(output) = &answer.result else { return };
        match asked {
            Asked::Nothing => {}
            Asked::Erasure { at, people } => {
                if let Some(place) = self.places.get_mut(at) {
                    place.deleted.extend(&people);
                    place.erased_ms = place.erased_ms.max(Some(answer.at_ms));
                }
                self.erased_ms = self.erased_ms.max(Some(answer.at_ms));
            }
            Asked::People { at, member, asked, named } => {
                if let (Some(place), Some(people)) = (self.places.get_mut(at), output.get(member)) {
                    place.hear_people(people, &asked, &named);
                    self.deserted = place.hear_whether_anybody(people, &asked, &self.subject).map(Box::new);
                }
            }
        }
    }

    /// Where a workspace stands among the places.
    fn place(&mut self, space: &Arc<str>) -> usize {
        match self.places.iter().position(|place| place.space == *space) {
            Some(at) => at,
            None => {
                self.places.push(Place::new(Arc::clone(space), self.keeps_values));
                self.places.len() - 1
            }
        }
    }

    fn cover(&self, at: usize, call: &mut Call) {
        let Some(place) = self.places.get(at) else { return };
        let Parted { covered, stays, in_doubt } = place.parted(&self.subject, call.people());
        call.cover(&covered, |key| stays.contains(key), in_doubt);
        // Whoever is held is held everywhere; the gate keeps only what is of this workspace.
        let others = self.places.iter().filter(|other| other.space != place.space);
        let others = others.flat_map(|other| &other.also).chain(&self.elsewhere);
        call.reach_also(others.copied());
    }

    /// What people are looked for by who were deleted, or are with the call that was made last: whatever is
    /// covered in each workspace and the request does not name.
    pub fn sought(&self) -> Sought {
        let of = |at: usize| match &self.asked {
            Asked::Erasure { at: last, people } if *last == at => people.as_slice(),
            Asked::Erasure { .. } | Asked::Nothing | Asked::People { .. } => &[],
        };
        let mut places = self.places.iter().enumerate();
        let is_erased = places.any(|(at, place)| !place.deleted.is_empty() || !of(at).is_empty());
        if !self.keeps_values || !is_erased {
            return Sought::default();
        }
        let places = self.places.iter().enumerate().map(|(at, place)| {
            let left = place.left(&self.subject, of(at));
            SoughtIn::new(Arc::clone(&place.space), left.sought, left.staying)
        });
        Sought::of(places.filter(|place| self.is_among_several || !place.is_empty()).collect())
    }
}

impl Run {
    /// What the last answer proved to lead to nobody since the run erased somebody.
    pub fn take_deserted(&mut self) -> Option<Box<Deserted>> {
        self.cover.as_mut()?.deserted.take()
    }
}

#[cfg(test)]
mod tests;
