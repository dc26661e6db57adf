//! What a credential may learn of a tenant's staff, asked one endpoint at a time.
//!
//! A ready token does not say what it may do, and a tenant need not have both versions of SCIM, so every
//! endpoint is asked itself, for a page so far behind the last that it names nobody.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::{Deserialize, Serialize};

use super::ask::{self, Version};
use crate::onetrust::{Api, ApiError, Request, Shape};
use crate::wire::Answer;

/// A page that no list has.
const BEHIND: u64 = 1_000_000;
/// A place that no list of SCIM has.
const BEHIND_SCIM: u64 = 900_000_001;
/// An id that nothing has.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Something that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Users with roles and last sign-in.
    Users,
    /// User groups with members and roles.
    UserGroups,
    /// The tree of organisations.
    Organizations,
    /// Who signed in when.
    SignIns,
    /// What was changed of users' profiles.
    Activities,
    /// Users of SCIM, version 3.
    ScimUsersV3,
    /// Groups of SCIM, version 3.
    ScimGroupsV3,
    /// Users of SCIM, version 2.
    ScimUsersV2,
    /// Groups of SCIM, version 2.
    ScimGroupsV2,
}

impl Capability {
    /// All, in the order in which people are told.
    pub const ALL: [Capability; 9] = [
        Capability::Users,
        Capability::UserGroups,
        Capability::Organizations,
        Capability::SignIns,
        Capability::Activities,
        Capability::ScimUsersV3,
        Capability::ScimGroupsV3,
        Capability::ScimUsersV2,
        Capability::ScimGroupsV2,
    ];

    /// For people.
    pub fn what(self) -> &'static str {
        match self {
            Capability::Users => "users with roles and last sign-in",
            Capability::UserGroups => "user groups with members and roles",
            Capability::Organizations => "organisations",
            Capability::SignIns => "sign-in history",
            Capability::Activities => "changes of users' profiles",
            Capability::ScimUsersV3 => "users by SCIM version 3",
            Capability::ScimGroupsV3 => "user groups by SCIM version 3",
            Capability::ScimUsersV2 => "users by SCIM version 2",
            Capability::ScimGroupsV2 => "roles in organisations by SCIM version 2",
        }
    }

    /// One of these scopes is enough.
    pub fn scopes(self) -> &'static [&'static str] {
        match self {
            Capability::Users | Capability::UserGroups | Capability::SignIns | Capability::Activities => {
                &["USER"]
            }
            Capability::Organizations => &["ORGANIZATION"],
            Capability::ScimUsersV3 | Capability::ScimUsersV2 => &["SCIM", "INTEGRATION", "USER"],
            Capability::ScimGroupsV3 | Capability::ScimGroupsV2 => &["SCIM", "INTEGRATION"],
        }
    }

    fn request(self, now: Timestamp) -> Request {
        match self {
            Capability::Users => ask::users(BEHIND, 1),
            Capability::UserGroups => ask::groups(BEHIND, 1),
            Capability::Organizations => ask::organizations(),
            Capability::SignIns => ask::sign_ins(now, now, BEHIND, 1),
            Capability::Activities => ask::activities(NOBODY, 0, 1),
            Capability::ScimUsersV3 => ask::scim_users(Version::Three, BEHIND_SCIM, None),
            Capability::ScimGroupsV3 => ask::scim_groups(Version::Three, BEHIND_SCIM),
            Capability::ScimUsersV2 => ask::scim_users(Version::Two, BEHIND_SCIM, None),
            Capability::ScimGroupsV2 => ask::scim_groups(Version::Two, BEHIND_SCIM),
        }
    }
}

/// Whether something may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It may.
    Allowed,
    /// The credential lacks the scope.
    Forbidden,
    /// The tenant does not have it.
    Absent,
}

/// What a credential may learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    held: Vec<(Capability, Held)>,
    /// What time it is by the service's clock.
    pub date: Option<Timestamp>,
}

impl Standing {
    /// Whether something may be asked.
    pub fn of(&self, capability: Capability) -> Held {
        let found = self.held.iter().find(|(known, _)| *known == capability);
        found.map_or(Held::Absent, |(_, held)| *held)
    }

    /// Whether it may.
    pub fn allows(&self, capability: Capability) -> bool {
        self.of(capability) == Held::Allowed
    }

    /// Everything that was asked.
    pub fn all(&self) -> &[(Capability, Held)] {
        &self.held
    }

    /// Whether users can be read in any way.
    pub fn tells_users(&self) -> bool {
        let ways = [Capability::Users, Capability::ScimUsersV3, Capability::ScimUsersV2];
        ways.into_iter().any(|way| self.allows(way))
    }
}

/// Asks for everything once. An error says that the credential, or what answers, is wrong as a whole.
pub async fn standing(api: &Api, now: Timestamp) -> Result<Standing, ApiError> {
    let mut standing = Standing { held: Vec::new(), date: None };
    for capability in Capability::ALL {
        let request = capability.request(now);
        let answer = api.exchange(&request).await?;
        let date = answer.header("date").and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        standing.date = date.or(standing.date);
        standing.held.push((capability, held(capability, &answer)?));
    }
    Ok(standing)
}

fn held(capability: Capability, answer: &Answer) -> Result<Held, ApiError> {
    let shape = Shape::of(answer.header("content-type"), &answer.body);
    match (answer.status, shape) {
        (401, _) => Err(ApiError::Unauthorised),
        (500..=599 | 408, _) => {
            let endpoint = format!("GET ({})", capability.what());
            Err(ApiError::Failed { endpoint, status: answer.status })
        }
        (403, shape) if shape != Shape::Page => Ok(Held::Forbidden),
        // Nobody has the id that was asked for, and that is said in JSON.
        (404, Shape::Json | Shape::Plain) if capability == Capability::Activities => Ok(Held::Allowed),
        (404 | 405, _) | (_, Shape::Page) | (300..=399, _) => Ok(Held::Absent),
        // What is asked is behind the end of a list, which some tenants may refuse; the scope was enough.
        _ => Ok(Held::Allowed),
    }
}
