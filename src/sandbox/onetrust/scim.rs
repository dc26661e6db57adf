//! Users and groups as identity providers see them (OneTrust's OpenAPI, User Provisioning).
//!
//! Two versions stand side by side. The older one has a group for every role in every organisation, the newer
//! one has the user groups. Neither tells roles, and no page has more than 25 resources whatever is asked.

use serde_json::{Value, json};

use super::asked::Asked;
use super::moment;
use super::reply::{Answer, Refusal, Reply};
use super::route::Route;
use super::shared::Shared;
use super::world::{Staff, User};

/// Resources a page has at most; of the users of the older version the documents do not say it.
const MOST: usize = 25;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:onetrust:Group";

/// The older or the newer one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Two,
    Three,
}

fn version(asked: &Asked<'_>) -> Version {
    match asked.route {
        Route::ScimUsersV2 | Route::ScimUserV2 | Route::ScimGroupsV2 | Route::ScimGroupV2 => Version::Two,
        _ => Version::Three,
    }
}

/// `GET /api/scim/v2/Users` and `v3`.
pub(super) fn users(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let (staff, version) = (&world.staff, version(asked));
    let Some(filter) = asked.query("filter") else {
        return Ok(page(asked, staff.users.iter(), |user| user_of(staff, user, version)));
    };
    let filter = Filter::read(filter)?;
    let chosen = staff.users.iter().filter(|user| filter.takes(|name| attribute(user, name)));
    Ok(page(asked, chosen, |user| user_of(staff, user, version)))
}

/// `GET /api/scim/v2/Users/{id}` and `v3`.
pub(super) fn user(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let world = shared.world();
    let user = world.staff.users.iter().find(|user| user.id == id);
    let user = user.ok_or_else(|| Refusal::unknown("The user"))?;
    Ok(Reply::json(200, &user_of(&world.staff, user, version(asked))))
}

/// `GET /api/scim/v2/Groups` and `v3`.
pub(super) fn groups(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let all = groups_of(&world.staff, version(asked));
    let with_members = asked.query("excludedAttributes") != Some("members");
    let filter = asked.query("filter").map(Filter::read).transpose()?;
    let chosen = all.iter().filter(|group| {
        let takes =
            |filter: &Filter| filter.takes(|name| (name == "displayname").then(|| group.name.clone()));
        filter.as_ref().is_none_or(takes)
    });
    Ok(page(asked, chosen, |group| group.shown(&world.staff, with_members)))
}

/// `GET /api/scim/v2/Groups/{groupId}` and `v3`.
pub(super) fn group(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let world = shared.world();
    let all = groups_of(&world.staff, version(asked));
    let group = all.iter().find(|group| group.id == id).ok_or_else(|| Refusal::unknown("The group"))?;
    let with_members = asked.query("excludedAttributes") != Some("members");
    Ok(Reply::json(200, &group.shown(&world.staff, with_members)))
}

/// A page from `startIndex`, which counts from 1.
fn page<'i, T: 'i>(
    asked: &Asked<'_>,
    items: impl Iterator<Item = &'i T> + Clone,
    show: impl Fn(&'i T) -> Value,
) -> Reply {
    let number = |name, default| asked.query(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (start, count): (usize, usize) = (number("startIndex", 1), number("count", MOST));
    let total = items.clone().count();
    let resources: Vec<Value> = items.skip(start.saturating_sub(1)).take(count.min(MOST)).map(show).collect();
    Reply::json(
        200,
        &json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        }),
    )
}

fn user_of(staff: &Staff, user: &User, version: Version) -> Value {
    let groups: Value = match version {
        Version::Two => {
            let pairs = user.roles.iter().map(|(role, organization)| pair(staff, *role, *organization));
            pairs.map(|(id, name)| json!({ "value": id, "display": name })).collect()
        }
        Version::Three => {
            let of_user = staff.groups.iter().filter(|group| group.members.contains(&user.id));
            of_user.map(|group| json!({ "value": group.id, "display": group.name })).collect()
        }
    };
    // The newer one says `null` whatever the organisation is (OneTrust's OpenAPI, getUsers).
    let home = staff.organizations.first().filter(|_| version == Version::Two);
    let place = json!({ "department": user.department, "organization": home.map(|home| &home.name) });
    let number = if version == Version::Two { 2 } else { 3 };
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": user.id,
        "meta": {
            "resourceType": "User",
            "created": moment::shown(user.created_ms),
            "lastModified": moment::shown(user.modified_ms),
            "location": format!("https://app.onetrust.com/api/scim/v{number}/Users/{}", user.id),
        },
        "userName": user.email,
        "name": { "givenName": user.first_name, "familyName": user.last_name },
        "userType": if user.is_internal { "Internal" } else { "External" },
        "active": user.is_active,
        "emails": [{ "value": user.email, "display": user.email, "primary": true, "type": "work" }],
        "groups": groups,
        "roles": [],
        "title": "Specialist",
        ENTERPRISE: place,
    })
}

