//! One call: what of it merges, who it is about, whether it may be repeated.

use serde_json::{Value, json};

use super::{Call, PersonKey, Room, body, owner, path_and_query};
use crate::catalogue::{Identifier, all, find};

fn call(action: &str, with: Value) -> Call {
    Call::new(find(action).unwrap(), &with).unwrap()
}

fn track(attributes: Value) -> Call {
    call("braze/users.track", json!({"attributes": [attributes]}))
}

fn sent(calls: &[&Call]) -> Value {
    serde_json::from_slice(&body(calls)).unwrap()
}

#[test]
fn a_person_has_the_same_key_whatever_is_done_to_them() {
    let person = [PersonKey::of(Identifier::ExternalId, "u-1")];

    assert_eq!(track(json!({"external_id": "u-1", "email": "a@example.com"})).people(), person);
    assert_eq!(call("braze/users.delete", json!({"external_ids": ["u-1"]})).people(), person);
    let group = json!({"subscription_group_id": "g", "subscription_state": "subscribed"});
    let mut set = group.clone();
    set["external_id"] = json!(["u-1"]);
    assert_eq!(call("braze/subscription.status.set", set.clone()).people(), person);
    let mut first = group.clone();
    first["external_ids"] = json!(["u-1"]);
    let mut second = first.clone();
    second["subscription_group_id"] = json!("h");
    let both = json!({"subscription_groups": [first, second]});
    assert_eq!(call("braze/v2.subscription.status.set", both).people(), person);
    let asked = json!({"external_id": "u-1", "subscription_group_id": "g"});
    assert_eq!(call("braze/subscription.status.get", asked).people(), person);
}

#[test]
fn an_alias_is_a_person_by_label_and_name_and_identifying_touches_two() {
    let alias = json!({"alias_name": "n", "alias_label": "l"});
    let key = PersonKey::alias("l", "n");

    assert_eq!(track(json!({"user_alias": alias})).people(), [key]);
    assert_eq!(call("braze/users.delete", json!({"user_aliases": [alias]})).people(), [key]);
    let identify = json!({"aliases_to_identify": [{"external_id": "u-1", "user_alias": alias}]});
    let both = [key, PersonKey::of(Identifier::ExternalId, "u-1")];
    assert_eq!(call("braze/users.identify", identify).people(), both);
    let new = json!({"user_aliases": [{"external_id": "u-1", "alias_name": "n", "alias_label": "l"}]});
    assert_eq!(call("braze/users.alias.new", new).people(), both);
}

#[test]
fn what_counts_up_is_never_repeated_and_never_shares_a_body_with_what_may_be() {
    let set = track(json!({"external_id": "u-1", "inc": 5, "score": 1}));
    let counts = track(json!({"external_id": "u-2", "score": {"inc": 1}}));
    let deep = track(json!({"external_id": "u-3", "pets": {"list": [{"$add": [{"name": "x"}]}]}}));
    let time = "2026-01-01T00:00:00Z";
    let event = json!({"events": [{"external_id": "u-4", "name": "n", "time": time}]});

    assert!(set.repeatable());
    assert!(!counts.repeatable());
    assert!(!deep.repeatable());
    assert!(!call("braze/users.track", event).repeatable());
    assert_ne!(set.envelope(), counts.envelope());
    assert_eq!(counts.envelope(), deep.envelope());
}

#[test]
fn calls_merge_only_with_an_equal_envelope_and_never_about_one_person() {
    let set = |group: &str, id: &str| {
        let with =
            json!({"subscription_group_id": group, "subscription_state": "subscribed", "external_id": [id]});
        call("braze/subscription.status.set", with)
    };
    let mut room = Room::new(find("braze/subscription.status.set").unwrap());
    room.take(&set("g", "u-1"));

    assert!(room.can_take(&set("g", "u-2")));
    assert!(!room.can_take(&set("h", "u-2")));
    assert!(!room.can_take(&set("g", "u-1")));
}

#[test]
fn two_people_become_one_body() {
    let (first, second) = (set_state("u-1", "g"), set_state("u-2", "g"));

    assert_eq!(
        sent(&[&first, &second]),
        json!({"subscription_group_id": "g", "subscription_state": "unsubscribed", "external_id": ["u-1", "u-2"]})
    );
}

fn set_state(id: &str, group: &str) -> Call {
    let with =
        json!({"subscription_group_id": group, "subscription_state": "unsubscribed", "external_id": [id]});
    call("braze/subscription.status.set", with)
}

#[test]
fn groups_that_agree_become_one_object() {
    let person = |id: &str, states: [&str; 2]| {
        let group = |group: &str, state: &str| json!({"subscription_group_id": group, "subscription_state": state, "external_ids": [id]});
        let [first, second] = states;
        call(
            "braze/v2.subscription.status.set",
            json!({"subscription_groups": [group("g", first), group("h", second)]}),
        )
    };
    let first = person("u-1", ["subscribed", "subscribed"]);
    let second = person("u-2", ["subscribed", "unsubscribed"]);

    let merged = sent(&[&first, &second]);

    assert_eq!(
        merged,
        json!({"subscription_groups": [
            {"subscription_group_id": "g", "subscription_state": "subscribed", "external_ids": ["u-1", "u-2"]},
            {"subscription_group_id": "h", "subscription_state": "subscribed", "external_ids": ["u-1"]},
            {"subscription_group_id": "h", "subscription_state": "unsubscribed", "external_ids": ["u-2"]},
        ]})
    );
}

