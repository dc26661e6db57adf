//! Users, user groups and organisations of the tenant (OneTrust's OpenAPI, getAllUserDetailsV2, getUserV2,
//! getAllUserGroupWithFiltersV2, getMembersFromAUserGroupByIdV2, getAccessLevelsForUserGroupByIdV2 and
//! organizationTreeStructureUsingGET).

use serde_json::{Value, json};

use super::asked::Asked;
use super::moment;
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::{Organization, Staff, User, UserGroup};

/// `GET /api/access/v2/users`.
pub(super) fn users(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let staff = &world.staff;
    let mut users: Vec<&User> = staff.users.iter().collect();
    let (property, is_down) = asked.sort().unwrap_or(("name", false));
    users.sort_by_cached_key(|user| match property {
        "email" => user.email.clone(),
        // Everybody is at home in the one at the top.
        "organizationname" => String::new(),
        _ => format!("{} {}", user.first_name, user.last_name),
    });
    if is_down {
        users.reverse();
    }
    let page = Page::cut(&users, asked.page(), |user| shown(staff, user));
    Ok(Reply::json(200, &page.counted()))
}

/// `GET /api/access/v2/users/{userId}`.
pub(super) fn user(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let world = shared.world();
    let user = world.staff.users.iter().find(|user| user.id == id);
    let user = user.ok_or_else(|| Refusal::unknown("The user"))?;
    Ok(Reply::json(200, &shown(&world.staff, user)))
}

fn shown(staff: &Staff, user: &User) -> Value {
    let levels = user.roles.iter().map(|(role, organization)| level(staff, *role, *organization));
    let home = staff.organizations.first();
    let mut shown = json!({
        "userId": user.id,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "fullName": format!("{} {}", user.first_name, user.last_name),
        "email": user.email,
        "accessLevels": levels.collect::<Value>(),
        "emailConfirmed": true,
        "active": user.is_active,
        "internal": user.is_internal,
        "createdDate": moment::shown(user.created_ms),
        "lastModifiedDate": moment::shown(user.modified_ms),
        "defaultOrganizationName": home.map(|home| &home.name),
        "defaultOrganizationId": home.map(|home| &home.id),
    });
    let last_login = user.sign_ins.iter().rev().find(|(_, success)| *success).map(|(at_ms, _)| *at_ms);
    let dates = [
        ("lastLoginDate", last_login),
        ("disabledDateTime", user.disabled_ms),
        ("expirationDateTime", user.expires_ms),
    ];
    for (name, at_ms) in dates {
        if let Some(at_ms) = at_ms {
            shown[name] = json!(moment::shown(at_ms));
        }
    }
    if let Some(by) = &user.disabled_by {
        shown["disabledBy"] = json!(by);
    }
    shown
}

fn level(staff: &Staff, role: usize, organization: usize) -> Value {
    let (role, organization) = (staff.roles.get(role), staff.organizations.get(organization));
    json!({
        "organizationId": organization.map(|organization| &organization.id),
        "organizationName": organization.map(|organization| &organization.name),
        "roleId": role.map(|role| &role.id),
        "roleName": role.map(|role| &role.name),
    })
}

/// `GET /api/access/v2/user-groups`.
pub(super) fn groups(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let mut groups: Vec<&UserGroup> = match asked.query("filters") {
        Some(filter) => world.staff.groups.iter().filter(|group| matches(filter, &group.name)).collect(),
        None => world.staff.groups.iter().collect(),
    };
    let (property, is_down) = asked.sort().unwrap_or(("name", false));
    groups.sort_by_cached_key(|group| match property {
        "description" => group.description.clone(),
        "createdDate" | "lastModifiedDate" => String::new(),
        _ => group.name.clone(),
    });
    if is_down {
        groups.reverse();
    }
    let by = world.staff.users.first().map(|user| user.id.clone());
    let page = Page::cut(&groups, asked.page(), |group| {
        json!({ "id": group.id, "name": group.name, "description": group.description,
                "createdBy": by, "createdDate": moment::shown(0),
                "lastModifiedBy": by, "lastModifiedDate": moment::shown(0) })
    });
    Ok(Reply::json(200, &page.counted()))
}

/// `name==Legal`, `name=sw=Leg%`, `name=ew=%gal`, `name=~=%ega%`; of anything else nothing is found.
fn matches(filter: &str, name: &str) -> bool {
    let (filter, name) = (filter.trim().to_lowercase(), name.to_lowercase());
    let after = |operator: &str| filter.strip_prefix(operator).map(|text| text.trim_matches('%').to_owned());
    match (after("name=="), after("name=sw="), after("name=ew="), after("name=~=")) {
        (Some(text), ..) => name == text,
        (_, Some(text), ..) => name.starts_with(&text),
        (_, _, Some(text), _) => name.ends_with(&text),
        (_, _, _, Some(text)) => name.contains(&text),
        _ => false,
    }
}

fn found<'s>(staff: &'s Staff, asked: &Asked<'_>) -> Result<&'s UserGroup, Refusal> {
    let id = asked.uuid(0)?;
    staff.groups.iter().find(|group| group.id == id).ok_or_else(|| Refusal::unknown("The user group"))
}

/// `GET /api/access/v2/user-groups/{groupId}/members`.
pub(super) fn members(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let group = found(&world.staff, asked)?;
    let members: Vec<&User> =
        world.staff.users.iter().filter(|user| group.members.contains(&user.id)).collect();
    let page = Page::cut(&members, asked.page(), |user| {
        json!({ "fullName": format!("{} {}", user.first_name, user.last_name), "email": user.email,
                "memberId": user.id, "enabled": user.is_active, "internal": user.is_internal,
                "createdBy": user.id, "createdDate": moment::shown(user.created_ms) })
    });
    Ok(Reply::json(200, &page.counted()))
}

/// `GET /api/access/v2/user-groups/{groupId}/access-levels`.
pub(super) fn group_roles(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let group = found(&world.staff, asked)?;
    let levels = group.role.map(|role| level(&world.staff, role, 0));
    Ok(Reply::json(200, &levels.into_iter().collect::<Value>()))
}

/// `GET /api/access/v1/external/organizations`: a tree from the top.
pub(super) fn organizations(shared: &Shared) -> Answer {
    let world = shared.world();
    Ok(Reply::json(200, &tree(&world.organization, None)))
}

fn tree(organization: &Organization, parent: Option<&Organization>) -> Value {
    let below = organization.children.iter().map(|child| tree(child, Some(organization)));
    let mut shown = json!({
        "organizationId": organization.id,
        "externalId": organization.external_id,
        "name": organization.name,
        "defaultLanguageCode": "en",
        "children": below.collect::<Value>(),
    });
    if let Some(parent) = parent {
        shown["parentOrganizationId"] = json!(parent.id);
        shown["parentExternalId"] = json!(parent.external_id);
    }
    shown
}
