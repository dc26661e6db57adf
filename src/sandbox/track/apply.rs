//! How a checked object changes the world.

use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::change::{Change, Happening, Set};
use super::object::Naming;
use crate::sandbox::world::{Occurrence, Place, Who, World};

/// Applies an attributes object. Nothing happens for an unknown person when only existing profiles
/// may be updated.
pub(super) fn change(world: &mut World, change: &Change<'_>, now_ms: i64) {
    let Some(place) = found(world, &change.naming, now_ms) else { return };
    if let Some(email) = &change.email {
        world.set_email(place, email.as_deref(), now_ms);
    }
    if let Some(phone) = &change.phone {
        world.set_phone(place, phone.as_deref(), now_ms);
    }
    world.change(place, |profile| {
        profile.email_subscribe = change.email_subscribe.unwrap_or(profile.email_subscribe);
        profile.push_subscribe = change.push_subscribe.unwrap_or(profile.push_subscribe);
    });
    for (id, state) in &change.groups {
        let group = world.group_names.number(id);
        world.change(place, |profile| profile.set_membership(group, *state));
        // Group states spread to everybody with the same address (Braze docs, "Track users").
        if let Some(email) = world.profile(place).and_then(|profile| profile.email.clone()) {
            world.set_group(Who::Email(&email), group, *state, now_ms);
        }
    }
    for (name, set) in &change.attributes {
        let name = world.attribute_names.number(name);
        world.change(place, |profile| {
            let value = changed(profile.attribute(name), set);
            match (set, value) {
                (Set::Value(raw), _) => profile.set_attribute(name, Some(raw.get())),
                (Set::Remove, _) => profile.set_attribute(name, None),
                (_, Some(value)) => profile.set_attribute(name, Some(&value)),
                (_, None) => {}
            }
        });
    }
    world.touch(place);
}

/// Applies an events or purchases object.
pub(super) fn happening(world: &mut World, happening: &Happening<'_>, kind: Kind, now_ms: i64) {
    let Some(place) = found(world, &happening.naming, now_ms) else { return };
    let occurrence = Occurrence { name: (*happening.name).into(), time: (*happening.time).into() };
    world.change(place, |profile| match kind {
        Kind::Event => profile.rare().events.push(occurrence),
        Kind::Purchase => profile.rare().purchases.push(occurrence),
    });
    world.touch(place);
}

/// Which list an occurrence goes to.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Event,
    Purchase,
}

fn found(world: &mut World, naming: &Naming<'_>, now_ms: i64) -> Option<Place> {
    let who = naming.who().ok()?;
    match world.find(who) {
        None if naming.is_update_only() => None,
        None => world.create(who, now_ms),
        found => found,
    }
}

/// The new JSON text of an attribute under an operation; `None` when it does not apply.
fn changed(kept: Option<&str>, set: &Set<'_>) -> Option<String> {
    match set {
        Set::Value(_) | Set::Remove => None,
        Set::Increment(by) => {
            let kept: Number = serde_json::from_str(kept.unwrap_or("0")).ok()?;
            let by: Number = serde_json::from_str(by.get()).ok()?;
            let sum = match (kept.as_i64(), by.as_i64()) {
                (Some(kept), Some(by)) => Number::from(kept.checked_add(by)?),
                _ => Number::from_f64(kept.as_f64()? + by.as_f64()?)?,
            };
            Some(sum.to_string())
        }
        Set::AddItems(items) => {
            let mut list = list_of(kept)?;
            for item in values(items)? {
                if !list.contains(&item) {
                    list.push(item);
                }
            }
            Some(Value::Array(list).to_string())
        }
        Set::RemoveItems(items) => {
            let mut list = list_of(kept)?;
            let items = values(items)?;
            list.retain(|item| !items.contains(item));
            Some(Value::Array(list).to_string())
        }
    }
}

fn list_of(kept: Option<&str>) -> Option<Vec<Value>> {
    serde_json::from_str(kept.unwrap_or("[]")).ok()
}

fn values(items: &[&RawValue]) -> Option<Vec<Value>> {
    items.iter().map(|item| serde_json::from_str(item.get()).ok()).collect()
}