#[test]
fn one_address_is_a_string_and_two_are_a_list() {
    let first =
        call("braze/email.status", json!({"email": ["a@example.com"], "subscription_state": "opted_in"}));
    let second =
        call("braze/email.status", json!({"email": "b@example.com", "subscription_state": "opted_in"}));

    assert_eq!(sent(&[&first]), json!({"subscription_state": "opted_in", "email": "a@example.com"}));
    assert_eq!(sent(&[&first, &second])["email"], json!(["a@example.com", "b@example.com"]));
}

#[test]
fn an_export_shares_a_body_only_if_its_answer_can_be_taken_apart() {
    let export = |member: &str, ids: Value, fields: &[&str]| {
        call("braze/users.export.ids", json!({member: ids, "fields_to_export": fields}))
    };
    let alias = json!([{"alias_name": "n", "alias_label": "l"}]);

    assert!(export("external_ids", json!(["u"]), &["external_id", "braze_id"]).mergeable());
    assert!(!export("external_ids", json!(["u"]), &["braze_id"]).mergeable());
    assert!(export("user_aliases", alias.clone(), &["user_aliases"]).mergeable());
    assert!(!export("user_aliases", alias, &["external_id"]).mergeable());
    assert!(!export("email_address", json!("a@example.com"), &["external_id"]).mergeable());
    assert!(!call("braze/users.export.ids", json!({"external_ids": ["u"]})).mergeable());
}

#[test]
fn a_read_carries_its_arguments_in_the_address() {
    let by_phone = json!({"subscription_group_id": "g", "phone": "+15551234567"});
    let by_phone = call("braze/subscription.status.get", by_phone);
    let by_id = |id: &str| call("braze/subscription.user.status", json!({"external_id": id}));

    assert!(!by_phone.mergeable());
    assert_eq!(
        by_phone.path_and_query(),
        "/subscription/status/get?subscription_group_id=g&phone=%2B15551234567"
    );
    assert!(by_phone.body().is_empty());
    assert_eq!(by_id("a b").path_and_query(), "/subscription/user/status?external_id=a%20b");
    assert_eq!(
        path_and_query(&[&by_id("a"), &by_id("ü")]),
        "/subscription/user/status?external_id[]=a&external_id[]=%C3%BC"
    );
}

#[test]
fn the_owner_of_an_item_is_found_by_array_and_index() {
    let time = "2026-01-01T00:00:00Z";
    let person = |id: &str, attributes: usize, events: usize| {
        let event = json!({"external_id": id, "name": "n", "time": time});
        let with = json!({"events": vec![event; events], "attributes": vec![json!({"external_id": id}); attributes]});
        call("braze/users.track", with)
    };
    let (first, second) = (person("u-1", 2, 1), person("u-2", 1, 2));
    let calls = [&first, &second];

    assert_eq!(
        [0, 1, 2, 3].map(|index| owner(&calls, "attributes", index)),
        [Some(0), Some(0), Some(1), None]
    );
    assert_eq!([0, 1, 2].map(|index| owner(&calls, "events", index)), [Some(0), Some(1), Some(1)]);
    assert_eq!(owner(&calls, "purchases", 0), None);
}

#[test]
fn hostile_text_arrives_as_it_was() {
    let hostile = "\u{0}\u{2028}\"}],{{x}}\\ ' é 😀";
    let call = track(json!({"external_id": hostile, "first_name": hostile}));

    assert_eq!(sent(&[&call])["attributes"][0]["first_name"], json!(hostile));
}

#[test]
fn a_call_shows_no_person() {
    let call = track(json!({"external_id": "marker-7f3c"}));

    assert!(!format!("{call:?} {:?} {:?}", call.envelope(), call.people()).contains("marker"));
}

#[test]
fn a_call_over_the_cap_in_bytes_or_people_is_refused() {
    let large = json!({"attributes": [{"external_id": "u", "text": "x".repeat(4_194_304)}]});
    let ids = |from: usize| (from..from + 30).map(|n| format!("u{n}")).collect::<Vec<_>>();
    let group = |ids: Vec<String>| json!({"subscription_group_id": "g", "subscription_state": "subscribed", "external_ids": ids});
    let many = json!({"subscription_groups": [group(ids(0)), group(ids(30))]});

    let refused = |action: &str, with: Value| Call::new(find(action).unwrap(), &with).unwrap_err().code;

    assert_eq!(refused("braze/users.track", large), "too_large");
    assert_eq!(refused("braze/v2.subscription.status.set", many), "too_many_items");
}

#[test]
fn no_action_has_more_arrays_than_a_room_counts() {
    for action in all() {
        assert!(action.batch.as_ref().is_none_or(|batch| batch.arrays.len() <= super::room::MOST_ARRAYS));
    }
}
