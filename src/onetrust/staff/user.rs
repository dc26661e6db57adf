//! One user of a tenant, from either family of endpoints.
//!
//! Sources: OneTrust's OpenAPI, Access Management (`getAllUserDetailsV2`, `getUserV2`) and User Provisioning
//! (`getAllUsersUsingGET`, `getUsers`). A user is somebody's personal data: `Debug` tells nothing of it, and
//! it is serialised only to be sealed, or into what an administrator asked to see.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::onetrust::dates::{self, moment};
use crate::onetrust::json::{flag, items, text};

/// The extension of SCIM with the place of a user in a company (RFC 7643, section 4.3).
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The mail domain of users that stand for API credentials, as the answers with tokens name them.
const API_DOMAIN: &str = "@api.onetrust.com";

/// A role in an organisation: what OneTrust calls an access level.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    /// What the role is called.
    pub role: String,
    /// Its id.
    pub role_id: Option<String>,
    /// Where it counts.
    pub organization: Option<String>,
    /// Its id.
    pub organization_id: Option<String>,
}

/// Somebody who may sign in to a tenant. Dates are RFC 3339; `None` is what the source does not say.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// OneTrust's id.
    pub id: String,
    /// The address they sign in with.
    pub email: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// The id of the identity provider.
    pub external_id: Option<String>,
    /// Whether they may sign in.
    pub active: Option<bool>,
    /// Whether they belong to the company.
    pub internal: Option<bool>,
    /// Roles with their organisations; `None` where the source knows none at all (SCIM).
    pub roles: Option<Vec<Role>>,
    /// Groups that the user's own record names, by id (SCIM only).
    pub groups: Vec<String>,
    /// The organisation they belong to.
    pub organization: Option<String>,
    /// Its id.
    pub organization_id: Option<String>,
    /// What they do (SCIM only).
    pub title: Option<String>,
    /// Where they do it (SCIM only).
    pub department: Option<String>,
    /// When they were made.
    pub created: Option<String>,
    /// When they were changed last.
    pub modified: Option<String>,
    /// When they signed in last (Access Management only).
    pub last_login: Option<String>,
    /// When they were disabled.
    pub disabled_at: Option<String>,
    /// By whom.
    pub disabled_by: Option<String>,
    /// When their access ends.
    pub expires_at: Option<String>,
}

impl User {
    /// Reads a user of Access Management; `None` without an id.
    pub fn of_access(value: &Value) -> Option<User> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        let name = own(&["fullName"]).or_else(|| joined(own(&["firstName"]), own(&["lastName"])));
        let mut roles: Vec<Role> = items(value, &["accessLevels"]).iter().filter_map(Role::read).collect();
        // The list is a set, in any order: sorted, the same set reads the same.
        roles.sort();
        roles.dedup();
        Some(User {
            id: own(&["userId", "id"])?,
            email: own(&["email"]),
            name,
            external_id: own(&["externalId"]),
            active: flag(value, &["active"]),
            internal: flag(value, &["internal"]),
            roles: Some(roles),
            groups: Vec::new(),
            organization: own(&["defaultOrganizationName"]),
            organization_id: own(&["defaultOrganizationId"]),
            title: None,
            department: None,
            created: dates::of(value, &["createdDate"]),
            modified: dates::of(value, &["lastModifiedDate"]),
            last_login: dates::of(value, &["lastLoginDate"]),
            disabled_at: dates::of(value, &["disabledDateTime"]),
            disabled_by: own(&["disabledBy"]),
            expires_at: dates::of(value, &["expirationDateTime"]),
        })
    }

    /// Reads a user of SCIM, version 2 or 3; `None` without an id. Its `roles` are empty by design of the
    /// service and mean nothing.
    pub fn of_scim(value: &Value) -> Option<User> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        let part = |inner: &str, names: &[&str]| text(value.get(inner)?, names).map(str::to_owned);
        let emails = items(value, &["emails"]);
        let primary = emails.iter().find(|email| flag(email, &["primary"]) == Some(true)).or(emails.first());
        let email = primary.and_then(|email| text(email, &["value"])).map(str::to_owned);
        let kind = own(&["userType"]).map(|kind| kind.eq_ignore_ascii_case("internal"));
        let mut groups: Vec<String> = items(value, &["groups"])
            .iter()
            .filter_map(|group| text(group, &["value"]).map(str::to_owned))
            .collect();
        groups.sort();
        groups.dedup();
        Some(User {
            id: own(&["id"])?,
            email: email.or_else(|| own(&["userName"])),
            name: joined(part("name", &["givenName"]), part("name", &["familyName"])),
            external_id: own(&["externalId"]),
            active: flag(value, &["active"]),
            internal: kind,
            roles: None,
            groups,
            organization: part(ENTERPRISE, &["organization"]),
            organization_id: None,
            title: own(&["title"]),
            department: part(ENTERPRISE, &["department"]),
            created: value.get("meta").and_then(|meta| dates::of(meta, &["created"])),
            modified: value.get("meta").and_then(|meta| dates::of(meta, &["lastModified"])),
            last_login: None,
            disabled_at: None,
            disabled_by: None,
            expires_at: None,
        })
    }

    /// Whether they may sign in at a moment: active, and their access has not ended. What is not known is
    /// not taken for a yes.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.active == Some(true) && !self.is_expired(now)
    }

    /// Whether their access has ended at a moment.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.as_deref().and_then(moment).is_some_and(|end| end <= now)
    }

    /// Whether this is no person but stands for an API credential, as far as its address tells.
    pub fn is_of_the_api(&self) -> bool {
        self.email.as_ref().is_some_and(|email| email.to_ascii_lowercase().ends_with(API_DOMAIN))
    }
}

impl Role {
    /// Reads one access level; `None` without the name of a role.
    pub(super) fn read(value: &Value) -> Option<Role> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        Some(Role {
            role: own(&["roleName"])?,
            role_id: own(&["roleId"]),
            organization: own(&["organizationName"]),
            organization_id: own(&["organizationId"]),
        })
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("active", &self.active)
            .field("roles", &self.roles.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

fn joined(first: Option<String>, last: Option<String>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (first, last) => first.or(last),
    }
}
