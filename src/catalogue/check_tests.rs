//! What the catalogue refuses, of texts and of rendered values.

use serde_json::{Value, json};

use super::{check, check_rendered, find};
use crate::template::Tree;

/// Code and message of the first thing wrong with a rendered `with`.
fn refusal(action: &str, with: Value) -> (&'static str, String) {
    let refusal = check_rendered(find(action).unwrap(), &with).unwrap_err();
    (refusal.code, refusal.message.into_owned())
}

fn accepts(action: &str, with: Value) {
    assert_eq!(check_rendered(find(action).unwrap(), &with), Ok(()));
}

#[test]
fn what_the_documentation_shows_is_accepted() {
    accepts("braze/users.delete", json!({"external_ids": ["u1", "u2"]}));
    accepts("braze/users.delete", json!({"user_aliases": [{"alias_name": "a", "alias_label": "l"}]}));
    let by_mail =
        json!({"email": "x@example.com", "prioritization": ["identified", "most_recently_updated"]});
    accepts("braze/users.delete", json!({"email_addresses": [by_mail]}));
    let group = json!({"subscription_group_id": "g1", "subscription_state": "unsubscribed"});
    let person = json!({"external_id": "u1", "_update_existing_only": true, "email_subscribe": "unsubscribed",
        "subscription_groups": [group], "ccpa_do_not_sell": true, "old_attr": null, "email": null, "nested": {"a": [1]}});
    accepts("braze/users.track", json!({"attributes": [person]}));
    accepts("braze/email.status", json!({"email": "x@example.com", "subscription_state": "opted_in"}));
    accepts(
        "braze/users.export.ids",
        json!({"email_address": "x@example.com", "fields_to_export": ["braze_id"]}),
    );
    accepts("braze/subscription.user.status", json!({"external_id": ["u1"], "limit": 100}));
    let group = json!({"subscription_group_id": "g", "subscription_state": "subscribed", "emails": ["x@example.com"]});
    accepts("braze/v2.subscription.status.set", json!({"subscription_groups": [group]}));
}

#[test]
fn an_identifier_that_is_a_number_is_refused_and_not_converted() {
    let (code, message) = refusal("braze/users.track", json!({"attributes": [{"external_id": 17}]}));

    assert_eq!(code, "wrong_type");
    assert_eq!(message, "`attributes[0].external_id` is a number, but must be a string");
}

#[test]
fn an_empty_list_of_people_is_refused() {
    let (code, message) = refusal("braze/users.delete", json!({"braze_ids": []}));

    assert_eq!((code, message.as_str()), ("missing_field", "`braze_ids` is empty"));
}

#[test]
fn every_refusal_has_its_code_and_no_value() {
    let secret = "marker-7f3c";
    let long = format!("{secret}{}", "x".repeat(987));
    let many: Vec<String> = (0..51).map(|n| format!("{secret}{n}")).collect();
    let attribute = |more: Value| json!({"attributes": [more]});
    let cases = [
        ("missing_field", "braze/users.delete", json!({})),
        ("unknown_field", "braze/users.delete", json!({"external_id": [secret]})),
        ("exclusive_fields", "braze/users.delete", json!({"external_ids": [secret], "braze_ids": [secret]})),
        ("too_many_items", "braze/users.delete", json!({"external_ids": many})),
        ("bad_value", "braze/users.delete", json!({"external_ids": [""]})),
        ("bad_value", "braze/users.delete", json!({"external_ids": [long]})),
        ("wrong_type", "braze/users.delete", json!({"external_ids": secret})),
        ("wrong_type", "braze/users.delete", json!([secret])),
        ("wrong_type", "braze/users.delete", json!({"email_addresses": [secret]})),
        ("no_identifier", "braze/users.track", attribute(json!({"first_name": secret}))),
        ("no_identifier", "braze/users.track", attribute(json!({"email": null}))),
        ("wrong_type", "braze/users.track", attribute(json!({"external_id": null, "a": secret}))),
        ("exclusive_fields", "braze/users.track", attribute(json!({"external_id": secret, "braze_id": "b"}))),
        ("bad_value", "braze/users.track", attribute(json!({"external_id": "u", "email_subscribe": secret}))),
        (
            "bad_value",
            "braze/users.track",
            attribute(json!({"user_alias": {"alias_name": "x".repeat(237), "alias_label": "l"}})),
        ),
        ("missing_field", "braze/users.track", attribute(json!({"user_alias": {"alias_name": secret}}))),
        ("missing_field", "braze/users.track", json!({"attributes": []})),
        ("missing_field", "braze/email.status", json!({"email": secret})),
        ("bad_value", "braze/subscription.user.status", json!({"external_id": secret, "limit": 101})),
    ];
    for (code, action, with) in cases {
        let (given, message) = refusal(action, with);

        assert_eq!(given, code, "{message}");
        assert!(!message.contains("marker"), "{message}");
    }
}

