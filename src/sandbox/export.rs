//! `POST /users/export/ids`: what is known about people, by up to 50 ids or by one address.
//!
//! A deprecated external id finds the profile, which shows its primary one. Ids that lead nowhere
//! stand in `invalid_user_ids` (Braze docs, "Export user profile by identifier").

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::alias::UserAlias;
use super::reply::{Answer, Reply, Text, decoded};
use super::shared::Shared;
use super::world::{Occurrence, Place, Who, World};

/// Most external ids and aliases of a request.
const MAX_IDS: usize = 50;

/// Attributes that stand beside `custom_attributes` in an export, not in it.
const STANDARD: [&str; 12] = [
    "first_name",
    "last_name",
    "country",
    "language",
    "dob",
    "gender",
    "home_city",
    "time_zone",
    "current_location",
    "created_at",
    "image_url",
    "date_of_first_session",
];

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    external_ids: Vec<Text<'a>>,
    #[serde(borrow, default)]
    user_aliases: Vec<UserAlias<'a>>,
    #[serde(borrow)]
    device_id: Option<Text<'a>>,
    #[serde(borrow)]
    braze_id: Option<Text<'a>>,
    #[serde(borrow)]
    email_address: Option<Text<'a>>,
    #[serde(borrow)]
    phone: Option<Text<'a>>,
    #[serde(borrow)]
    fields_to_export: Option<Vec<Text<'a>>>,
}

/// Whether a request names its fields, and neither campaigns nor canvases are among them; such
/// requests have a limit of their own.
pub(super) fn is_light(body: &[u8]) -> bool {
    let body: Result<Body<'_>, Reply> = decoded(body);
    let fields = body.ok().and_then(|body| body.fields_to_export);
    fields.is_some_and(|fields| {
        !fields.iter().any(|field| matches!(&**field, "campaigns_received" | "canvases_received"))
    })
}

/// Answers one request.
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    check(&body)?;
    let fields = body.fields_to_export.unwrap_or_default();
    let world = shared.world_at(now_ms);
    let (mut places, mut unknown) = (Vec::new(), Vec::new());
    for id in &body.external_ids {
        match world.find(Who::ExternalId(id)) {
            Some(place) => places.push(place),
            None => unknown.push(&**id),
        }
    }
    places.extend(body.user_aliases.iter().filter_map(|alias| world.find(alias.who())));
    places.extend(body.braze_id.and_then(|id| world.find(Who::BrazeId(&id))));
    if let Some(device) = &body.device_id {
        places.extend(world.device_holders(device));
    }
    if let Some(email) = &body.email_address {
        places.extend(world.email_holders(email));
    }
    if let Some(phone) = &body.phone {
        places.extend(world.phone_holders(phone));
    }
    let users: Vec<Value> = places.iter().filter_map(|place| user(&world, *place, &fields)).collect();
    let mut reply = json!({ "message": "success", "users": users });
    if !unknown.is_empty() {
        reply["invalid_user_ids"] = json!(unknown);
    }
    Ok(Reply::json(201, &reply))
}

fn check(body: &Body<'_>) -> Result<(), Reply> {
    let lists = body.external_ids.len() + body.user_aliases.len();
    if lists > MAX_IDS {
        return Err(Reply::refused("The max number of external_ids and aliases per request was exceeded"));
    }
    let singles = [&body.device_id, &body.braze_id, &body.email_address, &body.phone];
    match singles.into_iter().flatten().count() {
        0 if lists == 0 => Err(Reply::refused("At least one identifier is required")),
        0 | 1 => match &body.fields_to_export {
            Some(fields) if !fields.is_empty() => Ok(()),
            _ => Err(Reply::refused("'fields_to_export' is required")),
        },
        _ => Err(Reply::refused(
            "Only one of 'device_id', 'braze_id', 'email_address' or 'phone' may be provided",
        )),
    }
}

/// The fields of one profile that were asked for and have a value.
fn user(world: &World, place: Place, fields: &[Text<'_>]) -> Option<Value> {
    let profile = world.profile(place)?;
    let standard = |name: &str| {
        let number = STANDARD.contains(&name).then(|| world.attribute_names.known(name)).flatten()?;
        serde_json::from_str(profile.attribute(number)?).ok()
    };
    let mut shown = Map::new();
    for field in fields {
        let value = match &**field {
            "external_id" => json!(profile.external_id.as_deref()),
            "braze_id" => json!(world.braze_id(place)),
            "email" => json!(profile.email.as_deref()),
            "phone" => json!(profile.phone.as_deref()),
            "email_subscribe" => json!(profile.email_subscribe.word()),
            "push_subscribe" => json!(profile.push_subscribe.word()),
            "user_aliases" => super::view::aliases(profile),
            "devices" => devices(profile),
            "custom_attributes" => custom(world, place),
            "custom_events" => counted(profile.rare.as_ref().map_or(&[], |rare| &rare.events)),
            "purchases" => counted(profile.rare.as_ref().map_or(&[], |rare| &rare.purchases)),
            other => standard(other).unwrap_or_default(),
        };
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            shown.insert(field.to_string(), value);
        }
    }
    Some(Value::Object(shown))
}

fn devices(profile: &super::world::Profile) -> Value {
    let devices = profile.rare.iter().flat_map(|rare| &rare.devices);
    devices.map(|device| json!({ "device_id": device, "model": "Sandbox 1", "os": "1" })).collect()
}

fn custom(world: &World, place: Place) -> Value {
    let attributes = world.profile(place).map_or(&[][..], |profile| &profile.attributes);
    let named = attributes.iter().map(|(name, value)| (world.attribute_names.text(*name), value));
    let custom = named.filter(|(name, _)| !STANDARD.contains(name));
    let members: Map<String, Value> = custom
        .filter_map(|(name, value)| Some((name.to_owned(), serde_json::from_str(value).ok()?)))
        .collect();
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

/// Events or purchases by name: how often, first and last.
fn counted(occurrences: &[Occurrence]) -> Value {
    let mut names: indexmap::IndexMap<&str, (u64, &str, &str)> = indexmap::IndexMap::new();
    for occurrence in occurrences {
        let (count, first, last) =
            names.entry(&occurrence.name).or_insert((0, &occurrence.time, &occurrence.time));
        *count += 1;
        *first = (*first).min(&occurrence.time);
        *last = (*last).max(&occurrence.time);
    }
    let entry =
        |(name, (count, first, last))| json!({ "name": name, "first": first, "last": last, "count": count });
    names.into_iter().map(entry).collect()
}
