//! What one run knows of whom it erases in one workspace.
//!
//! An identifier means the same profile only inside one workspace: the customer number of one brand is
//! another customer of the next. So nothing that is known here is used anywhere else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::Deserted;
use crate::catalogue::Identifier;
use crate::plan::{KnownBy, PersonKey, SharedWith};
use crate::run::composed::Identifier as Named;

/// Most that is kept of each: more are not one person's.
const MOST_VALUES: usize = 1000;

/// What is known in one workspace.
#[derive(Debug)]
pub(super) struct Place {
    /// The workspace.
    pub space: Arc<str>,
    /// What an earlier erasure covered here: it is the person's, as if the request named it.
    pub also: Vec<PersonKey>,
    seen: Vec<KnownBy>,
    /// Which of them an own identifier is of.
    of_own: HashMap<PersonKey, usize>,
    /// By which identifiers people were deleted so far.
    pub deleted: HashSet<PersonKey>,
    /// When the last of these deletions was accepted, in the time of the run.
    pub erased_ms: Option<i64>,
    /// What led to nobody when it was asked for last since then.
    deserted: HashSet<PersonKey>,
    /// Which of the own identifiers are Braze ids: nobody else ever has one of them.
    braze_ids: HashSet<PersonKey>,
    /// What look-ups showed and calls named, where people are looked for again.
    values: Option<Values>,
}

/// Identifiers as they were shown.
#[derive(Debug, Default)]
struct Values {
    by_key: HashMap<PersonKey, Named>,
    /// Devices, each with an own identifier of a profile that has it.
    devices: Vec<(PersonKey, Named)>,
}

/// What is known of people, in two parts.
pub(super) struct Parted {
    /// In order.
    pub covered: Vec<PersonKey>,
    /// What somebody is known by who stays.
    pub stays: HashSet<PersonKey>,
    /// What is shared with those who stay, unless they are gone by now.
    pub in_doubt: Vec<SharedWith>,
}

/// By what people are looked for afterwards.
pub(super) struct Left {
    /// What is covered and the request does not name.
    pub sought: Vec<Named>,
    /// What those are known by who stay.
    pub staying: Vec<Named>,
}

impl Place {
    /// Before anything is known there.
    pub fn new(space: Arc<str>, keeps_values: bool) -> Place {
        Place {
            space,
            also: Vec::new(),
            seen: Vec::new(),
            of_own: HashMap::new(),
            deleted: HashSet::new(),
            erased_ms: None,
            deserted: HashSet::new(),
            braze_ids: HashSet::new(),
            values: keeps_values.then(Values::default),
        }
    }

    /// Notes by what a call names people.
    pub fn hear_named(&mut self, named: &[Named]) {
        self.values.iter_mut().for_each(|values| named.iter().for_each(|one| values.add(one.clone())));
    }

    /// Notes whom a look-up listed that asked by these; `named` says the same of it, where values are kept.
    pub fn hear_people(&mut self, people: &Value, asked: &[(Identifier, PersonKey)], named: &[Named]) {
        let only = if let [only] = asked { Some(*only) } else { None };
        // People of one answer are several, however alike they look.
        let before = self.seen.len();
        let device = named.iter().find(|one| one.key().is_none());
        for person in people.as_array().into_iter().flatten() {
            let profile = KnownBy::read(person);
            if let Some(values) = &mut self.values {
                values.keep(person, &profile, device);
            }
            let braze_id = person.get(Identifier::BrazeId.member());
            self.braze_ids.extend(braze_id.and_then(|id| PersonKey::read(Identifier::BrazeId, id)));
            self.see(profile, only, before);
        }
    }

