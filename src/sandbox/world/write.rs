//! How profiles come to be, change and go; every index is kept in step here and nowhere else.

use std::collections::HashMap;
use std::sync::Arc;

use super::holders::Holders;
use super::lookup::alias_key;
use super::profile::Rare;
use super::{Alias, Choice, Membership, Place, Presence, Profile, Who, World};

impl World {
    /// Makes a profile for whom an object names; `None` for a braze_id, which only Braze gives.
    pub fn create(&mut self, who: Who<'_>, now_ms: i64) -> Option<Place> {
        if matches!(who, Who::BrazeId(_)) {
            return None;
        }
        let place = self.create_nameless();
        match who {
            Who::ExternalId(id) => self.set_external_id(place, id),
            Who::Alias { name, label } => {
                self.add_alias(place, Alias { name: name.into(), label: label.into() });
            }
            Who::Email(email) => self.set_email(place, Some(email), now_ms),
            Who::Phone(phone) => self.set_phone(place, Some(phone), now_ms),
            Who::BrazeId(_) => {}
        }
        Some(place)
    }

    /// Makes a profile that nothing but its braze_id leads to yet.
    pub fn create_nameless(&mut self) -> Place {
        let place = self.places();
        self.profiles.push(Profile::default());
        self.touch(place);
        place
    }

    /// Notes that a profile was changed just now.
    pub fn touch(&mut self, place: Place) {
        self.updates += 1;
        let updates = self.updates;
        self.change(place, |profile| profile.updated = updates);
    }

    /// Changes what no index depends on.
    pub fn change<T>(&mut self, place: Place, change: impl FnOnce(&mut Profile) -> T) -> Option<T> {
        self.profiles.get_mut(place as usize).map(change)
    }

    /// Gives a profile its external id; one it had before becomes deprecated and still leads to it.
    pub fn set_external_id(&mut self, place: Place, id: &str) {
        let id: Arc<str> = id.into();
        self.external_ids.insert(id.clone(), place);
        self.change(place, |profile| {
            if let Some(former) = profile.external_id.replace(id) {
                profile.rare().deprecated.push(former);
            }
        });
    }

    /// Gives a profile a braze_id other than the one that follows from the seed.
    pub fn set_braze_id(&mut self, place: Place, id: &str) {
        self.given_braze_ids.insert(id.into(), place);
        self.change(place, |profile| profile.rare().braze_id = Some(id.into()));
    }

    /// Adds an alias, unless somebody has it or the profile has another with that label.
    pub fn add_alias(&mut self, place: Place, alias: Alias) -> bool {
        let key = alias_key(&alias.name, &alias.label);
        let is_taken = self.aliases.contains_key(key.as_str())
            || self.profile(place).is_none_or(|p| p.aliases().iter().any(|known| known.label == alias.label));
        if !is_taken {
            self.aliases.insert(key.into(), place);
            self.change(place, |profile| profile.rare().aliases.push(alias));
        }
        !is_taken
    }

    /// Notes that a profile was seen on a device.
    pub fn add_device(&mut self, place: Place, device: &str) {
        self.devices.entry(device.into()).or_default().push(place);
        self.change(place, |profile| profile.rare().devices.push(device.into()));
    }

    /// Makes a profile anew that was erased, under what it was known by.
    pub(super) fn make_anew(&mut self, gone: Place, now_ms: i64) {
        let Some(profile) = self.profile(gone).filter(|profile| profile.presence == Presence::Deleted) else {
            return;
        };
        let (id, email, phone) = (profile.external_id.clone(), profile.email.clone(), profile.phone.clone());
        let (aliases, devices) = profile
            .rare
            .as_ref()
            .map(|rare| (rare.aliases.clone(), rare.devices.clone()))
            .unwrap_or_default();
        let place = self.create_nameless();
        if let Some(id) = id.filter(|id| !self.external_ids.contains_key(id)) {
            self.set_external_id(place, &id);
        }
        self.set_email(place, email.as_deref(), now_ms);
        self.set_phone(place, phone.as_deref(), now_ms);
        for alias in aliases {
            self.add_alias(place, alias);
        }
        devices.iter().for_each(|device| self.add_device(place, device));
    }

