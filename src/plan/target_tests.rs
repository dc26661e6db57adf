//! What calls set, and what is left of them without some of it.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::{Identifier, find};
use crate::request::Order;

fn call(action: &str, with: Value) -> Call {
    Call::new(find(action).unwrap(), &with).unwrap()
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body()).unwrap()
}

/// The call without the states at these places.
fn without(call: &Call, places: &[usize]) -> Option<Value> {
    let digests: Vec<u128> = places.iter().map(|place| call.targets()[*place].digest()).collect();
    call.without(&digests).map(|left| body(&left))
}

#[test]
fn every_attribute_of_a_person_is_a_state_and_the_identifier_and_the_switches_are_none() {
    let call = call(
        "braze/users.track",
        json!({"attributes": [{"external_id": "u-1", "_update_existing_only": true, "email": "a@example.com",
            "email_subscribe": "unsubscribed", "push_subscribe": "opted_in", "country": null}]}),
    );

    let opts_out: Vec<bool> = call.targets().iter().map(|target| target.order.opts_out()).collect();
    assert_eq!(opts_out, [false, true, false, false]);
    assert!(!call.keeps_turn());
    assert!(call.targets().iter().all(|target| !target.makes_profile));
    let person = PersonKey::of(Identifier::ExternalId, "u-1");
    assert!(call.targets().iter().all(|target| target.person == person));
}

#[test]
fn by_an_alias_a_profile_is_made_only_where_that_is_asked_for() {
    let makes = |existing_only: Option<bool>| {
        let mut item = json!({"user_alias": {"alias_label": "l", "alias_name": "n"}, "country": "FR"});
        existing_only.map(|existing_only| item["_update_existing_only"] = json!(existing_only));
        call("braze/users.track", json!({"attributes": [item]})).targets()[0].makes_profile
    };

    assert_eq!([None, Some(true), Some(false)].map(makes), [false, false, true]);
}

#[test]
fn a_group_is_the_same_state_however_it_is_set() {
    let (group, other) = ("6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01", "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a02");
    let track = call(
        "braze/users.track",
        json!({"attributes": [{"external_id": "u-1", "subscription_groups": [
            {"subscription_group_id": other, "subscription_state": "subscribed"},
            {"subscription_group_id": group, "subscription_state": "unsubscribed"}]}]}),
    );
    let first = call(
        "braze/subscription.status.set",
        json!({"subscription_group_id": group, "subscription_state": "unsubscribed", "external_id": ["u-1"]}),
    );
    let second = call(
        "braze/v2.subscription.status.set",
        json!({"subscription_groups": [{"subscription_group_id": group, "subscription_state": "subscribed", "external_ids": ["u-0", "u-1"]}]}),
    );

    let digest = first.targets()[0].digest();
    assert_eq!([track.targets()[1].digest(), second.targets()[1].digest()], [digest; 2]);
    assert_ne!(track.targets()[0].digest(), digest);
    assert!(first.targets()[0].order.opts_out() && track.targets()[1].order.opts_out());
    assert!(track.targets()[1].makes_profile && !first.targets()[0].makes_profile);
}

#[test]
fn what_adds_to_what_is_there_keeps_its_turn() {
    let attributes = json!([{"external_id": "u-1", "country": "FR"}]);
    let events = json!([{"external_id": "u-1", "name": "n", "time": "2026-11-20T10:00:00Z"}]);
    let sent_once = call("braze/users.track", json!({"attributes": attributes, "events": events}));
    let changed = call(
        "braze/users.track",
        json!({"attributes": [{"external_id": "u-1", "country": "FR", "list": {"add": ["x"]}}]}),
    );
    let erased = call("braze/users.delete", json!({"external_ids": ["u-1"]}));

    assert!(sent_once.keeps_turn() && changed.keeps_turn() && erased.keeps_turn());
    assert_eq!([sent_once.targets().len(), changed.targets().len(), erased.targets().len()], [1, 1, 0]);
}

#[test]
fn without_an_older_state_the_others_are_sent() {
    let call = call(
        "braze/users.track",
        json!({"attributes": [{"external_id": "u-1", "_update_existing_only": true, "email_subscribe": "unsubscribed",
            "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}]}]}),
    );

    assert_eq!(
        without(&call, &[0]),
        Some(json!({"attributes": [{"external_id": "u-1", "_update_existing_only": true,
            "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}]}]}))
    );
    assert_eq!(
        without(&call, &[1]),
        Some(
            json!({"attributes": [{"external_id": "u-1", "_update_existing_only": true, "email_subscribe": "unsubscribed"}]})
        )
    );
    assert_eq!(without(&call, &[0, 1]), None);
}

#[test]
fn of_a_call_about_several_people_those_are_left_whose_state_is_not_older() {
    let first = call(
        "braze/subscription.status.set",
        json!({"subscription_group_id": "g", "subscription_state": "subscribed", "email": ["a@example.com", "b@example.com"]}),
    );
    let second = call(
        "braze/v2.subscription.status.set",
        json!({"subscription_groups": [
            {"subscription_group_id": "g", "subscription_state": "subscribed", "external_ids": ["u-1"]},
            {"subscription_group_id": "h", "subscription_state": "subscribed", "external_ids": ["u-1"]}]}),
    );
    let third =
        call("braze/email.status", json!({"email": "a@example.com", "subscription_state": "unsubscribed"}));

    assert_eq!(
        without(&first, &[0]),
        Some(
            json!({"subscription_group_id": "g", "subscription_state": "subscribed", "email": ["b@example.com"]})
        )
    );
    assert_eq!(
        without(&second, &[0]),
        Some(
            json!({"subscription_groups": [{"subscription_group_id": "h", "subscription_state": "subscribed", "external_ids": ["u-1"]}]})
        )
    );
    assert_eq!(without(&second, &[0, 1]), None);
    assert_eq!(without(&third, &[0]), None);
    assert!(third.targets()[0].order.opts_out());
}

#[test]
fn a_call_remembers_how_new_its_states_are_when_others_are_left_out() {
    let mut call = call(
        "braze/users.track",
        json!({"attributes": [{"external_id": "u-1", "email_subscribe": "unsubscribed", "push_subscribe": "opted_in"}]}),
    );
    call.date(Order::placed(3, 0), |target| Order::placed(if target.order.opts_out() { 7 } else { 9 }, 0));

    let left = call.without(&[call.targets()[1].digest()]).unwrap();

    assert_eq!(left.targets().len(), 1);
    assert_eq!(left.targets()[0].order.at_ms(), 7);
    assert!(left.targets()[0].order.opts_out());
    assert_eq!(left.order().at_ms(), 3);
}

#[test]
fn states_are_told_with_their_values() {
    let call = call(
        "braze/users.track",
        json!({"attributes": [{"external_id": "u-1", "email_subscribe": "unsubscribed", "country": "FR"}]}),
    );

    let values: Vec<Value> = call.states().into_iter().map(|(_, value)| value).collect();

    assert_eq!(values, [json!("unsubscribed"), json!("FR")]);
}