    /// A look-up showed a profile; so many were known before it.
    fn see(&mut self, mut profile: KnownBy, by: Option<(Identifier, PersonKey)>, before: usize) {
        match by {
            Some((Identifier::Email | Identifier::Phone, key)) => add(&mut profile.shared, key),
            Some((_, key)) => add(&mut profile.own, key),
            None => {}
        }
        let known = profile.own.iter().find_map(|own| self.of_own.get(own)).copied();
        let at = known.unwrap_or(self.seen.len());
        for own in &profile.own {
            // Two that were taken for two are one: they are counted as one from now on.
            let other = self.of_own.insert(*own, at).filter(|other| *other != at);
            if let Some(other) = other.and_then(|other| self.seen.get_mut(other)) {
                let KnownBy { own, shared } = std::mem::take(other);
                self.of_own.extend(own.iter().map(|own| (*own, at)));
                if let Some(kept) = self.seen.get_mut(at) {
                    own.into_iter().for_each(|key| add(&mut kept.own, key));
                    shared.into_iter().for_each(|key| add(&mut kept.shared, key));
                }
            }
        }
        // One without an id of its own is the same as another of which no more is known.
        let known = self.seen.get(..before).unwrap_or_default();
        if profile.own.is_empty() && known.contains(&profile) {
            return;
        }
        match self.seen.get_mut(at) {
            Some(kept) => {
                profile.own.into_iter().for_each(|key| add(&mut kept.own, key));
                profile.shared.into_iter().for_each(|key| add(&mut kept.shared, key));
            }
            None => self.seen.push(profile),
        }
    }

    /// Notes whether what a look-up asked by leads to anybody, and says what of it was proven to lead to nobody since
    /// an erasure that did not cover it: others had it, too.
    pub fn hear_whether_anybody(
        &mut self,
        people: &Value,
        asked: &[(Identifier, PersonKey)],
        subject: &[PersonKey],
    ) -> Option<Deserted> {
        let erased_ms = self.erased_ms?;
        let gone = unanswered(people.as_array()?, asked);
        let is_there = |key: &PersonKey| asked.iter().any(|(_, asked)| asked == key) && !gone.contains(key);
        self.deserted.retain(|key| !is_there(key));
        let mut people = gone;
        let before = if people.is_empty() { HashSet::new() } else { self.parted(subject, &[]).stays };
        self.deserted.extend(&people);
        people.retain(|key| before.contains(key));
        if !people.is_empty() {
            let covered = self.parted(subject, &[]).covered;
            people.retain(|key| covered.binary_search(key).is_ok());
        }
        (!people.is_empty()).then_some(Deserted { people, erased_ms })
    }

    /// Who goes and who stays of a subject, when those go who were deleted and these.
    pub fn parted(&self, subject: &[PersonKey], last: &[PersonKey]) -> Parted {
        let is_named = |key: &PersonKey| self.deleted.contains(key) || last.contains(key);
        let mut holders: HashMap<PersonKey, u32> = HashMap::new();
        for shared in self.seen.iter().flat_map(|profile| &profile.shared) {
            *holders.entry(*shared).or_default() += 1;
        }
        // A call by an address takes one profile at most: which one is known where only one has it.
        let is_only = |key: &PersonKey| is_named(key) && holders.get(key) == Some(&1);
        let is_gone =
            |profile: &&KnownBy| profile.own.iter().any(is_named) || profile.shared.iter().any(is_only);
        let mut stays: HashSet<PersonKey> =
            self.seen.iter().filter(|profile| !is_gone(profile)).flat_map(KnownBy::all).collect();
        let mut covered: Vec<PersonKey> = subject.iter().chain(&self.also).copied().collect();
        covered.extend(self.seen.iter().filter(is_gone).flat_map(KnownBy::all));
        if !self.deserted.is_empty() {
            // Whoever a call by an address took, what was theirs leads to nobody now.
            let may_be_gone = |profile: &&KnownBy| profile.shared.iter().any(is_named);
            let all = self.seen.iter().filter(may_be_gone).flat_map(KnownBy::all);
            covered.extend(all.filter(|key| self.deserted.contains(key)));
            let is_proven = |key: &PersonKey| self.deserted.contains(key) && covered.contains(key);
            stays.retain(|key| !is_proven(key));
        }
        covered.sort_unstable();
        covered.dedup();
        let staying = || self.seen.iter().filter(|profile| !is_gone(profile));
        let in_doubt = covered.iter().filter(|key| stays.contains(key));
        let in_doubt = in_doubt.filter_map(|key| self.shared_with(*key, staying())).collect();
        covered.retain(|key| !stays.contains(key));
        Parted { covered, stays, in_doubt }
    }

