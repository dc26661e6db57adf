//! `POST /users/identify`: gives an anonymous profile its external id, or merges it into the profile
//! that has it already (Braze docs, "Identify users").

use serde::Deserialize;
use serde_json::json;

use super::alias::UserAlias;
use super::delete::{Ages, priorities};
use super::reply::{Answer, Reply, Text, decoded};
use super::shared::Shared;
use super::world::{Place, Priority, Who, World};

/// Most entries of each array.
const MAX_ENTRIES: usize = 50;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    aliases_to_identify: Vec<ByAlias<'a>>,
    #[serde(borrow, default)]
    emails_to_identify: Vec<ByEmail<'a>>,
    #[serde(borrow, default)]
    phone_numbers_to_identify: Vec<ByPhone<'a>>,
}

#[derive(Deserialize)]
struct ByAlias<'a> {
    #[serde(borrow)]
    external_id: Text<'a>,
    #[serde(borrow)]
    user_alias: UserAlias<'a>,
}

#[derive(Deserialize)]
struct ByEmail<'a> {
    #[serde(borrow)]
    external_id: Text<'a>,
    #[serde(borrow)]
    email: Text<'a>,
    #[serde(borrow)]
    prioritization: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
struct ByPhone<'a> {
    #[serde(borrow)]
    external_id: Text<'a>,
    #[serde(borrow)]
    phone: Text<'a>,
    #[serde(borrow)]
    prioritization: Option<Vec<Text<'a>>>,
}

/// Answers one request. A miss, or an address that fits several profiles, changes nothing.
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    let counts =
        [body.aliases_to_identify.len(), body.emails_to_identify.len(), body.phone_numbers_to_identify.len()];
    let entries: usize = counts.iter().sum();
    if entries == 0 {
        return Err(Reply::refused(
            "At least one of 'aliases_to_identify', 'emails_to_identify' or 'phone_numbers_to_identify' is required",
        ));
    }
    if counts.iter().any(|count| *count > MAX_ENTRIES) {
        return Err(Reply::refused("The max number of ids per request was exceeded"));
    }
    let email_orders = body.emails_to_identify.iter().map(|entry| order(entry.prioritization.as_deref()));
    let email_orders: Vec<Vec<Priority>> = email_orders.collect::<Result<_, _>>()?;
    let phone_orders =
        body.phone_numbers_to_identify.iter().map(|entry| order(entry.prioritization.as_deref()));
    let phone_orders: Vec<Vec<Priority>> = phone_orders.collect::<Result<_, _>>()?;

    let mut world = shared.world_at(now_ms);
    for entry in &body.aliases_to_identify {
        let source = world.find(entry.user_alias.who());
        identify(&mut world, source, &entry.external_id, now_ms);
    }
    for (entry, order) in body.emails_to_identify.iter().zip(&email_orders) {
        let source = world.narrowed(world.email_holders(&entry.email), order);
        identify(&mut world, source, &entry.external_id, now_ms);
    }
    for (entry, order) in body.phone_numbers_to_identify.iter().zip(&phone_orders) {
        let source = world.narrowed(world.phone_holders(&entry.phone), order);
        identify(&mut world, source, &entry.external_id, now_ms);
    }
    Ok(Reply::json(201, &json!({ "aliases_processed": entries, "message": "success" })))
}

fn order(words: Option<&[Text<'_>]>) -> Result<Vec<Priority>, Reply> {
    priorities(words, Ages::NewestAndOldest)
}

fn identify(world: &mut World, source: Option<Place>, external_id: &str, now_ms: i64) {
    let Some(source) = source else { return };
    let Some(profile) = world.profile(source) else { return };
    if profile.external_id.is_some() {
        return;
    }
    let Some(target) = world.find(Who::ExternalId(external_id)) else {
        world.set_external_id(source, external_id);
        world.touch(source);
        return;
    };
    let labels = |place| world.profile(place).map_or(&[][..], |profile| profile.aliases());
    let shares_label =
        labels(source).iter().any(|own| labels(target).iter().any(|its| its.label == own.label));
    if !shares_label {
        world.merge(source, target, now_ms);
    }
}
