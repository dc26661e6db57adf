//! What the consent workflows that we ship make of one record: the call, or that there is none.
//!
//! Their texts are rendered as they stand, step after step, without engine and service; none of these
//! steps reads an answer. How calls are batched and sent is tested elsewhere.

use std::fs;

use privaflow::source::Source;
use privaflow::template::{Extra, Scope};
use privaflow::workflow::{Known, Setting, Step, StepKind, load};
use serde_json::{Value, json};

#[test]
fn a_consent_becomes_one_object_with_the_channel_that_changed() {
    let calls = calls(
        "consent-global",
        json!({ "external_id": "u-1", "email": "a@example.com" }),
        &[("Marketing e-mail", "WITHDRAWN")],
    );

    let object =
        json!({ "external_id": "u-1", "_update_existing_only": true, "email_subscribe": "unsubscribed" });
    assert_eq!(calls, [("users.track", json!({ "attributes": [object] }))]);
}

#[test]
fn a_later_consent_for_the_same_purpose_wins() {
    let consents = [
        ("Marketing e-mail", "WITHDRAWN"),
        ("Push notifications", "OPT_OUT"),
        ("Marketing e-mail", "ACTIVE"),
    ];
    let calls = calls("consent-global", json!({ "external_id": "u-1" }), &consents);

    let object = &calls[0].1["attributes"][0];
    assert_eq!(object["email_subscribe"], "opted_in");
    assert_eq!(object["push_subscribe"], "unsubscribed");
}

#[test]
fn an_unknown_status_or_purpose_makes_no_call() {
    for workflow in ["consent-global", "consent-groups", "consent-groups-track"] {
        for consent in [("Newsletter", "PENDING"), ("Marketing e-mail", "PENDING"), ("Surveys", "WITHDRAWN")]
        {
            assert_eq!(calls(workflow, json!({ "external_id": "u-1" }), &[consent]), [], "{workflow}");
        }
    }
}

#[test]
fn every_status_that_onetrust_documents_has_its_meaning_or_changes_nothing() {
    // OneTrust's OpenAPI, Universal Consent & Preference Management: the states of purposes, and the types
    // of transactions; `NOT_OPTED_OUT` is how another document of theirs spells one.
    let yes = ["ACTIVE", "OPT_IN", "ALWAYS_ACTIVE", "CONFIRMED"];
    let no = ["WITHDRAWN", "OPT_OUT", "HARD_OPT_OUT", "EXPIRED", "NO_CONSENT", "NOTGIVEN"];
    let neither = [
        "PENDING",
        "EXTEND",
        "CHANGE_PREFERENCES",
        "IMPLICIT",
        "NOT_OPT_OUT",
        "NOT_OPTED_OUT",
        "NO_OPT_OUT",
        "NO_CHOICE",
        "CANCEL",
    ];
    for (workflow, purpose) in [
        ("consent-global", "Marketing e-mail"),
        ("consent-groups", "Newsletter"),
        ("consent-groups-track", "Newsletter"),
    ] {
        let state = |status: &str| {
            let calls = calls(workflow, json!({ "external_id": "u-1" }), &[(purpose, status)]);
            let text = calls.iter().map(|(_, body)| body.to_string()).collect::<String>();
            let is_no = text.contains(r#""unsubscribed""#);
            let is_yes = text.contains(r#""subscribed""#) || text.contains(r#""opted_in""#);
            assert!(!(is_yes && is_no), "{text}");
            (is_yes, is_no)
        };

        assert!(yes.iter().all(|status| state(status) == (true, false)), "{workflow}");
        assert!(no.iter().all(|status| state(status) == (false, true)), "{workflow}");
        assert!(neither.iter().all(|status| state(status) == (false, false)), "{workflow}");
        let known = words(workflow);
        let is_counted = |status: &&&str| !known.contains(**status);
        let counted: Vec<_> = yes.iter().chain(&no).chain(&neither).filter(is_counted).collect();
        assert_eq!(counted, [&"PENDING"], "{workflow}");
    }
}

#[test]
fn a_person_is_addressed_in_exactly_one_way() {
    let alias = json!({ "alias_name": "n", "alias_label": "l" });
    let subjects = [
        (
            json!({ "external_id": "u", "email": "e", "phone": "p", "braze_id": "b", "aliases": [alias] }),
            "external_id",
        ),
        (json!({ "email": "e", "phone": "p", "braze_id": "b", "aliases": [alias] }), "braze_id"),
        (json!({ "email": "e", "phone": "p", "aliases": [alias] }), "user_alias"),
        (json!({ "email": "e", "phone": "p" }), "email"),
        (json!({ "phone": "p" }), "phone"),
    ];
    for workflow in ["consent-global", "consent-groups-track"] {
        for (subject, address) in &subjects {
            let consents = [("Marketing e-mail", "ACTIVE"), ("Newsletter", "ACTIVE")];
            let calls = calls(workflow, subject.clone(), &consents);

            let [(_, body)] = calls.as_slice() else { panic!("{workflow}: {calls:?}") };
            let object = body["attributes"][0].as_object().expect("an object");
            assert_eq!(object.keys().next().map(String::as_str), Some(*address), "{workflow}");
            assert_eq!(object["_update_existing_only"], true);
        }
    }
}

#[test]
fn all_groups_of_a_person_travel_in_one_object_and_none_twice() {
    let consents = [("Newsletter", "ACTIVE"), ("SMS offers", "EXPIRED"), ("Newsletter", "HARD_OPT_OUT")];
    let calls = calls("consent-groups-track", json!({ "external_id": "u-1" }), &consents);

    let groups = json!([
        { "subscription_group_id": "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01", "subscription_state": "unsubscribed" },
        { "subscription_group_id": "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a03", "subscription_state": "unsubscribed" },
    ]);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].1["attributes"][0]["subscription_groups"], groups);
}

