//! The requests that the directory makes, and nothing else: paths, pages, how dates are written.
//!
//! Sources: OneTrust's OpenAPI, Access Management (`getAllUserDetailsV2`, `getUserV2`,
//! `getAllUserGroupWithFiltersV2`, `getMembersFromAUserGroupByIdV2`, `getAccessLevelsForUserGroupByIdV2`,
//! `organizationTreeStructureUsingGET`, `loginHistory`, `userActivity`) and User Provisioning
//! (`getAllUsersUsingGET`, `getUserUsingGET`, `listGroupsUsingGET`, `getGroupResourceUsingGET`, `getUsers`,
//! `getUserById`, `getGroups`, `getGroupById`).

use jiff::Timestamp;

use crate::onetrust::Request;

pub(super) const USERS: &str = "/api/access/v2/users";
const USER: &str = "/api/access/v2/users/{userId}";
pub(super) const GROUPS: &str = "/api/access/v2/user-groups";
pub(super) const MEMBERS: &str = "/api/access/v2/user-groups/{groupId}/members";
const GROUP_ROLES: &str = "/api/access/v2/user-groups/{groupId}/access-levels";
const ORGANIZATIONS: &str = "/api/access/v1/external/organizations";
pub(super) const SIGN_INS: &str = "/api/access/v1/login-history";
pub(super) const ACTIVITIES: &str = "/api/audit/v1/users/{userId}/activities";

/// Items a page of Access Management has at most.
pub(super) const MOST: usize = 2000;
/// Resources a page of SCIM has at most; of the users of version 2 it is the default.
const MOST_SCIM: usize = 25;

/// A version of SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// "Legacy": a group is a role in an organisation.
    Two,
    /// "Enhanced": groups are user groups.
    Three,
}

impl Version {
    pub fn users(self) -> &'static str {
        match self {
            Version::Two => "/api/scim/v2/Users",
            Version::Three => "/api/scim/v3/Users",
        }
    }

    pub fn groups(self) -> &'static str {
        match self {
            Version::Two => "/api/scim/v2/Groups",
            Version::Three => "/api/scim/v3/Groups",
        }
    }
}

/// A page of a list that counts pages from 0.
fn paged(request: Request, page: u64, size: usize) -> Request {
    request.query("page", page.to_string()).query("size", size.to_string())
}

/// Users; by address, so that a page stays the same while nobody comes or goes.
pub(super) fn users(page: u64, size: usize) -> Request {
    paged(Request::get(USERS), page, size).query("sort", "email,asc".to_owned())
}

/// One user.
pub(super) fn user(id: &str) -> Request {
    Request::get(USER).value("userId", id)
}

/// User groups.
pub(super) fn groups(page: u64, size: usize) -> Request {
    paged(Request::get(GROUPS), page, size).query("sort", "name,asc".to_owned())
}

/// Who is in a user group.
pub(super) fn members(group: &str, page: u64) -> Request {
    paged(Request::get(MEMBERS).value("groupId", group), page, MOST).query("sort", "name,asc".to_owned())
}

/// What the members of a user group may do.
pub(super) fn group_roles(group: &str) -> Request {
    Request::get(GROUP_ROLES).value("groupId", group)
}

/// All organisations.
pub(super) fn organizations() -> Request {
    Request::get(ORGANIZATIONS)
}

/// Sign-ins of everybody from a moment to another, in whole seconds.
pub(super) fn sign_ins(from: Timestamp, until: Timestamp, page: u64, size: usize) -> Request {
    let written = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    paged(Request::get(SIGN_INS), page, size)
        .query("startDate", written(from))
        .query("endDate", written(until))
}

/// Sign-ins of one user: without dates those of the last 365 days, which is all there is.
pub(super) fn sign_ins_of(user: &str, page: u64) -> Request {
    paged(Request::get(SIGN_INS), page, MOST).query("userId", user.to_owned())
}

/// What was changed of a user's profile; the page is the newest changes first as far as is known.
pub(super) fn activities(user: &str, page: u64, size: usize) -> Request {
    paged(Request::get(ACTIVITIES).value("userId", user), page, size)
}

/// Users of SCIM from a place that counts from 1. Only version 3 documents a filter.
pub(super) fn scim_users(version: Version, start: u64, filter: Option<&str>) -> Request {
    let filter = filter.filter(|_| version == Version::Three).map(str::to_owned);
    Request::get(version.users())
        .query("startIndex", start.to_string())
        .query("count", MOST_SCIM.to_string())
        .query("filter", filter)
}

/// One user of SCIM.
pub(super) fn scim_user(version: Version, id: &str) -> Request {
    let path = match version {
        Version::Two => "/api/scim/v2/Users/{id}",
        Version::Three => "/api/scim/v3/Users/{id}",
    };
    Request::get(path).value("id", id)
}

/// Groups of SCIM, without their members where that can be said.
pub(super) fn scim_groups(version: Version, start: u64) -> Request {
    let excluded = (version == Version::Three).then(|| "members".to_owned());
    Request::get(version.groups())
        .query("startIndex", start.to_string())
        .query("count", MOST_SCIM.to_string())
        .query("excludedAttributes", excluded)
}

/// One group of SCIM with its members.
pub(super) fn scim_group(version: Version, id: &str) -> Request {
    let path = match version {
        Version::Two => "/api/scim/v2/Groups/{groupId}",
        Version::Three => "/api/scim/v3/Groups/{groupId}",
    };
    Request::get(path).value("groupId", id)
}
