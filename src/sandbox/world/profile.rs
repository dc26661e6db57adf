//! One audience profile, kept small: a job of a million people is answered from memory.
//!
//! What every profile has stands in [`Profile`]; what few have stands behind one pointer. Attribute
//! values are kept as the JSON text that came in, so numbers and key order survive unchanged.

use std::sync::Arc;

/// Whether somebody wants messages: the three states of `email_subscribe` and `push_subscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sandbox) enum Choice {
    /// No choice was made; a new profile starts here.
    #[default]
    Subscribed,
    /// Asked for messages.
    OptedIn,
    /// Refused them.
    Unsubscribed,
}

impl Choice {
    /// The state a word names.
    pub fn of(word: &str) -> Option<Choice> {
        match word {
            "subscribed" => Some(Choice::Subscribed),
            "opted_in" => Some(Choice::OptedIn),
            "unsubscribed" => Some(Choice::Unsubscribed),
            _ => None,
        }
    }

    /// The word of requests and exports.
    pub fn word(self) -> &'static str {
        match self {
            Choice::Subscribed => "subscribed",
            Choice::OptedIn => "opted_in",
            Choice::Unsubscribed => "unsubscribed",
        }
    }
}

/// The two states of a subscription group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Membership {
    /// In the group.
    Subscribed,
    /// Out of it.
    Unsubscribed,
}

impl Membership {
    /// The state a word names; groups know no `opted_in`.
    pub fn of(word: &str) -> Option<Membership> {
        match word {
            "subscribed" => Some(Membership::Subscribed),
            "unsubscribed" => Some(Membership::Unsubscribed),
            _ => None,
        }
    }

    /// The word of requests and of the profile listing.
    pub fn word(self) -> &'static str {
        match self {
            Membership::Subscribed => "subscribed",
            Membership::Unsubscribed => "unsubscribed",
        }
    }
}

/// Whether a profile is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sandbox) enum Presence {
    /// Found by its identifiers.
    #[default]
    Live,
    /// Erased; only its identifiers are kept, so that a test can see that it is gone.
    Deleted,
    /// Became part of another profile by identification.
    Merged,
}

/// One profile.
#[derive(Default)]
pub(in crate::sandbox) struct Profile {
    pub external_id: Option<Arc<str>>,
    pub email: Option<Arc<str>>,
    pub phone: Option<Arc<str>>,
    /// Rises with every change of any profile; look-ups by e-mail or phone prefer the highest.
    pub updated: u64,
    /// Attribute (by number) and value (as JSON text).
    pub attributes: Vec<(u32, Box<str>)>,
    /// Group (by number) and state; only groups that were ever changed.
    pub groups: Vec<(u32, Membership)>,
    pub rare: Option<Box<Rare>>,
    pub email_subscribe: Choice,
    pub push_subscribe: Choice,
    pub presence: Presence,
}

/// What few profiles have.
#[derive(Default)]
pub(in crate::sandbox) struct Rare {
    pub aliases: Vec<Alias>,
    /// External ids the profile had before a rename; they still lead here.
    pub deprecated: Vec<Arc<str>>,
    /// Ids of its devices; other profiles may have been seen on the same ones.
    pub devices: Vec<Box<str>>,
    /// A braze_id given when the profile was made; others follow from the seed.
    pub braze_id: Option<Box<str>>,
    pub events: Vec<Occurrence>,
    pub purchases: Vec<Occurrence>,
}

/// Another name of a profile, unique by label.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Alias {
    pub name: Box<str>,
    pub label: Box<str>,
}

/// One event or purchase: its name or product, and when it happened.
pub(in crate::sandbox) struct Occurrence {
    pub name: Box<str>,
    pub time: Box<str>,
}

impl Profile {
    /// The profile's aliases.
    pub fn aliases(&self) -> &[Alias] {
        self.rare.as_ref().map_or(&[], |rare| &rare.aliases)
    }

    /// The part that few profiles have, made now if it is missing.
    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The state of one group, if it was ever changed.
    pub fn membership(&self, group: u32) -> Option<Membership> {
        self.groups.iter().find(|(known, _)| *known == group).map(|(_, state)| *state)
    }

    /// Sets the state of one group.
    pub fn set_membership(&mut self, group: u32, state: Membership) {
        match self.groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, kept)) => *kept = state,
            None => {
                self.groups.reserve_exact(1);
                self.groups.push((group, state));
            }
        }
    }

    /// The JSON text of one attribute.
    pub fn attribute(&self, name: u32) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    /// Sets or removes one attribute.
    pub fn set_attribute(&mut self, name: u32, value: Option<&str>) {
        let place = self.attributes.iter().position(|(known, _)| *known == name);
        match (place.and_then(|place| self.attributes.get_mut(place)), value) {
            (Some((_, kept)), Some(value)) => {
                if **kept != *value {
                    *kept = value.into();
                }
            }
            (None, Some(value)) => {
                self.attributes.reserve_exact(1);
                self.attributes.push((name, value.into()));
            }
            (_, None) => self.attributes.retain(|(known, _)| *known != name),
        }
    }
}
