//! What one object of `/users/track` asks for, checked before anything is applied.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::{Naming, Object};
use crate::sandbox::options::Groups;
use crate::sandbox::reply::{is_null, string_of};
use crate::sandbox::world::{Choice, Membership};

/// What an attributes object asks for.
#[derive(Default)]
pub(super) struct Change<'a> {
    pub naming: Naming<'a>,
    /// `Some(None)` removes the address.
    pub email: Option<Option<Cow<'a, str>>>,
    /// `Some(None)` removes the number.
    pub phone: Option<Option<Cow<'a, str>>>,
    pub email_subscribe: Option<Choice>,
    pub push_subscribe: Option<Choice>,
    pub groups: Vec<(Cow<'a, str>, Membership)>,
    pub attributes: Vec<(Cow<'a, str>, Set<'a>)>,
}

/// What happens to one attribute.
pub(super) enum Set<'a> {
    Value(&'a RawValue),
    Remove,
    Increment(&'a RawValue),
    AddItems(Vec<&'a RawValue>),
    RemoveItems(Vec<&'a RawValue>),
}

impl<'a> Change<'a> {
    /// Reads an attributes object; the error is the `type` of its entry in `errors`.
    pub fn of(object: Object<'a>, groups: &Groups) -> Result<Change<'a>, &'static str> {
        let mut change = Change::default();
        for (name, value) in object.0 {
            match &*name {
                "email" => change.email = Some(string_of(value)),
                "phone" => change.phone = Some(string_of(value)),
                _ => {}
            }
            if change.naming.take(&name, value)? {
                continue;
            }
            match &*name {
                "email_subscribe" => {
                    let state = string_of(value).and_then(|word| Choice::of(&word));
                    change.email_subscribe = Some(state.ok_or("BAD_EMAIL_SUBSCRIPTION_STATE")?);
                }
                "push_subscribe" => {
                    let state = string_of(value).and_then(|word| Choice::of(&word));
                    change.push_subscribe = Some(state.ok_or("BAD_PUSH_SUBSCRIPTION_STATE")?);
                }
                "subscription_groups" => change.groups = groups_of(value, groups)?,
                _ => change.attributes.extend(Set::of(value).map(|set| (name, set))),
            }
        }
        change.naming.who()?;
        Ok(change)
    }
}

impl<'a> Set<'a> {
    /// `None` for a nested value with a `null` in it, which Braze drops without a word.
    fn of(value: &'a RawValue) -> Option<Set<'a>> {
        #[derive(Deserialize)]
        struct Operation<'a> {
            #[serde(borrow)]
            inc: Option<&'a RawValue>,
            #[serde(borrow)]
            add: Option<Vec<&'a RawValue>>,
            #[serde(borrow)]
            remove: Option<Vec<&'a RawValue>>,
        }

        if is_null(value) {
            return Some(Set::Remove);
        }
        if !value.get().starts_with(['{', '[']) {
            return Some(Set::Value(value));
        }
        if value.get().starts_with('{')
            && let Ok(operation) = serde_json::from_str::<Operation<'_>>(value.get())
        {
            match operation {
                Operation { inc: Some(by), .. } => return Some(Set::Increment(by)),
                Operation { add: Some(items), .. } => return Some(Set::AddItems(items)),
                Operation { remove: Some(items), .. } => return Some(Set::RemoveItems(items)),
                Operation { inc: None, add: None, remove: None } => {}
            }
        }
        let tree = serde_json::from_str::<serde_json::Value>(value.get()).ok()?;
        (!has_null(&tree)).then_some(Set::Value(value))
    }
}

fn has_null(tree: &serde_json::Value) -> bool {
    match tree {
        serde_json::Value::Null => true,
        serde_json::Value::Array(items) => items.iter().any(has_null),
        serde_json::Value::Object(members) => members.values().any(has_null),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) | serde_json::Value::String(_) => false,
    }
}

fn groups_of<'a>(
    value: &'a RawValue,
    groups: &Groups,
) -> Result<Vec<(Cow<'a, str>, Membership)>, &'static str> {
    let items: Vec<&RawValue> =
        serde_json::from_str(value.get()).map_err(|_| "BAD_SUBSCRIPTION_GROUP_ARRAY")?;
    let item = |item: &'a RawValue| {
        let Object(members) = serde_json::from_str(item.get()).map_err(|_| "BAD_SUBSCRIPTION_GROUP_HASH")?;
        let member = |wanted| {
            let found = members.iter().find(|(name, _)| name == wanted);
            found.and_then(|(_, value)| string_of(value))
        };
        let id = member("subscription_group_id").filter(|id| groups.has(id));
        let state = member("subscription_state").and_then(|word| Membership::of(&word));
        Ok((id.ok_or("BAD_SUBSCRIPTION_GROUP_ID")?, state.ok_or("BAD_SUBSCRIPTION_GROUP_STATE")?))
    };
    items.into_iter().map(item).collect()
}

/// What an event or purchase object asks for.
pub(super) struct Happening<'a> {
    pub naming: Naming<'a>,
    pub name: Cow<'a, str>,
    pub time: Cow<'a, str>,
}

impl<'a> Happening<'a> {
    /// Reads an events object.
    pub fn event(object: Object<'a>) -> Result<Happening<'a>, &'static str> {
        Happening::of(object, "name", "'name' is required", &[])
    }

    /// Reads a purchases object.
    pub fn purchase(object: Object<'a>) -> Result<Happening<'a>, &'static str> {
        Happening::of(object, "product_id", "'product_id' is required", &["currency", "price"])
    }

    fn of(
        object: Object<'a>,
        name_member: &str,
        nameless: &'static str,
        needed: &[&str],
    ) -> Result<Happening<'a>, &'static str> {
        let (mut naming, mut name, mut time) = (Naming::default(), None, None);
        let has_needed = needed.iter().all(|member| object.0.iter().any(|(known, _)| known == member));
        for (member, value) in object.0 {
            if naming.take(&member, value)? {
                continue;
            }
            if member == name_member {
                name = string_of(value);
            } else if member == "time" {
                time = string_of(value);
            }
        }
        naming.who()?;
        let name = name.filter(|name| !name.is_empty()).ok_or(nameless)?;
        let time = time.filter(|time| is_time(time)).ok_or("'time' must be an ISO 8601 time")?;
        if !has_needed {
            return Err("'currency' and 'price' are required");
        }
        Ok(Happening { naming, name, time })
    }
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok()
}