    /// Sets or removes the e-mail address. A changed address resets the global state, or takes over
    /// what was kept for the new address.
    pub fn set_email(&mut self, place: Place, email: Option<&str>, now_ms: i64) {
        let former = self.profile(place).and_then(|profile| profile.email.clone());
        if former.as_deref() == email {
            return;
        }
        if let Some(former) = &former {
            release(&mut self.emails, former, place);
        }
        let kept = email.and_then(|email| self.kept_for_emails.take(email));
        let held = email.map(|email| hold(&mut self.emails, email, place));
        self.change(place, |profile| {
            profile.email = held;
            if former.is_some() {
                profile.email_subscribe = Choice::Subscribed;
            }
            for (group, state) in kept.iter().flat_map(|kept| kept.groups(now_ms)) {
                profile.set_membership(group, state);
            }
            if let Some(state) = kept.and_then(|kept| kept.global) {
                profile.email_subscribe = state;
            }
        });
    }

    /// Sets or removes the phone number, and takes over what was kept for the new one.
    pub fn set_phone(&mut self, place: Place, phone: Option<&str>, now_ms: i64) {
        let former = self.profile(place).and_then(|profile| profile.phone.clone());
        if former.as_deref() == phone {
            return;
        }
        if let Some(former) = &former {
            release(&mut self.phones, former, place);
        }
        let kept = phone.and_then(|phone| self.kept_for_phones.take(phone));
        let held = phone.map(|phone| hold(&mut self.phones, phone, place));
        self.change(place, |profile| {
            profile.phone = held;
            for (group, state) in kept.iter().flat_map(|kept| kept.groups(now_ms)) {
                profile.set_membership(group, state);
            }
        });
    }

    /// Sets the global state of an address, for all its holders or for the profile to come.
    pub fn set_global(&mut self, email: &str, state: Choice) {
        let holders = self.email_holders(email).to_vec();
        if holders.is_empty() {
            self.kept_for_emails.keep_global(email, state);
        }
        for place in holders {
            self.change(place, |profile| profile.email_subscribe = state);
            self.touch(place);
        }
    }

    /// Sets the state of one group for whom a request names: by an address for all its holders, or
    /// for the profile to come. Unknown external ids change nothing.
    pub fn set_group(&mut self, who: Who<'_>, group: u32, state: Membership, now_ms: i64) {
        let holders = match who {
            Who::Email(email) => self.email_holders(email).to_vec(),
            Who::Phone(phone) => self.phone_holders(phone).to_vec(),
            Who::ExternalId(_) | Who::Alias { .. } | Who::BrazeId(_) => self.find(who).into_iter().collect(),
        };
        match (holders.is_empty(), who) {
            (true, Who::Email(email)) => self.kept_for_emails.keep_group(email, group, state, now_ms),
            (true, Who::Phone(phone)) => self.kept_for_phones.keep_group(phone, group, state, now_ms),
            _ => {}
        }
        for place in holders {
            self.change(place, |profile| profile.set_membership(group, state));
            self.touch(place);
        }
    }

    /// What is kept of a group for an address without a profile.
    pub fn kept_group(&self, who: Who<'_>, group: u32, now_ms: i64) -> Option<Membership> {
        let states = match who {
            Who::Email(email) => self.kept_for_emails.of(email),
            Who::Phone(phone) => self.kept_for_phones.of(phone),
            Who::ExternalId(_) | Who::Alias { .. } | Who::BrazeId(_) => None,
        };
        states?.groups(now_ms).find(|(known, _)| *known == group).map(|(_, state)| state)
    }

