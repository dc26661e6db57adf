//! Organisations and users of the tenant: a small made-up company.

use super::World;
use crate::sandbox::world::mixed;

/// One organisation with those below it.
pub(in crate::sandbox::onetrust) struct Organization {
    pub id: String,
    pub external_id: String,
    pub name: String,
    pub children: Vec<Organization>,
}

impl Organization {
    /// Whether `name` is this organisation or, if `with_children`, one below `name`.
    pub fn covers(&self, name: &str, wanted: &str, with_children: bool) -> bool {
        if name == wanted {
            return true;
        }
        if !with_children {
            return false;
        }
        self.find(wanted).is_some_and(|organization| organization.find(name).is_some())
    }

    fn find(&self, name: &str) -> Option<&Organization> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

/// Somebody who works in OneTrust.
pub(in crate::sandbox::onetrust) struct User {
    pub id: String,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    pub role: &'static str,
    pub role_id: String,
    pub is_active: bool,
    pub created_ms: i64,
}

/// The organisations of a new tenant.
pub(super) fn founding_organization(seed: u64) -> Organization {
    let made = |name: &str, number: u64, children| {
        let wide = (u128::from(mixed(!seed, number)) << 64) | u128::from(mixed(seed, u64::MAX - number));
        let id = uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid().to_string();
        Organization { id, external_id: format!("ORG-{number}"), name: name.to_owned(), children }
    };
    let below = vec![made("Example France", 2, vec![]), made("Example Deutschland", 3, vec![])];
    made("Example Organization", 1, below)
}

/// The users of a new tenant.
pub(super) fn founding_users(world: &mut World, now_ms: i64) -> Vec<User> {
    let people = [
        ("Robin", "Approver", "Privacy Officer", true),
        ("Kim", "Analyst", "Privacy Analyst", true),
        ("Sam", "Former", "Viewer", false),
    ];
    let made =
        |(first_name, last_name, role, is_active): (&'static str, &'static str, &'static str, bool)| User {
            id: world.draw_id(),
            first_name,
            last_name,
            email: format!("{}.{}@example.com", first_name.to_lowercase(), last_name.to_lowercase()),
            role,
            role_id: world.draw_id(),
            is_active,
            created_ms: now_ms,
        };
    people.map(made).into()
}
