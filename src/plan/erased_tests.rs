//! What is left of calls for people who were erased: opt-outs, and nothing that makes a profile.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::{Identifier, find};
use crate::request::{Order, OrderParts};

const ERASED_MS: i64 = 1_800_000_000_000;

/// A change that says when it was made.
fn at(at_ms: i64) -> Order {
    let (nanoseconds, digits, place, opts_out) = (at_ms * 1_000_000, 3, None, false);
    Order::from(OrderParts { nanoseconds, digits, place, opts_out })
}

fn dated(action: &str, with: &Value, at_ms: i64) -> Call {
    let mut call = Call::new(find(action).unwrap(), with).unwrap();
    let order = at(at_ms);
    call.date(order, |_| order);
    call
}

/// What is left of a call from before the erasure of `u-1`, their alias and their address.
fn left(action: &str, with: Value) -> Option<Value> {
    left_at(action, with, ERASED_MS)
}

fn left_at(action: &str, with: Value, at_ms: i64) -> Option<Value> {
    let call = dated(action, &with, at_ms);
    let person = |kind, text| (PersonKey::of(kind, text), ERASED_MS);
    let erased = [
        person(Identifier::ExternalId, "u-1"),
        person(Identifier::Email, "a@example.com"),
        person(Identifier::BrazeId, "b-1"),
        (PersonKey::alias("l", "n"), ERASED_MS),
    ];
    match call.after(&erased) {
        LeftOfErased::All => Some(with),
        LeftOfErased::Nothing => None,
        LeftOfErased::Part(call) => Some(serde_json::from_slice(&call.body()).unwrap()),
    }
}

#[test]
fn nothing_is_left_of_a_permission() {
    let track = json!({"attributes": [{"external_id": "u-1", "email_subscribe": "opted_in"}]});
    let group =
        json!({"subscription_group_id": "g", "subscription_state": "subscribed", "email": ["a@example.com"]});

    assert_eq!(left("braze/users.track", track.clone()), None);
    assert_eq!(left("braze/subscription.status.set", group), None);
    assert_eq!(left_at("braze/users.track", track.clone(), ERASED_MS + 1), Some(track));
}

#[test]
fn an_opt_out_that_could_make_a_profile_changes_only_one_that_exists() {
    let track = json!({"attributes": [{"external_id": "u-1", "email_subscribe": "unsubscribed", "country": "FR",
        "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "unsubscribed"},
            {"subscription_group_id": "h", "subscription_state": "subscribed"}]}]});

    let expected = json!({"attributes": [{"external_id": "u-1", "email_subscribe": "unsubscribed",
        "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "unsubscribed"}],
        "_update_existing_only": true}]});
    assert_eq!(left("braze/users.track", track), Some(expected));
}

#[test]
fn an_opt_out_that_makes_no_profile_stays_as_it_is() {
    let address = json!({"email": ["a@example.com"], "subscription_state": "unsubscribed"});
    let group =
        json!({"subscription_group_id": "g", "subscription_state": "unsubscribed", "external_id": ["u-1"]});
    let alias = json!({"attributes": [{"user_alias": {"alias_label": "l", "alias_name": "n"}, "push_subscribe": "unsubscribed"}]});

    for (action, with) in [
        ("braze/email.status", address),
        ("braze/subscription.status.set", group),
        ("braze/users.track", alias),
    ] {
        assert_eq!(left(action, with.clone()), Some(with));
    }
}

#[test]
fn an_opt_out_by_an_alias_that_says_to_make_a_profile_changes_only_one_that_exists() {
    let by = |who: &Value, existing_only: bool| {
        let mut item = who.clone();
        item["_update_existing_only"] = json!(existing_only);
        item["push_subscribe"] = json!("unsubscribed");
        json!({"attributes": [item]})
    };

    for who in [
        json!({"user_alias": {"alias_label": "l", "alias_name": "n"}}),
        json!({"external_id": "u-1"}),
        json!({"braze_id": "b-1"}),
        json!({"email": "a@example.com"}),
    ] {
        assert_eq!(left("braze/users.track", by(&who, false)), Some(by(&who, true)));
    }
    let newer = by(&json!({"user_alias": {"alias_label": "l", "alias_name": "n"}}), false);
    assert_eq!(left_at("braze/users.track", newer.clone(), ERASED_MS + 1), Some(newer));
}

