//! One profile as a test looks at it. Listing profiles is what the sandbox is for, so this is the one
//! door through which its people leave it.

use std::fmt;

use serde_json::{Map, Value, json};

use super::world::{Alias, Occurrence, Place, Presence, Profile as Stored, World};

/// What the sandbox holds about one person.
#[derive(Clone, PartialEq)]
pub struct Profile {
    /// The primary external id.
    pub external_id: Option<String>,
    /// The id Braze gave.
    pub braze_id: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Pairs of alias name and alias label.
    pub aliases: Vec<(String, String)>,
    /// Devices it was seen on.
    pub device_ids: Vec<String>,
    /// Custom and standard attributes.
    pub attributes: Map<String, Value>,
    /// `subscribed`, `opted_in` or `unsubscribed`.
    pub email_subscribe: &'static str,
    /// `subscribed`, `opted_in` or `unsubscribed`.
    pub push_subscribe: &'static str,
    /// State by group id; only groups that were ever changed.
    pub subscription_groups: Map<String, Value>,
    /// Names and times of events, in the order in which they came.
    pub events: Vec<(String, String)>,
    /// Products and times of purchases, in the order in which they came.
    pub purchases: Vec<(String, String)>,
    /// Erased: only the identifiers are left. Somebody who came back has a second, live profile.
    pub deleted: bool,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("deleted", &self.deleted).finish_non_exhaustive()
    }
}

impl Profile {
    /// The profile at a place; `None` for one that was merged into another.
    pub(super) fn at(world: &World, place: Place) -> Option<Profile> {
        let stored = world.profile(place).filter(|profile| profile.presence != Presence::Merged)?;
        let alias = |alias: &Alias| (alias.name.to_string(), alias.label.to_string());
        let attribute = |(name, value): &(u32, Box<str>)| {
            let value = serde_json::from_str(value).unwrap_or_default();
            (world.attribute_names.text(*name).to_owned(), value)
        };
        let groups =
            stored.groups.iter().map(|(group, state)| (world.group_names.text(*group), state.word()));
        let rare = stored.rare.as_ref();
        let pairs =
            |list: &[Occurrence]| list.iter().map(|o| (o.name.to_string(), o.time.to_string())).collect();
        Some(Profile {
            external_id: stored.external_id.as_deref().map(str::to_owned),
            braze_id: world.braze_id(place),
            email: stored.email.as_deref().map(str::to_owned),
            phone: stored.phone.as_deref().map(str::to_owned),
            aliases: stored.aliases().iter().map(alias).collect(),
            device_ids: rare.iter().flat_map(|rare| &rare.devices).map(|id| id.to_string()).collect(),
            attributes: stored.attributes.iter().map(attribute).collect(),
            email_subscribe: stored.email_subscribe.word(),
            push_subscribe: stored.push_subscribe.word(),
            subscription_groups: groups.map(|(id, state)| (id.to_owned(), json!(state))).collect(),
            events: rare.map_or_else(Vec::new, |rare| pairs(&rare.events)),
            purchases: rare.map_or_else(Vec::new, |rare| pairs(&rare.purchases)),
            deleted: stored.presence == Presence::Deleted,
        })
    }

    /// The profile as a line of `GET /sandbox/profiles`.
    pub fn to_json(&self) -> Value {
        let aliases = self.aliases.iter().map(|(name, label)| alias_json(name, label));
        let occurred = |list: &[(String, String)], what: &str| {
            list.iter().map(|(name, time)| json!({ what: name, "time": time })).collect::<Value>()
        };
        json!({
            "external_id": self.external_id,
            "braze_id": self.braze_id,
            "email": self.email,
            "phone": self.phone,
            "aliases": aliases.collect::<Value>(),
            "device_ids": self.device_ids,
            "attributes": self.attributes,
            "email_subscribe": self.email_subscribe,
            "push_subscribe": self.push_subscribe,
            "subscription_groups": self.subscription_groups,
            "events": occurred(&self.events, "name"),
            "purchases": occurred(&self.purchases, "product_id"),
            "deleted": self.deleted,
        })
    }
}

/// The aliases of a profile as exports show them.
pub(super) fn aliases(profile: &Stored) -> Value {
    profile.aliases().iter().map(|alias| alias_json(&alias.name, &alias.label)).collect()
}

fn alias_json(name: &str, label: &str) -> Value {
    json!({ "alias_name": name, "alias_label": label })
}
