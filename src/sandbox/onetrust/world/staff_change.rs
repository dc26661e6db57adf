//! Changes of the staff that somebody outside makes: people come, leave, and may do something else.

use indexmap::IndexSet;
use serde::Deserialize;

use super::staff::Staff;

/// A change of one user, known by the address; one whom nobody knows is made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaffChange {
    /// Who.
    pub email: String,
    /// The whole name; the part before the last space is the first name.
    pub name: Option<String>,
    /// Whether they may sign in.
    pub active: Option<bool>,
    /// The only role from now on, in the organisation at the top; one that nobody knows is made.
    pub role: Option<String>,
    /// They are in this group from now on; one that nobody knows is made.
    pub group: Option<String>,
    /// They sign in now.
    pub sign_in: bool,
    /// They are taken out of the tenant.
    pub removed: bool,
}

impl Staff {
    /// Changes a user; `false` without an address.
    pub fn change(&mut self, change: StaffChange, now_ms: i64) -> bool {
        let StaffChange { email, name, active, role, group, sign_in, removed } = change;
        if !email.contains('@') {
            return false;
        }
        let place = self.users.iter().position(|user| user.email.eq_ignore_ascii_case(&email));
        if removed {
            if let Some(user) = place.map(|place| self.users.remove(place)) {
                self.groups.iter_mut().for_each(|group| {
                    group.members.shift_remove(&user.id);
                });
            }
            return true;
        }
        let role = role.map(|role| self.role(&role));
        let place = place.unwrap_or_else(|| {
            let user = self.user("New", "Colleague", email, now_ms);
            self.users.push(user);
            self.users.len() - 1
        });
        let Some(user) = self.users.get_mut(place) else { return false };
        user.modified_ms = now_ms;
        if let Some(name) = name {
            let (first, last) = name.rsplit_once(' ').unwrap_or((&name, "Colleague"));
            user.changes.push((now_ms, "Last Name", user.last_name.clone(), last.to_owned()));
            (user.first_name, user.last_name) = (first.to_owned(), last.to_owned());
        }
        if let Some(active) = active {
            user.is_active = active;
            user.disabled_ms = (!active).then_some(now_ms);
            user.disabled_by = (!active).then(|| "Robin Approver".to_owned());
            user.changes.push((now_ms, "Active", (!active).to_string(), active.to_string()));
        }
        if let Some(role) = role {
            user.roles = vec![(role, 0)];
        }
        if sign_in {
            user.sign_ins.push((now_ms, true));
        }
        let id = user.id.clone();
        if let Some(name) = group {
            self.join(&name, id);
        }
        true
    }

    fn role(&mut self, name: &str) -> usize {
        self.roles.iter().position(|role| role.name == name).unwrap_or_else(|| {
            let id = self.new_id();
            self.roles.push(super::staff::Named { id, name: name.to_owned() });
            self.roles.len() - 1
        })
    }

    fn join(&mut self, name: &str, member: String) {
        if !self.groups.iter().any(|group| group.name == name) {
            let (id, name) = (self.new_id(), name.to_owned());
            let description = "Made up".to_owned();
            self.groups.push(super::staff::UserGroup {
                id,
                name,
                description,
                role: None,
                members: IndexSet::new(),
            });
        }
        if let Some(group) = self.groups.iter_mut().find(|group| group.name == name) {
            group.members.insert(member);
        }
    }
}
