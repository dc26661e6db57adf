//! People who do not exist, each the same in Braze and in OneTrust.

use super::Identifiers;
use super::world::mixed;

/// First names; none is rare enough to be somebody.
const FIRST_NAMES: [&str; 12] =
    ["Ada", "Bo", "Carla", "Dan", "Eve", "Finn", "Gina", "Hugo", "Ines", "Jon", "Kira", "Leo"];

/// Last names.
const LAST_NAMES: [&str; 10] =
    ["Lindqvist", "Berg", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Haas", "Ito", "Jansen"];

/// How a person can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// The customer's own id.
    ExternalId,
    /// E-mail address.
    Email,
    /// Phone number.
    Phone,
    /// Braze's own id.
    BrazeId,
}

/// One of them.
pub(super) struct Person {
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub identifiers: Identifiers,
}

impl Person {
    /// The person of a number.
    pub fn new(seed: u64, number: u64) -> Person {
        let pick = |names: &[&'static str], salt: u64| {
            let place = mixed(seed ^ salt, number) % names.len() as u64;
            usize::try_from(place).ok().and_then(|place| names.get(place).copied()).unwrap_or("Robin")
        };
        let (first_name, last_name) = (pick(&FIRST_NAMES, 1), pick(&LAST_NAMES, 2));
        let email = format!("{first_name}.{last_name}.{number}@example.com").to_lowercase();
        Person {
            first_name,
            last_name,
            identifiers: Identifiers {
                external_id: Some(format!("c-{}", 1000 + number)),
                email: Some(email),
                phone: Some(format!("+3319900{:04}", number % 10_000)),
                braze_id: Some(format!("{:024x}", mixed(seed ^ 3, number))),
                aliases: Vec::new(),
                device_ids: Vec::new(),
            },
        }
    }

    /// The person by one of their names.
    pub fn named(&self, identity: Identity) -> String {
        let identifiers = &self.identifiers;
        let name = match identity {
            Identity::ExternalId => &identifiers.external_id,
            Identity::Email => &identifiers.email,
            Identity::Phone => &identifiers.phone,
            Identity::BrazeId => &identifiers.braze_id,
        };
        name.clone().unwrap_or_default()
    }
}
