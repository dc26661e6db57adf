//! Whatever calls come, and whatever the caps: merging loses nothing, adds nothing, and keeps the caps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Call, PersonKey, Room, body, path_and_query};
use crate::catalogue::{Action, Method, find};

/// One item as the service sees it: everything but its place.
type Sent = BTreeMap<String, usize>;

/// Every item of a body with all that stands around it.
fn items_of(action: &Action, body: &Value) -> Sent {
    let batch = action.batch.as_ref().unwrap();
    let mut sent = Sent::new();
    let mut objects = vec![(json!({}), body.clone())];
    if let Some(groups) = &batch.groups {
        objects =
            body[&groups.list].as_array().unwrap().iter().map(|object| (json!({}), object.clone())).collect();
    }
    for (_, object) in objects {
        let members = object.as_object().unwrap();
        let around: BTreeMap<_, _> =
            members.iter().filter(|(name, _)| !batch.arrays.contains_key(*name)).collect();
        for (name, value) in members.iter().filter(|(name, _)| batch.arrays.contains_key(*name)) {
            for item in value.as_array().unwrap_or(&vec![value.clone()]) {
                *sent.entry(json!([name, item, around]).to_string()).or_default() += 1;
            }
        }
    }
    sent
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-e]{2}", "\\PC{1,6}".prop_map(|text| format!("x{text}"))]
}

/// A call of one of the shapes that people write.
fn with() -> impl Strategy<Value = (&'static str, Value)> {
    let state = prop_oneof![Just("subscribed"), Just("unsubscribed")];
    let ids = proptest::collection::vec(text(), 1..4);
    (0..8usize, ids, text(), state, "[gh]").prop_map(|(kind, ids, more, state, group)| match kind {
        0 | 1 => {
            let people: Vec<_> =
                ids.iter().map(|id| json!({"external_id": id, "name": more, "old": null})).collect();
            ("braze/users.track", json!({"attributes": people}))
        }
        2 => {
            let time = "2026-01-01T00:00:00Z";
            let events: Vec<_> =
                ids.iter().map(|id| json!({"external_id": id, "name": more, "time": time})).collect();
            let score = json!([{"external_id": ids[0], "score": {"inc": 1}}]);
            ("braze/users.track", json!({"attributes": score, "events": events}))
        }
        3 => ("braze/users.delete", json!({"external_ids": ids})),
        4 => (
            "braze/subscription.status.set",
            json!({"subscription_group_id": group, "subscription_state": state, "external_id": ids}),
        ),
        5 => {
            let one =
                json!({"subscription_group_id": group, "subscription_state": state, "external_ids": ids});
            let two =
                json!({"subscription_group_id": "k", "subscription_state": state, "external_ids": [more]});
            ("braze/v2.subscription.status.set", json!({"subscription_groups": [one, two]}))
        }
        6 => ("braze/email.status", json!({"email": ids, "subscription_state": state})),
        _ => ("braze/subscription.user.status", json!({"external_id": ids})),
    })
}

/// The action with other caps, for the length of the test process.
fn capped(action: &'static Action, total: usize, max_bytes: usize) -> &'static Action {
    let mut capped = action.clone();
    capped.max_bytes = max_bytes;
    capped.batch.as_mut().unwrap().total = total;
    Box::leak(Box::new(capped))
}

/// Fills one room after another, each call into the first that takes it.
fn batches(calls: &[Call]) -> Vec<(Room, Vec<&Call>)> {
    let mut batches: Vec<(Room, Vec<&Call>)> = Vec::new();
    for call in calls {
        match batches.iter_mut().find(|(room, _)| room.can_take(call)) {
            Some((room, held)) => {
                room.take(call);
                held.push(call);
            }
            None => {
                let mut room = Room::new(call.action());
                room.take(call);
                batches.push((room, vec![call]));
            }
        }
    }
    batches
}

fn merged(batch: &[&Call]) -> Sent {
    let mut all = Sent::new();
    for call in batch {
        let body: Value = serde_json::from_slice(&call.body()).unwrap();
        items_of(call.action(), &body)
            .into_iter()
            .for_each(|(item, count)| *all.entry(item).or_default() += count);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merged_bodies_hold_exactly_what_the_calls_held(
        withs in proptest::collection::vec(with(), 1..60), total in 6..50usize, max_bytes in 300..4000usize,
    ) {
        let actions = BTreeMap::from_iter(withs.iter().map(|(name, _)| *name).map(|name| {
            (name, capped(find(name).unwrap(), total, max_bytes))
        }));
        let calls: Vec<Call> =
            withs.iter().filter_map(|(name, with)| Call::new(actions[name], with).ok()).collect();

        for (room, batch) in batches(&calls) {
            let action = batch[0].action();
            let mut people: Vec<PersonKey> = batch.iter().flat_map(|call| call.people()).copied().collect();
            let named = people.len();
            people.sort();
            people.dedup();
            prop_assert_eq!(named, people.len(), "a person stands twice");
            if action.method == Method::Get {
                let address = path_and_query(&batch);
                prop_assert!(address.len() <= room.bytes() && room.bytes() <= max_bytes);
                let items: usize = batch.iter().map(|call| call.items().len()).sum();
                prop_assert_eq!(address.matches("external_id").count(), items);
                continue;
            }
            let bytes = body(&batch);
            prop_assert!(bytes.len() <= room.bytes() && room.bytes() <= max_bytes);
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            let sent = items_of(action, &value);
            prop_assert_eq!(&sent, &merged(&batch));
            match action.batch.as_ref().unwrap().groups {
                None => prop_assert!(sent.values().sum::<usize>() <= total),
                Some(_) => prop_assert!(people.len() <= total),
            }
        }
    }
}

#[test]
fn people_of_one_kind_need_the_fewest_bodies_there_are() {
    let calls: Vec<Call> = (0..1000)
        .map(|n| {
            let with =
                json!({"attributes": [{"external_id": format!("u{n}"), "email_subscribe": "unsubscribed"}]});
            Call::new(find("braze/users.track").unwrap(), &with).unwrap()
        })
        .collect();

    let batches = batches(&calls);

    assert_eq!(batches.len(), 1000usize.div_ceil(75));
    assert!(batches[0].0.is_full());
}