#[test]
fn each_group_is_one_call_to_the_subscription_endpoint() {
    let consents = [("Newsletter", "ACTIVE"), ("Product news", "WITHDRAWN"), ("Newsletter", "OPT_OUT")];
    let calls = calls("consent-groups", json!({ "email": "a@example.com" }), &consents);

    let body = |group: &str| {
        let group = format!("6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a{group}");
        json!({ "subscription_group_id": group, "subscription_state": "unsubscribed", "email": ["a@example.com"] })
    };
    assert_eq!(calls, [("subscription.status.set", body("01")), ("subscription.status.set", body("02"))]);
}

#[test]
fn who_cannot_be_addressed_by_the_subscription_endpoint_is_reached_through_track() {
    let alias = json!({ "alias_name": "n", "alias_label": "l" });
    for (subject, address, value) in [
        (json!({ "aliases": [alias] }), "user_alias", alias.clone()),
        (json!({ "braze_id": "b", "aliases": [alias] }), "braze_id", json!("b")),
    ] {
        let calls = calls("consent-groups", subject, &[("Newsletter", "WITHDRAWN")]);

        let [(action, body)] = calls.as_slice() else { panic!("{calls:?}") };
        let object = &body["attributes"][0];
        assert_eq!((*action, &object[address]), ("users.track", &value));
        assert_eq!(object["_update_existing_only"], true);
        assert_eq!(object["subscription_groups"][0]["subscription_state"], "unsubscribed");
    }
}

/// The calls that a shipped workflow makes for a record with these purposes and statuses.
/// What a shipped workflow names.
fn words(workflow: &str) -> std::collections::HashSet<String> {
    let name = format!("workflows/{workflow}.yaml");
    let text = fs::read_to_string(&name).expect("the file is there");
    let workflow = load(&Source::new(name, &text), &Known::default()).0.expect("it has no mistakes");
    workflow.words.expect("it reads consents")
}

fn calls(workflow: &str, subject: Value, consents: &[(&str, &str)]) -> Vec<(&'static str, Value)> {
    let name = format!("workflows/{workflow}.yaml");
    let text = fs::read_to_string(&name).expect("the file is there");
    let workflow = load(&Source::new(name, &text), &Known::default()).0.expect("it has no mistakes");

    let consents: Vec<Value> =
        consents.iter().map(|(purpose, status)| json!({ "purpose": purpose, "status": status })).collect();
    let mut subject = subject;
    if subject.get("aliases").is_none() {
        subject["aliases"] = json!([]);
    }
    let mut scope = Scope::default();
    scope.set("subject", subject);
    scope.set("consents", Value::Array(consents));
    scope.set("vars", json!({}));
    for (name, tree) in &workflow.vars {
        let value = tree.render(&scope, &Extra::default()).expect("variables have values");
        write(&mut scope, name, value.unwrap_or_default());
    }
    let mut calls = Vec::new();
    walk(&workflow.steps, &mut scope, &mut calls);
    calls
}

/// Whether the steps came to their end, and not to a `stop`.
fn walk(steps: &[Step], scope: &mut Scope, calls: &mut Vec<(&'static str, Value)>) -> bool {
    for step in steps {
        if !step.condition.as_ref().is_none_or(|condition| condition.test(scope).expect("true or false")) {
            continue;
        }
        match &step.kind {
            StepKind::Action { action, with, .. } => {
                let body = with.render(scope, &Extra::default()).expect("the body renders");
                calls.push((action.id.as_str(), body.expect("the body is there")));
            }
            StepKind::Set(settings) => {
                for (name, setting) in settings {
                    let value = match setting {
                        Setting::Expression(expression) => expression.value(scope).expect("a value"),
                        Setting::Literal(value) => value.clone(),
                    };
                    write(scope, name, value);
                }
            }
            StepKind::ForEach { list, name, steps, .. } => {
                let items = list.value(scope).expect("a list");
                for item in items.as_array().expect("a list") {
                    scope.set(name, item.clone());
                    assert!(walk(steps, scope, calls), "no loop that we ship stops");
                }
            }
            StepKind::Assert { that, .. } => assert!(that.test(scope).expect("true or false")),
            StepKind::Stop(_) => return false,
            // A verification is off unless somebody turns it on.
            StepKind::Composed(composed) => calls.push((composed.action.id, Value::Null)),
            StepKind::Wait(_) | StepKind::Approve(_) | StepKind::Fail(_) | StepKind::Log(_) => {}
        }
    }
    true
}

fn write(scope: &mut Scope, name: &str, value: Value) {
    if let Some(Value::Object(vars)) = scope.data_mut().get_mut("vars") {
        vars.insert(name.to_owned(), value);
    }
}
