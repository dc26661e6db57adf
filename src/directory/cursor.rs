//! How far a sync came, and what it came to: the words that stand in the store.
//!
//! A cursor names pages and counts and nobody. One that a later release cannot read begins anew.

use serde::{Deserialize, Serialize};

use super::capability::{Capability, Held, Standing};
use crate::config::UserSource;

/// Where users are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Users {
    /// Access Management: with roles and last sign-in.
    Access,
    /// SCIM, version 3: without either; groups are user groups.
    ScimV3,
    /// SCIM, version 2: without either; a group is a role in an organisation.
    ScimV2,
}

impl Users {
    /// Where the most is told of what a credential may use, or where the settings say.
    pub(super) fn choose(wanted: UserSource, standing: &Standing) -> Option<Users> {
        let all = [
            (UserSource::Access, Capability::Users, Users::Access),
            (UserSource::ScimV3, Capability::ScimUsersV3, Users::ScimV3),
            (UserSource::ScimV2, Capability::ScimUsersV2, Users::ScimV2),
        ];
        let mut ways = all.into_iter().filter(|(source, capability, _)| {
            (wanted == UserSource::Auto || wanted == *source) && standing.allows(*capability)
        });
        ways.next().map(|(_, _, users)| users)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Users::Access => "Access Management",
            Users::ScimV3 => "SCIM version 3",
            Users::ScimV2 => "SCIM version 2",
        }
    }

    /// Where groups are read beside it.
    pub(super) fn groups(self) -> Capability {
        match self {
            Users::Access => Capability::UserGroups,
            Users::ScimV3 => Capability::ScimGroupsV3,
            Users::ScimV2 => Capability::ScimGroupsV2,
        }
    }
}

/// What a sync is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Read users from a page (or a place, in SCIM) on. More than one pass, when somebody slipped through.
    Users { at: u64, pass: u8 },
    /// Look up each user who was not met.
    Unseen,
    /// Read groups from a page or a place on.
    Groups { at: u64 },
    /// Look up each group that was not met.
    UnseenGroups,
    /// Read organisations.
    Organizations,
    /// Read sign-ins after a moment, up to and with another, in Unix milliseconds.
    SignIns { from_ms: i64, until_ms: i64, page: u64 },
    /// Read what was changed of users' profiles, from one of them on.
    Activities { done: u64 },
}

/// How far a sync came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub users: Users,
    pub phase: Phase,
    /// What the credential may ask besides users.
    pub allowed: Vec<Capability>,
    /// By the service's clock when it began, in Unix milliseconds.
    pub now_ms: i64,
    pub counts: Counts,
    pub gaps: Vec<Gap>,
}

impl Cursor {
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn read(text: &str) -> Option<Cursor> {
        serde_json::from_str(text).ok()
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Users who were met.
    pub users: u64,
    /// Of these, who were not known.
    pub new: u64,
    /// Of these, who were not the same as before.
    pub changed: u64,
    /// Who are no longer there.
    pub gone: u64,
    /// Rows of lists that have no id and cannot be told apart.
    pub unreadable: u64,
    /// Groups.
    pub groups: u64,
    /// Organisations.
    pub organizations: u64,
    /// Sign-ins and attempts.
    pub sign_ins: u64,
    /// Users whose changes were read.
    pub activities: u64,
}

/// Something that a sync could not learn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What.
    pub what: String,
    /// Why.
    pub why: Held,
    /// One of these scopes would tell.
    pub any_of: Vec<String>,
}

impl Gap {
    pub(super) fn of(capability: Capability, why: Held) -> Gap {
        let any_of = capability.scopes().iter().map(|scope| (*scope).to_owned()).collect();
        Gap { what: capability.what().to_owned(), why, any_of }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self.why {
            Held::Absent => format!("{}: the tenant does not have them", self.what),
            Held::Forbidden | Held::Allowed => {
                format!("{}: the credential needs the scope {}", self.what, self.any_of.join(" or "))
            }
        }
    }
}

/// What the last sync that ended came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// By which profile it read.
    pub profile: String,
    /// Where users were read.
    pub users: Users,
    /// What was read.
    pub counts: Counts,
    /// What could not be learned.
    pub gaps: Vec<Gap>,
    /// Up to when sign-ins were read, in Unix milliseconds; `None`: they are not told.
    pub sign_ins_until_ms: Option<i64>,
}
