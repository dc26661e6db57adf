//! Takes the answer to a merged read apart, so that each call sees only its own people.
//!
//! A profile belongs to the call that asked for one of its identifiers. What cannot be told apart is
//! asked again alone and never guessed: the answer for a renamed external id carries the new one.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::parsed::MOST_BYTES;
use super::read::not_read;
use super::sentences;
use crate::catalogue::{Action, Identifier, Refusal};
use crate::plan::{Call, PersonKey};
use crate::reply::{Headers, Item, Reading};

/// What a 2xx answer to a read means.
pub(super) fn read(calls: &[&Call], status: u16, headers: &Headers, body: &[u8]) -> Reading {
    if body.len() > MOST_BYTES {
        if calls.len() > 1 {
            return Reading::Split;
        }
        return refused(
            calls,
            &Refusal::new("bad_answer", "the answer is too large to be read: ask for fewer fields"),
        );
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        return not_read(calls, headers, body);
    };
    let message = answer.get("message").map_or("success", |message| message.as_str().unwrap_or_default());
    if message != "success" {
        return refused(calls, &sentences::refusal(status, message));
    }
    let Some(action) = calls.first().map(|call| call.action()) else { return Reading::Accepted };
    match (&action.reply.people, &action.reply.states) {
        (Some(people), _) => listed(calls, action, people, answer),
        (None, Some(states)) => stated(calls, states, answer),
        (None, None) => Reading::Accepted,
    }
}

fn refused(calls: &[&Call], refusal: &Refusal) -> Reading {
    Reading::Items(calls.iter().map(|_| Item::Refused(refusal.clone())).collect())
}

fn lacks(member: &str) -> Refusal {
    Refusal::new("bad_answer", format!("the answer has no `{member}`; is the host right?"))
}

/// An answer that is a list of profiles.
fn listed(calls: &[&Call], action: &Action, member: &str, mut answer: Map<String, Value>) -> Reading {
    let Some(Value::Array(people)) = answer.get_mut(member).map(Value::take) else {
        return refused(calls, &lacks(member));
    };
    let not_found =
        match action.reply.not_found.as_ref().and_then(|name| answer.get_mut(name)).map(Value::take) {
            Some(Value::Array(ids)) => ids,
            _ => Vec::new(),
        };
    if calls.len() == 1 {
        return Reading::Items(vec![output(action, member, people, not_found, Some(answer))]);
    }
    let askers = askers(calls);
    let mut shares: Vec<(Vec<Value>, Vec<Value>)> = calls.iter().map(|_| Default::default()).collect();
    let mut answered = HashSet::new();
    let mut strangers = false;
    for person in people {
        let keys: Vec<PersonKey> = keys(action, &person).filter(|key| askers.contains_key(key)).collect();
        let mut owners: Vec<usize> = keys.iter().filter_map(|key| askers.get(key).copied()).collect();
        owners.sort_unstable();
        owners.dedup();
        strangers |= owners.is_empty();
        answered.extend(keys);
        for owner in owners {
            if let Some((found, _)) = shares.get_mut(owner) {
                found.push(person.clone());
            }
        }
    }
    let names_missing = !not_found.is_empty();
    for id in not_found {
        let Some(key) = id.as_str().map(|id| PersonKey::of(Identifier::ExternalId, id)) else { continue };
        answered.insert(key);
        if let Some((_, missing)) = askers.get(&key).and_then(|owner| shares.get_mut(*owner)) {
            missing.push(id);
        }
    }
    let items = calls.iter().zip(shares).map(|(call, (found, missing))| {
        let is_open = call.people().iter().any(|person| !answered.contains(person));
        if is_open && (strangers || names_missing && asks_by_external_id(call)) {
            Item::AskAlone
        } else {
            output(action, member, found, missing, None)
        }
    });
    Reading::Items(items.collect())
}

/// Which call asks for a person.
fn askers(calls: &[&Call]) -> HashMap<PersonKey, usize> {
    let pairs = calls.iter().enumerate();
    pairs.flat_map(|(position, call)| call.people().iter().map(move |person| (*person, position))).collect()
}

/// Only external ids are named when nobody has them.
fn asks_by_external_id(call: &Call) -> bool {
    let arrays = call.action().batch.as_ref().map(|batch| &batch.arrays);
    call.items().iter().all(|item| {
        let array = arrays.and_then(|arrays| arrays.get_index(item.array()));
        array.is_some_and(|(_, array)| array.identifier == Some(Identifier::ExternalId))
    })
}

/// The identifiers of a profile by which calls of this action ask.
fn keys(action: &Action, person: &Value) -> impl Iterator<Item = PersonKey> {
    let answers = action.reply.answers.values().filter_map(|member| person.get(member));
    answers.flat_map(|value| match value {
        Value::String(id) => vec![PersonKey::of(Identifier::ExternalId, id)],
        Value::Array(aliases) => aliases.iter().filter_map(alias).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    })
}

fn alias(alias: &Value) -> Option<PersonKey> {
    Some(PersonKey::alias(alias.get("alias_label")?.as_str()?, alias.get("alias_name")?.as_str()?))
}

/// The output of one call: its people, who was not found, and what else the answer said.
fn output(
    action: &Action,
    member: &str,
    people: Vec<Value>,
    not_found: Vec<Value>,
    rest: Option<Map<String, Value>>,
) -> Item {
    let count = people.len();
    let mut output = Map::new();
    output.insert(member.to_owned(), Value::Array(people));
    if let Some(name) = &action.reply.not_found {
        output.insert(name.clone(), Value::Array(not_found));
    }
    match rest {
        Some(rest) => {
            for (name, value) in rest {
                output.entry(name).or_insert(value);
            }
        }
        None => {
            for name in &action.reply.counts {
                output.insert(name.clone(), json!(count));
            }
        }
    }
    output.entry("message").or_insert_with(|| json!("success"));
    Item::Accepted { output: Value::Object(output) }
}

/// An answer that is a map from identifier to state.
fn stated(calls: &[&Call], member: &str, mut answer: Map<String, Value>) -> Reading {
    if !answer.contains_key(member) {
        return refused(calls, &lacks(member));
    }
    if calls.len() == 1 {
        return Reading::Items(vec![Item::Accepted { output: Value::Object(answer) }]);
    }
    let Some(Value::Object(states)) = answer.get_mut(member).map(Value::take) else {
        return refused(calls, &lacks(member));
    };
    let askers = askers(calls);
    let mut shares: Vec<Map<String, Value>> = calls.iter().map(|_| Map::new()).collect();
    for (id, state) in states {
        let asker = askers.get(&PersonKey::of(Identifier::ExternalId, &id));
        if let Some(share) = asker.and_then(|asker| shares.get_mut(*asker)) {
            share.insert(id, state);
        }
    }
    let items = calls.iter().zip(shares).map(|(call, share)| {
        if share.len() < call.people().len() {
            return Item::AskAlone;
        }
        Item::Accepted { output: json!({member: share, "message": "success"}) }
    });
    Reading::Items(items.collect())
}
