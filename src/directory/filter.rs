//! Which people a list is about.

use jiff::{SignedDuration, Timestamp};

use super::approvers::Approvers;
use super::pattern::is_same;
use super::person::Person;
use super::read::Directory;

/// What people must be; everything that is said must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// They have a role, by a pattern.
    pub role: Option<String>,
    /// They are in a group.
    pub group: Option<String>,
    /// They belong to an organisation or one below it, or have a role there.
    pub organization: Option<String>,
    /// They may sign in, or may not.
    pub active: Option<bool>,
    /// They were not seen for so long.
    pub unseen_for: Option<SignedDuration>,
    /// They have a role that may touch privacy requests.
    pub touches_requests: bool,
    /// They may approve where these may.
    pub approvers: Option<Approvers>,
    /// They are no longer there. Without it those who are gone are left out.
    pub gone: bool,
}

impl Filter {
    /// The people who are meant; an organisation that nobody knows is told by its name.
    pub fn of<'d>(&self, directory: &'d Directory, now: Timestamp) -> Result<Vec<&'d Person>, String> {
        let below = match &self.organization {
            Some(name) => {
                let known = directory.below(name);
                // Without the scope ORGANIZATION names stand with roles and users only.
                if known.is_none() && !directory.people.iter().any(|person| belongs(person, name)) {
                    return Err(name.clone());
                }
                known
            }
            None => None,
        };
        let is_there = |person: &Person| {
            let Some(name) = &self.organization else { return true };
            let ids = person.roles.iter().map(|role| role.organization_id.as_deref());
            let mut ids = ids.chain([person.user.organization_id.as_deref()]).flatten();
            below.as_ref().is_some_and(|below| ids.any(|id| below.contains(id))) || belongs(person, name)
        };
        let is_meant = |person: &&Person| {
            person.gone.is_some() == self.gone
                && self.role.as_ref().is_none_or(|pattern| person.has_role(pattern))
                && self.group.as_ref().is_none_or(|group| person.is_in(group))
                && self.active.is_none_or(|active| person.is_active(now) == active)
                && self.unseen_for.is_none_or(|long| person.is_unseen_for(long, now))
                && (!self.touches_requests || person.touches_requests)
                && self.approvers.as_ref().is_none_or(|all| all.allow(directory, person, now))
                && is_there(person)
        };
        Ok(directory.people.iter().filter(is_meant).collect())
    }
}

/// Whether somebody is of an organisation by its name alone.
fn belongs(person: &Person, name: &str) -> bool {
    let names = person.roles.iter().map(|role| role.organization.as_deref());
    names.chain([person.user.organization.as_deref()]).flatten().any(|own| is_same(own, name))
}