    /// With whom of those who stay an address or a number is shared; `None` of anything else, and where not all of
    /// them can be told from whoever comes after them.
    fn shared_with<'p>(
        &self,
        key: PersonKey,
        staying: impl Iterator<Item = &'p KnownBy>,
    ) -> Option<SharedWith> {
        let mut holders = Vec::new();
        for profile in staying {
            if profile.own.contains(&key) {
                return None;
            }
            if profile.shared.contains(&key) {
                holders.push(*profile.own.iter().find(|own| self.braze_ids.contains(own))?);
            }
        }
        (!holders.is_empty()).then_some(SharedWith { key, staying: holders })
    }

    /// What is left for looks at a subject, when those are gone who were deleted and these.
    pub fn left(&self, subject: &[PersonKey], last: &[PersonKey]) -> Left {
        let Some(values) = &self.values else { return Left { sought: Vec::new(), staying: Vec::new() } };
        let Parted { mut covered, stays, .. } = self.parted(subject, last);
        covered.extend(self.deleted.iter().chain(last).filter(|key| !stays.contains(key)));
        covered.sort_unstable();
        covered.dedup();
        let is_new = |key: &&PersonKey| !subject.contains(key);
        let known = covered.iter().filter(is_new).filter_map(|key| values.by_key.get(key)).cloned();
        let has = |device: &Named, keys: &dyn Fn(&PersonKey) -> bool| {
            values.devices.iter().any(|(own, other)| other == device && keys(own))
        };
        let devices = values.devices.iter().filter(|(own, device)| {
            covered.binary_search(own).is_ok() && !has(device, &|own| stays.contains(own))
        });
        let sought = known.chain(devices.map(|(_, device)| device.clone())).collect();
        Left { sought, staying: stays.iter().filter_map(|key| values.by_key.get(key)).cloned().collect() }
    }
}

impl Values {
    fn add(&mut self, identifier: Named) {
        if let Some(key) = identifier.key()
            && self.by_key.len() < MOST_VALUES
        {
            self.by_key.entry(key).or_insert(identifier);
        }
    }

    /// A profile was shown, maybe to somebody who asked by a device.
    fn keep(&mut self, person: &Value, profile: &KnownBy, device: Option<&Named>) {
        Named::of_profile(person).for_each(|identifier| self.add(identifier));
        let Some(own) = profile.own.first() else { return };
        for device in Named::devices_of(person).chain(device.cloned()) {
            let one = (*own, device);
            if self.devices.len() < MOST_VALUES && !self.devices.contains(&one) {
                self.devices.push(one);
            }
        }
    }
}

/// What of that by which a look-up asked leads to nobody.
fn unanswered(people: &[Value], asked: &[(Identifier, PersonKey)]) -> Vec<PersonKey> {
    let all = asked.iter().map(|(_, key)| *key);
    if people.is_empty() {
        return all.collect();
    }
    // An id that was renamed leads to a profile that shows another one.
    let is_asked = |key: &PersonKey| asked.iter().any(|(_, asked)| asked == key);
    let is_told = |person: &Value| {
        let id = person.get(Identifier::ExternalId.member());
        let id = id.and_then(|id| PersonKey::read(Identifier::ExternalId, id));
        KnownBy::read(person).own.iter().any(is_asked) && id.as_ref().is_none_or(is_asked)
    };
    let is_own =
        |(kind, _): &&(Identifier, PersonKey)| !matches!(kind, Identifier::Email | Identifier::Phone);
    if !people.iter().all(is_told) {
        return Vec::new();
    }
    let shown: HashSet<PersonKey> = people.iter().flat_map(|person| KnownBy::read(person).own).collect();
    let own = asked.iter().filter(is_own).map(|(_, key)| *key);
    own.filter(|key| !shown.contains(key)).collect()
}

/// Adds a key that is not there yet.
pub(super) fn add(keys: &mut Vec<PersonKey>, key: PersonKey) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}
