//! Whom an erasure covers: what the gate keeps of a person once their profiles are deleted.
//!
//! Covered is what the calls name that delete, what the request says of its subject, and what look-ups of
//! the same run revealed of the profiles that are deleted. An address or a number that a look-up also showed
//! on a profile that stays is somebody else's too, and is not covered: nobody is kept from choosing because
//! somebody else of the household was erased. Gathered from what a run asks and is answered, so a run that
//! goes on after a crash covers the same people. Only digests are kept; where people are looked for again
//! afterwards, also the identifiers themselves until the run is over.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::composed::Identifier as Named;
use super::machine::Answer;
use super::sought::Sought;
use crate::catalogue::{Effect, Identifier};
use crate::plan::{Call, KnownBy, PersonKey};

/// What one run knows of whom it erases.
#[derive(Debug)]
pub(super) struct Cover {
    subject: Vec<PersonKey>,
    seen: Vec<KnownBy>,
    /// Which of them an own identifier is of.
    of_own: HashMap<PersonKey, usize>,
    /// By which identifiers people were deleted so far.
    deleted: HashSet<PersonKey>,
    asked: Asked,
    /// What look-ups showed, where people are looked for again.
    values: Option<Values>,
}

/// Identifiers as they were shown.
#[derive(Debug, Default)]
struct Values {
    by_key: HashMap<PersonKey, Named>,
    /// Devices, each with an own identifier of a profile that has it.
    devices: Vec<(PersonKey, Named)>,
}

/// Most that is kept of each: more are not one person's.
const MOST_VALUES: usize = 1000;

/// What the last call of the run was.
#[derive(Debug)]
enum Asked {
    Nothing,
    /// Who is known by an identifier, if it was only one; the answer lists them in a member.
    People(&'static str, Option<(Identifier, PersonKey)>),
    Erasure(Vec<PersonKey>),
}

impl Cover {
    /// Before the run has asked anything.
    pub fn of(subject: Option<&Value>) -> Cover {
        let subject = subject.map(KnownBy::read).unwrap_or_default().all().collect();
        let (of_own, deleted) = (HashMap::new(), HashSet::new());
        Cover { subject, seen: Vec::new(), of_own, deleted, asked: Asked::Nothing, values: None }
    }

    /// The same, keeping what people are looked for by afterwards.
    pub fn keeping(self, keeps: bool) -> Cover {
        Cover { values: keeps.then(Values::default), ..self }
    }

    /// Of a look at somebody who was erased: what the erasure covered is theirs, as if the request named it. Who is
    /// held or chose anew under any of it is not erased.
    pub fn also(&mut self, sought: &Sought) {
        let keys = sought.identifiers().iter().filter_map(Named::key);
        keys.for_each(|key| add(&mut self.subject, key));
    }

    /// Whom the request names.
    pub fn subject(&self) -> &[PersonKey] {
        &self.subject
    }

    /// Notes a call of the run, and says whom it covers if it erases.
    pub fn note(&mut self, call: &mut Call) {
        let action = call.action();
        self.asked = match (action.effect, &action.reply.people) {
            (Effect::Irreversible, _) => {
                self.cover(call);
                Asked::Erasure(call.people().to_vec())
            }
            (Effect::Read, Some(member)) => Asked::People(member, call.only_asks_by()),
            _ => Asked::Nothing,
        };
    }

    /// Notes what the last call came to.
    pub fn hear(&mut self, answer: &Answer) {
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        let Ok(output) = &answer.result else { return };
        match asked {
            Asked::Nothing => {}
            Asked::Erasure(people) => self.deleted.extend(people),
            Asked::People(member, by) => {
                // People of one answer are several, however alike they look.
                let before = self.seen.len();
                for person in output.get(member).and_then(Value::as_array).into_iter().flatten() {
                    let profile = KnownBy::read(person);
                    if let Some(values) = &mut self.values {
                        values.keep(person, &profile);
                    }
                    self.see(profile, by, before);
                }
            }
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

    fn cover(&self, call: &mut Call) {
        let Parted { covered, stays } =
            self.parted(&|key| self.deleted.contains(key) || call.people().contains(key));
        call.cover(&covered, |key| stays.contains(key));
    }

    /// What people are looked for by who were deleted, or are with the call that was made last: whatever is
    /// covered and the request does not name.
    pub fn sought(&self) -> Sought {
        let Some(values) = &self.values else { return Sought::default() };
        let last: &[PersonKey] = match &self.asked {
            Asked::Erasure(people) => people,
            Asked::Nothing | Asked::People(..) => &[],
        };
        if self.deleted.is_empty() && last.is_empty() {
            return Sought::default();
        }
        let Parted { covered, stays } = self.parted(&|key| self.deleted.contains(key) || last.contains(key));
        let is_new = |key: &&PersonKey| !self.subject.contains(key);
        let known = covered.iter().filter(is_new).filter_map(|key| values.by_key.get(key)).cloned();
        let has = |device: &Named, keys: &dyn Fn(&PersonKey) -> bool| {
            values.devices.iter().any(|(own, other)| other == device && keys(own))
        };
        let devices = values.devices.iter().filter(|(own, device)| {
            covered.binary_search(own).is_ok() && !has(device, &|own| stays.contains(own))
        });
        let left = stays.iter().filter_map(|key| values.by_key.get(key)).cloned();
        Sought::new(known.chain(devices.map(|(_, device)| device.clone())).collect()).but_for(left)
    }

    /// Who goes and who stays, when those go who are named.
    fn parted(&self, is_named: &dyn Fn(&PersonKey) -> bool) -> Parted {
        let mut holders: HashMap<PersonKey, u32> = HashMap::new();
        for shared in self.seen.iter().flat_map(|profile| &profile.shared) {
            *holders.entry(*shared).or_default() += 1;
        }
        // A call by an address takes one profile at most: which one is known where only one has it.
        let is_only = |key: &PersonKey| is_named(key) && holders.get(key) == Some(&1);
        let is_gone =
            |profile: &&KnownBy| profile.own.iter().any(is_named) || profile.shared.iter().any(is_only);
        let stays: HashSet<PersonKey> =
            self.seen.iter().filter(|profile| !is_gone(profile)).flat_map(KnownBy::all).collect();
        let mut covered: Vec<PersonKey> = self.subject.clone();
        covered.extend(self.seen.iter().filter(is_gone).flat_map(KnownBy::all));
        covered.retain(|key| !stays.contains(key));
        covered.sort_unstable();
        covered.dedup();
        Parted { covered, stays }
    }
}

/// What is known of people, in two parts.
struct Parted {
    /// In order.
    covered: Vec<PersonKey>,
    /// What somebody is known by who stays.
    stays: HashSet<PersonKey>,
}

impl Values {
    fn keep(&mut self, person: &Value, profile: &KnownBy) {
        for identifier in Named::of_profile(person) {
            if let Some(key) = identifier.key()
                && self.by_key.len() < MOST_VALUES
            {
                self.by_key.entry(key).or_insert(identifier);
            }
        }
        let Some(own) = profile.own.first() else { return };
        for device in Named::devices_of(person) {
            let one = (*own, device);
            if self.devices.len() < MOST_VALUES && !self.devices.contains(&one) {
                self.devices.push(one);
            }
        }
    }
}

fn add(keys: &mut Vec<PersonKey>, key: PersonKey) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}

#[cfg(test)]
mod tests;