/// What can be asked of a user.
fn attribute(user: &User, name: &str) -> Option<String> {
    match name {
        "id" => Some(user.id.clone()),
        "email" | "emails" => Some(user.email.clone()),
        "givenname" => Some(user.first_name.clone()),
        "familyname" => Some(user.last_name.clone()),
        "usertype" => Some(if user.is_internal { "Internal" } else { "External" }.to_owned()),
        "active" => Some(user.is_active.to_string()),
        _ => None,
    }
}

/// A group, whatever it stands for.
struct Group {
    id: String,
    name: String,
    category: &'static str,
    description: String,
    members: Vec<String>,
}

impl Group {
    fn shown(&self, staff: &Staff, with_members: bool) -> Value {
        let mut shown = json!({
            "id": self.id,
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", GROUP],
            "meta": { "resourceType": "Group", "created": moment::shown(0), "lastModified": moment::shown(0) },
            "displayName": self.name,
            GROUP: { "category": self.category, "description": self.description },
        });
        if with_members {
            let known: std::collections::HashSet<&str> =
                staff.users.iter().map(|user| user.id.as_str()).collect();
            let members = self.members.iter().filter(|id| known.contains(id.as_str()));
            shown["members"] = members.map(|id| json!({ "value": id, "type": "User" })).collect();
        }
        shown
    }
}

fn groups_of(staff: &Staff, version: Version) -> Vec<Group> {
    if version == Version::Three {
        let group = |group: &super::world::UserGroup| Group {
            id: group.id.clone(),
            name: group.name.clone(),
            category: "USER_GROUP",
            description: group.description.clone(),
            members: group.members.iter().cloned().collect(),
        };
        return staff.groups.iter().map(group).collect();
    }
    let mut groups = Vec::new();
    for role in 0..staff.roles.len() {
        for organization in 0..staff.organizations.len() {
            let (id, name) = pair(staff, role, organization);
            let has = |user: &&User| user.roles.contains(&(role, organization));
            let members = staff.users.iter().filter(has).map(|user| user.id.clone()).collect();
            let description = "A role in an organization".to_owned();
            groups.push(Group { id, name, category: "ROLE", description, members });
        }
    }
    groups
}

/// The group of the older version for a role in an organisation. How it is called is not documented.
fn pair(staff: &Staff, role: usize, organization: usize) -> (String, String) {
    let (role, organization) = (staff.roles.get(role), staff.organizations.get(organization));
    let (Some(role), Some(organization)) = (role, organization) else { return Default::default() };
    let bytes = format!("{} {}", role.id, organization.id);
    let id = uuid::Builder::from_random_bytes(digest(&bytes)).into_uuid().to_string();
    (id, format!("{} - {}", role.name, organization.name))
}

fn digest(text: &str) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::digest(text).into();
    *digest.first_chunk().unwrap_or(&[0; 16])
}

/// `attribute operator "value"` (RFC 7644, section 3.4.2.2; OneTrust knows one comparison at a time).
struct Filter {
    name: String,
    operator: String,
    value: String,
}

impl Filter {
    fn read(text: &str) -> Result<Filter, Refusal> {
        let wrong = || Refusal::bad("the filter must be: attribute operator \"value\"");
        let mut parts = text.trim().splitn(3, ' ');
        let (Some(name), Some(operator), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let operator = operator.to_ascii_lowercase();
        if !["eq", "co", "sw", "gt", "ge", "lt", "le"].contains(&operator.as_str()) {
            return Err(wrong());
        }
        let value = value.trim().trim_matches('"').to_lowercase();
        Ok(Filter { name: name.to_ascii_lowercase(), operator, value })
    }

    fn takes(&self, attribute: impl Fn(&str) -> Option<String>) -> bool {
        let Some(is) = attribute(&self.name).map(|text| text.to_lowercase()) else { return false };
        match self.operator.as_str() {
            "eq" => is == self.value,
            "co" => is.contains(&self.value),
            "sw" => is.starts_with(&self.value),
            "gt" => is > self.value,
            "ge" => is >= self.value,
            "lt" => is < self.value,
            _ => is <= self.value,
        }
    }
}
