//! The organisations of the tenant: a small made-up company.

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

    /// This one and all below it, from the top down.
    pub fn all(&self) -> Vec<&Organization> {
        let below = self.children.iter().flat_map(Organization::all);
        std::iter::once(self).chain(below).collect()
    }

    fn find(&self, name: &str) -> Option<&Organization> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
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