    /// Moves everything the target lacks from one profile into another; the first is then gone.
    pub fn merge(&mut self, from: Place, into: Place, now_ms: i64) {
        let Some(source) = self.change(from, |profile| Profile {
            email: profile.email.clone(),
            phone: profile.phone.clone(),
            attributes: std::mem::take(&mut profile.attributes),
            groups: std::mem::take(&mut profile.groups),
            ..Profile::default()
        }) else {
            return;
        };
        let rare = self.change(from, |profile| profile.rare.take()).flatten().unwrap_or_default();
        self.forget_names(&rare);
        let Rare { aliases, events, purchases, devices, deprecated: _, braze_id: _ } = *rare;
        self.remove(from, Presence::Merged);
        let lacks = |held: fn(&Profile) -> bool| self.profile(into).is_some_and(held);
        let (lacks_email, lacks_phone) = (lacks(|p| p.email.is_none()), lacks(|p| p.phone.is_none()));
        if lacks_email && source.email.is_some() {
            self.set_email(into, source.email.as_deref(), now_ms);
        }
        if lacks_phone && source.phone.is_some() {
            self.set_phone(into, source.phone.as_deref(), now_ms);
        }
        for alias in aliases {
            self.add_alias(into, alias);
        }
        devices.iter().for_each(|device| self.add_device(into, device));
        self.change(into, |profile| {
            for (name, value) in &source.attributes {
                if profile.attribute(*name).is_none() {
                    profile.set_attribute(*name, Some(value));
                }
            }
            for (group, state) in source.groups {
                if profile.membership(group).is_none() {
                    profile.set_membership(group, state);
                }
            }
            if !events.is_empty() || !purchases.is_empty() {
                profile.rare().events.extend(events);
                profile.rare().purchases.extend(purchases);
            }
        });
        self.touch(into);
    }

    /// Takes a profile out of every index and drops its content. What is kept for an address goes
    /// with the address's only profile.
    pub(super) fn remove(&mut self, place: Place, presence: Presence) {
        let Some(profile) = self.profiles.get_mut(place as usize) else { return };
        if profile.presence != Presence::Live {
            return;
        }
        profile.presence = presence;
        profile.attributes = Vec::new();
        profile.groups = Vec::new();
        let mut rare = profile.rare.take();
        if let Some(id) = &profile.external_id {
            self.external_ids.remove(id);
        }
        if let Some(email) = &profile.email
            && !release(&mut self.emails, email, place)
        {
            self.kept_for_emails.take(email);
        }
        if let Some(phone) = &profile.phone
            && !release(&mut self.phones, phone, place)
        {
            self.kept_for_phones.take(phone);
        }
        if let Some(rare) = &mut rare {
            self.forget_names(rare);
            rare.events = Vec::new();
            rare.purchases = Vec::new();
        }
        self.change(place, |profile| profile.rare = rare);
    }

    /// Takes the names that few profiles have out of the indexes.
    fn forget_names(&mut self, rare: &Rare) {
        for id in &rare.deprecated {
            self.external_ids.remove(id);
        }
        for alias in &rare.aliases {
            self.aliases.remove(alias_key(&alias.name, &alias.label).as_str());
        }
        if let Some(id) = &rare.braze_id {
            self.given_braze_ids.remove(id);
        }
    }
}

/// Notes one more holder of an address; the address text is shared with the index.
fn hold(index: &mut HashMap<Arc<str>, Holders>, address: &str, place: Place) -> Arc<str> {
    if let Some((shared, _)) = index.get_key_value(address) {
        let shared = shared.clone();
        if let Some(holders) = index.get_mut(address) {
            holders.add(place);
        }
        return shared;
    }
    let shared: Arc<str> = address.into();
    index.insert(shared.clone(), Holders::One(place));
    shared
}

/// Notes one holder less; whether the address still has any.
fn release(index: &mut HashMap<Arc<str>, Holders>, address: &str, place: Place) -> bool {
    let is_held = index.get_mut(address).is_some_and(|holders| holders.remove(place));
    if !is_held {
        index.remove(address);
    }
    is_held
}
