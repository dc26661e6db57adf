//! One group of users.
//!
//! Sources: OneTrust's OpenAPI, Access Management (`getAllUserGroupWithFiltersV2`,
//! `getMembersFromAUserGroupByIdV2`, `getAccessLevelsForUserGroupByIdV2`) and User Provisioning
//! (`listGroupsUsingGET`, `getGroups`). A group of the older SCIM is no group of people: it stands for one
//! role in one organisation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Role;
use crate::onetrust::json::{items, text};

/// What a group stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// People whom an administrator put together.
    #[default]
    UserGroup,
    /// Everybody who has one role in one organisation (SCIM, version 2).
    RoleInOrganization,
}

/// A group with whoever is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// OneTrust's id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it stands for.
    pub kind: GroupKind,
    /// What it is for.
    pub description: Option<String>,
    /// Ids of users.
    pub members: Vec<String>,
    /// What its members may do; `None` where the source does not say (SCIM).
    pub roles: Option<Vec<Role>>,
}

impl Group {
    /// Reads a group of Access Management, without members and roles; `None` without id or name.
    pub fn of_access(value: &Value) -> Option<Group> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        Some(Group {
            id: own(&["id", "groupId"])?,
            name: own(&["name"])?,
            kind: GroupKind::UserGroup,
            description: own(&["description"]),
            members: Vec::new(),
            roles: None,
        })
    }

    /// Reads a group of SCIM with the members it names; `None` without id or name.
    pub fn of_scim(value: &Value, kind: GroupKind) -> Option<Group> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        let more = value.get("urn:ietf:params:scim:schemas:onetrust:Group");
        Some(Group {
            id: own(&["id"])?,
            name: own(&["displayName"])?,
            kind,
            description: more.and_then(|more| text(more, &["description"])).map(str::to_owned),
            members: Group::members(items(value, &["members"])),
            roles: None,
        })
    }

    /// The ids of members, from either family's list of them, each once and sorted.
    pub fn members(list: &[Value]) -> Vec<String> {
        let ids = list.iter().filter_map(|member| text(member, &["memberId", "value", "userId"]));
        let mut ids: Vec<String> = ids.map(str::to_owned).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The roles that a list of access levels names, each once and sorted.
    pub fn roles(list: &[Value]) -> Vec<Role> {
        let mut roles: Vec<Role> = list.iter().filter_map(Role::read).collect();
        roles.sort();
        roles.dedup();
        roles
    }
}
