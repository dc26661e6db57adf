//! How a profile is found: by a primary identifier exactly, by an address through its holders.

use super::seeded;
use super::{Place, Presence, Profile, World};

/// Whom an object of a request names.
#[derive(Clone, Copy)]
pub(in crate::sandbox) enum Who<'a> {
    ExternalId(&'a str),
    Alias { name: &'a str, label: &'a str },
    BrazeId(&'a str),
    Email(&'a str),
    Phone(&'a str),
}

/// One word of `prioritization`, which narrows the holders of a shared address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Priority {
    Identified,
    Unidentified,
    MostRecentlyUpdated,
    LeastRecentlyUpdated,
}

impl Priority {
    /// The priority a word names.
    pub fn of(word: &str) -> Option<Priority> {
        match word {
            "identified" => Some(Priority::Identified),
            "unidentified" => Some(Priority::Unidentified),
            "most_recently_updated" => Some(Priority::MostRecentlyUpdated),
            "least_recently_updated" => Some(Priority::LeastRecentlyUpdated),
            _ => None,
        }
    }
}

impl World {
    /// The profile that an object names. By an address it is the most recently updated one with an
    /// external id, else the most recently updated one (Braze docs, "Track users").
    pub fn find(&self, who: Who<'_>) -> Option<Place> {
        match who {
            Who::ExternalId(id) => self.external_ids.get(id).copied(),
            Who::Alias { name, label } => self.aliases.get(alias_key(name, label).as_str()).copied(),
            Who::BrazeId(id) => self.find_braze_id(id),
            Who::Email(email) => self.most_recent(self.email_holders(email)),
            Who::Phone(phone) => self.most_recent(self.phone_holders(phone)),
        }
    }

    /// The profiles that hold an e-mail address.
    pub fn email_holders(&self, email: &str) -> &[Place] {
        self.emails.get(email).map_or(&[], |holders| holders.places())
    }

    /// The profiles that were seen on a device.
    pub fn device_holders(&self, device: &str) -> Vec<Place> {
        let seen = self.devices.get(device).map_or(&[][..], Vec::as_slice).iter().copied();
        let is_live = |place: &Place| self.profile(*place).is_some_and(|one| one.presence == Presence::Live);
        seen.filter(is_live).collect()
    }

    /// The profiles that hold a phone number.
    pub fn phone_holders(&self, phone: &str) -> &[Place] {
        self.phones.get(phone).map_or(&[], |holders| holders.places())
    }

    /// The one profile that is left after narrowing word by word; `None` when none or several are.
    pub fn narrowed(&self, holders: &[Place], priorities: &[Priority]) -> Option<Place> {
        let mut left = holders.to_vec();
        for priority in priorities {
            match priority {
                Priority::Identified => left.retain(|place| self.is_identified(*place)),
                Priority::Unidentified => left.retain(|place| !self.is_identified(*place)),
                Priority::MostRecentlyUpdated => {
                    left = left.into_iter().max_by_key(|place| self.updated(*place)).into_iter().collect();
                }
                Priority::LeastRecentlyUpdated => {
                    left = left.into_iter().min_by_key(|place| self.updated(*place)).into_iter().collect();
                }
            }
        }
        match left.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The braze_id of the profile at a place.
    pub fn braze_id(&self, place: Place) -> String {
        let given = self.profile(place).and_then(|profile| profile.rare.as_ref()?.braze_id.as_deref());
        given.map_or_else(|| seeded::braze_id(self.seed, place), str::to_owned)
    }

    fn find_braze_id(&self, id: &str) -> Option<Place> {
        if let Some(place) = self.given_braze_ids.get(id) {
            return Some(*place);
        }
        let place = seeded::place_of(self.seed, id)?;
        let has_another =
            |profile: &Profile| profile.rare.as_ref().is_some_and(|rare| rare.braze_id.is_some());
        let profile = self.profile(place)?;
        (profile.presence == Presence::Live && !has_another(profile)).then_some(place)
    }

    fn most_recent(&self, holders: &[Place]) -> Option<Place> {
        let rank = |place: &Place| (self.is_identified(*place), self.updated(*place));
        holders.iter().copied().max_by_key(rank)
    }

    fn is_identified(&self, place: Place) -> bool {
        self.profile(place).is_some_and(|profile| profile.external_id.is_some())
    }

    fn updated(&self, place: Place) -> u64 {
        self.profile(place).map_or(0, |profile| profile.updated)
    }
}

/// One key for label and name; the length keeps "ab"+"c" apart from "a"+"bc".
pub(super) fn alias_key(name: &str, label: &str) -> String {
    format!("{}:{label}{name}", label.len())
}