#[test]
fn an_opt_out_leaves_the_events_behind_that_come_with_it() {
    let event = json!({"external_id": "u-1", "name": "seen", "time": "2026-11-20T10:00:00Z"});
    let other = json!({"external_id": "u-2", "name": "seen", "time": "2026-11-20T10:00:00Z"});
    let with = json!({"attributes": [{"external_id": "u-1", "email_subscribe": "unsubscribed", "visits": {"inc": 1}}],
        "events": [event, other]});

    let expected = json!({"attributes": [{"external_id": "u-1", "email_subscribe": "unsubscribed", "_update_existing_only": true}],
        "events": [other]});
    assert_eq!(left("braze/users.track", with), Some(expected));
    assert_eq!(left("braze/users.track", json!({"events": [event]})), None);
}

#[test]
fn only_the_erased_of_several_people_leave_a_call() {
    let with = json!({"subscription_group_id": "g", "subscription_state": "subscribed", "external_id": ["u-1", "u-2"]});
    let identify = json!({"aliases_to_identify": [
        {"external_id": "u-1", "user_alias": {"alias_name": "x", "alias_label": "y"}},
        {"external_id": "u-2", "user_alias": {"alias_name": "z", "alias_label": "y"}}]});

    assert_eq!(
        left("braze/subscription.status.set", with),
        Some(
            json!({"subscription_group_id": "g", "subscription_state": "subscribed", "external_id": ["u-2"]})
        )
    );
    let left = left("braze/users.identify", identify).unwrap();
    assert_eq!(left["aliases_to_identify"].as_array().unwrap().len(), 1);
    assert_eq!(left["aliases_to_identify"][0]["external_id"], "u-2");
}

#[test]
fn a_newer_choice_of_somebody_who_came_back_takes_the_opt_out_with_it() {
    let with = json!({"attributes": [{"external_id": "u-1", "email_subscribe": "opted_in", "push_subscribe": "unsubscribed"}]});
    let mut call = Call::new(find("braze/users.track").unwrap(), &with).unwrap();
    let newest = at(ERASED_MS + 1);
    call.date(newest, |target| if target.order.opts_out() { at(ERASED_MS) } else { newest });

    let erased = [(PersonKey::of(Identifier::ExternalId, "u-1"), ERASED_MS)];
    assert!(matches!(call.after(&erased), LeftOfErased::All));
}

#[test]
fn a_permission_that_does_not_say_when_it_was_given_never_brings_anybody_back() {
    let undated = |with: &Value| {
        let mut call = Call::new(find("braze/users.track").unwrap(), with).unwrap();
        let order = Order::placed(ERASED_MS + 1_000_000_000, 0);
        call.date(order, |_| order);
        call.after(&[(PersonKey::of(Identifier::ExternalId, "u-1"), ERASED_MS)])
    };
    let of = |state: &str| json!({"attributes": [{"external_id": "u-1", "email_subscribe": state}]});

    assert!(matches!(undated(&of("opted_in")), LeftOfErased::Nothing));
    assert!(matches!(undated(&of("unsubscribed")), LeftOfErased::Part(_)));
    assert!(matches!(
        undated(&json!({"events": [{"external_id": "u-1", "name": "e", "time": "2026-11-20T10:00:00Z"}]})),
        LeftOfErased::Nothing
    ));
    assert!(matches!(
        undated(&json!({"attributes": [{"external_id": "u-2", "email_subscribe": "opted_in"}]})),
        LeftOfErased::All
    ));
}
