//! One member of staff with everything that follows from what is known: groups, roles, licence, last use.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::history::SignIns;
use super::pattern::{fits, fits_any, is_same};
use crate::config;
use crate::onetrust::moment;
use crate::onetrust::staff::{Role, User};

/// When somebody used OneTrust last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Then.
    At(Timestamp),
    /// Never, as the service says.
    Never,
    /// The service does not say.
    Unknown,
}

/// A member of staff.
#[derive(Clone, PartialEq)]
pub struct Person {
    /// As OneTrust tells.
    pub user: User,
    /// Names of the user groups they are in.
    pub groups: Vec<String>,
    /// Their own roles and those of their groups.
    pub roles: Vec<Role>,
    /// Whether all of those are known.
    pub are_roles_known: bool,
    /// When and how often they signed in, as far as it was read.
    pub sign_ins: Option<SignIns>,
    /// When they were no longer there.
    pub gone: Option<Timestamp>,
    /// When they were met first.
    pub first_seen: Timestamp,
    /// By the settings' mapping from roles; OneTrust tells no licence.
    pub licence: Option<String>,
    /// They have a role that may do everything.
    pub is_admin: bool,
    /// They have a role that may touch privacy requests.
    pub touches_requests: bool,
}

impl Person {
    /// What follows from roles, by the settings.
    pub(super) fn judged(mut self, rules: &config::Directory) -> Person {
        let names = || self.roles.iter().map(|role| role.role.as_str());
        let mut licences = rules.licences.iter();
        let found = licences.find(|(pattern, _)| names().any(|name| fits(pattern, name)));
        let licence = found.map(|(_, licence)| licence.clone());
        let is_admin = names().any(|name| fits_any(&rules.admins, name));
        let touches_requests = is_admin || names().any(|name| fits_any(&rules.privacy_requests, name));
        self.licence = licence;
        (self.is_admin, self.touches_requests) = (is_admin, touches_requests);
        self
    }

    /// Whether they may do everything; `None` where OneTrust does not tell.
    pub fn is_known_admin(&self) -> Option<bool> {
        (self.is_admin || self.are_roles_known).then_some(self.is_admin)
    }

    /// Whether they may touch privacy requests; `None` where OneTrust does not tell.
    pub fn is_known_to_touch_requests(&self) -> Option<bool> {
        (self.touches_requests || self.are_roles_known).then_some(self.touches_requests)
    }

    /// Whether they may sign in at a moment, as far as is known.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.gone.is_none() && self.user.is_active(now)
    }

    /// How they stand, in one word.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.user.active {
            _ if self.gone.is_some() => "gone",
            Some(false) => "disabled",
            Some(true) if self.user.is_expired(now) => "expired",
            Some(true) => "active",
            None => "unknown",
        }
    }

    /// When they used OneTrust last.
    pub fn seen(&self) -> Seen {
        let of_history = self.sign_ins.as_ref().and_then(|known| known.last_success.as_deref());
        let last =
            [self.user.last_login.as_deref(), of_history].into_iter().flatten().filter_map(moment).max();
        match last {
            Some(at) => Seen::At(at),
            // Where roles are told, so is the last sign-in.
            None if self.user.roles.is_some() => Seen::Never,
            None => Seen::Unknown,
        }
    }

    /// Whether they were not seen for so long at a moment; who never was counts from when they were made. Who
    /// may have been is not.
    pub fn is_unseen_for(&self, long: SignedDuration, now: Timestamp) -> bool {
        let made = self.user.created.as_deref().and_then(moment).unwrap_or(self.first_seen);
        let since = match self.seen() {
            Seen::At(at) => at,
            Seen::Never => made,
            Seen::Unknown => return false,
        };
        now.duration_since(since) >= long
    }

    /// Whether they have a role, by a pattern.
    pub fn has_role(&self, pattern: &str) -> bool {
        self.roles.iter().any(|role| fits(pattern, &role.role))
    }

    /// Whether they are in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|name| is_same(name, group))
    }

    /// Whether somebody means them by an address or an id.
    pub fn is_called(&self, name: &str) -> bool {
        let ids = [self.user.email.as_deref(), Some(self.user.id.as_str()), self.user.external_id.as_deref()];
        ids.into_iter().flatten().any(|id| is_same(id, name))
    }

    /// The licence, or what is known of it.
    pub fn licence(&self) -> &str {
        self.licence.as_deref().unwrap_or("-")
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("roles", &self.roles.len())
            .field("is_gone", &self.gone.is_some())
            .finish_non_exhaustive()
    }
}
