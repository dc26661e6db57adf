//! A call that was cast is the call that would have been made the long way, or none.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Call, Mold};
use crate::catalogue::{Action, find};
use crate::template::{Extra, Scope, Tree};

fn compiled(with: &Value) -> Tree {
    Tree::compile(with, &mut |_, mistake| panic!("{mistake:?}")).unwrap()
}

fn mold(action: &str, with: &Value) -> Option<Mold> {
    Mold::of(find(action).unwrap(), compiled(with).root())
}

fn scope(data: Value) -> Scope {
    Scope::new(data.as_object().cloned().unwrap())
}

fn long_way(action: &'static Action, with: &Value, scope: &Scope) -> Option<Call> {
    let body = compiled(with).render(scope, &Extra::default()).ok()??;
    Call::new(action, &body).ok()
}

/// Everything that a call says of itself.
fn told(call: &Call) -> impl PartialEq + std::fmt::Debug + use<> {
    let items: Vec<_> = call.items().iter().map(|item| (item.array(), item.text(call).to_vec())).collect();
    let size = (call.bytes(), call.frame_bytes, call.own_bytes);
    let merging = (call.mergeable(), call.repeatable(), call.envelope().clone());
    let (people, targets) = (call.people().to_vec(), call.targets().to_vec());
    (call.body(), items, size, merging, people, targets, call.keeps_turn())
}

#[test]
fn what_workflows_usually_send_can_be_cast() {
    let person = json!({"s": {"id": "u-1", "alias": {"alias_label": "l", "alias_name": "n"}}, "v": {"state": "unsubscribed", "groups": [
        {"subscription_group_id": "g", "subscription_state": "unsubscribed"}]}});
    let usual = [
        (
            "braze/users.track",
            json!({"attributes": [{"external_id": "{{s.id}}", "_update_existing_only": true,
            "email_subscribe": "{{optional v.state}}", "push_subscribe": "{{optional v.none}}"}]}),
        ),
        (
            "braze/users.track",
            json!({"attributes": [{"external_id": "{{s.id}}",
            "subscription_groups": "{{v.groups}}"}]}),
        ),
        (
            "braze/users.track",
            json!({"attributes": [{"user_alias": "{{s.alias}}", "_update_existing_only": false,
            "email_subscribe": "{{v.state}}"}]}),
        ),
        ("braze/users.delete", json!({"external_ids": ["{{s.id}}"]})),
        (
            "braze/subscription.status.set",
            json!({"subscription_group_id": "g",
            "subscription_state": "{{v.state}}", "external_id": ["{{s.id}}"]}),
        ),
        ("braze/email.status", json!({"email": ["{{s.id}}"], "subscription_state": "{{v.state}}"})),
    ];
    for (name, with) in usual {
        let action = find(name).unwrap();
        let scope = scope(person.clone());

        let call = mold(name, &with).unwrap().cast(&scope, &Extra::default()).unwrap();

        assert_eq!(told(&call), told(&long_way(action, &with, &scope).unwrap()), "{name} {with}");
    }
}

#[test]
fn what_could_be_another_call_the_next_time_is_not_cast() {
    let unusual = [
        ("braze/users.track", json!({"attributes": "{{v.list}}"})),
        ("braze/users.track", json!({"attributes": [{"external_id": "{{s.id}}", "key": "{{uuid}}"}]})),
        (
            "braze/users.track",
            json!({"attributes": [{"external_id": "{{optional s.id}}", "email": "{{s.mail}}"}]}),
        ),
        ("braze/users.track", json!({"attributes": [{"external_id": "{{s.id}}", "n": {"inc": 1}}]})),
        (
            "braze/users.track",
            json!({"attributes": [{"external_id": "{{s.id}}"}],
            "events": [{"external_id": "{{s.id}}", "name": "n", "time": "t"}]}),
        ),
        ("braze/users.delete", json!({"external_ids": ["{{optional s.id}}"]})),
        (
            "braze/users.export.ids",
            json!({"external_ids": ["{{s.id}}"], "fields_to_export": ["external_id"]}),
        ),
        ("braze/subscription.status.get", json!({"external_id": ["{{s.id}}"], "subscription_group_id": "g"})),
    ];
    for (name, with) in unusual {
        assert!(mold(name, &with).is_none(), "{name} {with}");
    }
}

/// A value as data or a workflow may hold it.
fn value() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!(7)),
        Just(json!("")),
        Just(json!(" ")),
        Just(json!("unsubscribed")),
        Just(json!("opted_in")),
        Just(json!("+15551234567")),
        "[a-z\"\\\\\u{1}\u{2028}é]{1,8}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("inc"),
        Just("alias_name"),
        Just("alias_label"),
        Just("subscription_group_id"),
        Just("subscription_state")
    ];
    one.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..3).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// A leaf of a workflow.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[a-e]".prop_map(|name| json!(format!("{{{{d.{name}}}}}"))),
        2 => "[a-f]".prop_map(|name| json!(format!("{{{{optional d.{name}}}}}"))),
        1 => "[a-f]".prop_map(|name| json!(format!("{{{{default d.{name} \"x\"}}}}"))),
        2 => value(),
    ]
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::collection::vec((prop::sample::select(names), leaf()), 0..5)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn with() -> impl Strategy<Value = (&'static str, Value)> {
    let attribute = object(&[
        "external_id",
        "external_id",
        "email",
        "user_alias",
        "braze_id",
        "_update_existing_only",
        "email_subscribe",
        "subscription_groups",
        "nickname",
        "score",
    ]);
    let ids = || prop::collection::vec(leaf(), 0..3).prop_map(Value::from);
    let group = (leaf(), leaf(), prop::sample::select(vec!["external_id", "email", "phone"]), ids());
    prop_oneof![
        3 => prop::collection::vec(attribute, 1..3)
            .prop_map(|attributes| ("braze/users.track", json!({ "attributes": attributes }))),
        1 => ids().prop_map(|ids| ("braze/users.delete", json!({ "external_ids": ids }))),
        1 => (leaf(), ids()).prop_map(|(state, ids)| {
            ("braze/email.status", json!({ "subscription_state": state, "email": ids }))
        }),
        2 => group.prop_map(|(group, state, name, ids)| {
            let fixed = json!({ "subscription_group_id": group, "subscription_state": state, name: ids });
            ("braze/subscription.status.set", fixed)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_call_is_cast_as_it_would_be_made_the_long_way(
        (name, with) in with(), data in prop::collection::hash_map("[a-e]", value(), 5..8),
    ) {
        let action = find(name).unwrap();
        let data: serde_json::Map<String, Value> = data.into_iter().collect();
        let scope = scope(json!({ "d": data }));

        let cast = mold(name, &with).and_then(|mold| mold.cast(&scope, &Extra::default()));

        if let Some(call) = cast {
            let made = long_way(action, &with, &scope);
            prop_assert!(made.is_some(), "cast, but refused the long way");
            prop_assert_eq!(told(&call), told(&made.unwrap()));
        }
    }
}
