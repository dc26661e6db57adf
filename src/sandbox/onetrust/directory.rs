//! Users and organisations of the tenant (OneTrust's OpenAPI, getAllUserDetailsV2, getUserV2 and
//! organizationTreeStructureUsingGET).

use serde_json::{Value, json};

use super::asked::Asked;
use super::moment;
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::{Organization, User, World};

/// `GET /api/access/v2/users`.
pub(super) fn users(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let mut users: Vec<&User> = world.users.iter().collect();
    let (property, is_down) = asked.sort().unwrap_or(("name", false));
    users.sort_by_key(|user| match property {
        "email" => user.email.clone(),
        // All are of one organisation.
        "organizationname" => String::new(),
        _ => format!("{} {}", user.first_name, user.last_name),
    });
    if is_down {
        users.reverse();
    }
    let page = Page::cut(&users, asked.page(), |user| shown(&world, user));
    Ok(Reply::json(200, &page.counted()))
}

/// `GET /api/access/v2/users/{userId}`.
pub(super) fn user(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let world = shared.world();
    let user = world.users.iter().find(|user| user.id == id).ok_or_else(|| Refusal::unknown("The user"))?;
    Ok(Reply::json(200, &shown(&world, user)))
}

fn shown(world: &World, user: &User) -> Value {
    let organization = &world.organization;
    json!({
        "userId": user.id,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "fullName": format!("{} {}", user.first_name, user.last_name),
        "email": user.email,
        "accessLevels": [{
            "organizationId": organization.id,
            "organizationName": organization.name,
            "roleId": user.role_id,
            "roleName": user.role,
        }],
        "emailConfirmed": true,
        "active": user.is_active,
        "internal": true,
        "createdDate": moment::shown(user.created_ms),
        "lastModifiedDate": moment::shown(user.created_ms),
        "defaultOrganizationName": organization.name,
        "defaultOrganizationId": organization.id,
    })
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
