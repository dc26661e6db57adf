//! One request of `/users/track`: judged object by object, applied, answered.

use serde::Deserialize;
use serde_json::json;

use super::apply::{self, Kind};
use super::change::{Change, Happening};
use super::object::Object;
use crate::sandbox::reply::{Answer, Reply, decoded};
use crate::sandbox::shared::Shared;

/// Most objects of a request, over all three arrays.
const MAX_OBJECTS: usize = 75;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    attributes: Option<Vec<Object<'a>>>,
    #[serde(borrow)]
    events: Option<Vec<Object<'a>>>,
    #[serde(borrow)]
    purchases: Option<Vec<Object<'a>>>,
}

/// Answers one request.
pub(in crate::sandbox) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    let sent = [&body.attributes, &body.events, &body.purchases].map(|list| list.as_ref().map(Vec::len));
    let total: usize = sent.iter().flatten().sum();
    if total > MAX_OBJECTS {
        return Err(Reply::refused("Max Input Length Exceeded"));
    }
    let mut errors = Vec::new();
    let attributes = judged(body.attributes, "attributes", &mut errors, |o| Change::of(o, &shared.groups));
    let events = judged(body.events, "events", &mut errors, Happening::event);
    let purchases = judged(body.purchases, "purchases", &mut errors, Happening::purchase);
    if errors.len() == total {
        return Err(nothing_valid(&errors));
    }

    let mut world = shared.world_at(now_ms);
    for change in &attributes {
        apply::change(&mut world, change, now_ms);
    }
    for event in &events {
        apply::happening(&mut world, event, Kind::Event, now_ms);
    }
    for purchase in &purchases {
        apply::happening(&mut world, purchase, Kind::Purchase, now_ms);
    }
    drop(world);

    let mut reply = json!({ "message": "success" });
    let names = ["attributes_processed", "events_processed", "purchases_processed"];
    let valid = [attributes.len(), events.len(), purchases.len()];
    for ((name, sent), valid) in names.into_iter().zip(sent).zip(valid) {
        if sent.is_some() {
            reply[name] = json!(valid);
        }
    }
    if !errors.is_empty() {
        reply["errors"] = json!(errors);
    }
    Ok(Reply::json(201, &reply))
}

/// The objects of one array that can be applied; the others go to the list of errors.
fn judged<'a, T>(
    objects: Option<Vec<Object<'a>>>,
    array: &'static str,
    errors: &mut Vec<serde_json::Value>,
    judge: impl Fn(Object<'a>) -> Result<T, &'static str>,
) -> Vec<T> {
    let mut good = Vec::with_capacity(objects.as_ref().map_or(0, Vec::len));
    for (index, object) in objects.into_iter().flatten().enumerate() {
        match judge(object) {
            Ok(object) => good.push(object),
            Err(why) => errors.push(json!({ "type": why, "input_array": array, "index": index })),
        }
    }
    good
}

fn nothing_valid(errors: &[serde_json::Value]) -> Reply {
    let message = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";
    if errors.is_empty() {
        return Reply::refused(message);
    }
    Reply::json(400, &json!({ "message": message, "errors": errors }))
}