#[test]
fn the_three_lists_of_track_have_one_cap_together() {
    let person = json!({"external_id": "u"});
    let event = json!({"external_id": "u", "name": "n", "time": "2026-01-01T00:00:00Z"});

    accepts(
        "braze/users.track",
        json!({"attributes": vec![person.clone(); 40], "events": vec![event.clone(); 35]}),
    );
    let (code, _) =
        refusal("braze/users.track", json!({"attributes": vec![person; 40], "events": vec![event; 36]}));

    assert_eq!(code, "too_many_items");
}

#[test]
fn e_mails_and_phones_never_stand_in_one_request_to_the_second_subscription_endpoint() {
    let group = |member: &str, id: &str| json!({"subscription_group_id": "g", "subscription_state": "subscribed", member: [id]});

    let mixed = [group("emails", "x@example.com"), group("phones", "+15551234567")];
    assert_eq!(
        refusal("braze/v2.subscription.status.set", json!({"subscription_groups": mixed})).0,
        "exclusive_fields"
    );
    assert_eq!(
        refusal(
            "braze/v2.subscription.status.set",
            json!({"subscription_groups": [group("phones", "0555")]})
        )
        .0,
        "bad_value"
    );
}

#[test]
fn all_mistakes_of_a_text_are_found_at_once_and_placed() {
    let text = json!({"external_idz": ["a"], "email_addresses": [{"email": "x", "prioritization": ["identifed"]}],
        "braze_ids": "b"});
    let with = Tree::compile(&text, &mut |_, mistake| panic!("{mistake:?}")).unwrap();

    let found = check(find("braze/users.delete").unwrap(), with.root());

    let told: Vec<String> = found
        .iter()
        .map(|(path, mistake)| {
            let help = mistake.help.as_deref().unwrap_or_default();
            format!("{} {} ({help}) {}", mistake.code, mistake.message, path.len())
        })
        .collect();
    assert_eq!(
        told,
        [
            "unknown_field `external_idz` is not a field of `braze/users.delete` (did you mean `external_ids`?) 1",
            "bad_value `email_addresses[0].prioritization[0]` must be `identified`, `unidentified` or \
             `most_recently_updated` (did you mean `identified`?) 4",
            "wrong_type `braze_ids` is a string, but must be a list of strings (write it as a list: `[…]`) 1",
            "exclusive_fields `braze_ids` and `email_addresses` exclude each other (keep one of them, or make two \
             steps) 1",
        ]
    );
}

/// Codes of what is certainly wrong with a text.
fn codes(action: &str, text: Value) -> Vec<&'static str> {
    let with = Tree::compile(&text, &mut |_, mistake| panic!("{mistake:?}")).unwrap();
    check(find(action).unwrap(), with.root()).iter().map(|(_, mistake)| mistake.code).collect()
}

#[test]
fn a_template_breaks_no_rule_but_those_about_which_fields_stand() {
    let id = "{{ subject.external_id }}";
    let optional = "{{optional subject.external_id}}";
    let mail = json!({"email": "{{optional subject.email}}", "external_id": optional, "a": "{{ fields.a }}"});

    assert!(codes("braze/users.delete", json!({"external_ids": [id]})).is_empty());
    assert!(codes("braze/users.delete", json!({"external_ids": "{{ vars.found }}"})).is_empty());
    assert!(codes("braze/users.track", json!({"attributes": [mail]})).is_empty());
    assert_eq!(
        codes("braze/users.delete", json!({"external_ids": [id], "braze_ids": [id]})),
        ["exclusive_fields"]
    );
    assert!(codes("braze/users.delete", json!({"external_ids": optional, "braze_ids": optional})).is_empty());
    assert_eq!(codes("braze/users.delete", json!({"external_ids": vec![id; 51]})), ["too_many_items"]);
    assert_eq!(codes("braze/users.delete", json!({"external_idd": [id]})), ["unknown_field"]);
    assert_eq!(codes("braze/users.track", json!({"attributes": [{"a": id}]})), ["no_identifier"]);
    assert_eq!(codes("braze/email.status", json!({"email": id})), ["missing_field"]);
}
