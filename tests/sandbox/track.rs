//! `/users/track`.

use privaflow::sandbox::{Identifiers, Options};
use serde_json::{Value, json};

use crate::client::{Braze, GROUP, OTHER_GROUP, alias};

async fn error_of(braze: &Braze, object: Value) -> Value {
    let good = json!({ "external_id": "good" });
    let answer = braze.post("/users/track", json!({ "attributes": [good, object] })).await;
    assert_eq!(answer.status, 201);
    let body = answer.body();
    assert_eq!((&body["message"], &body["attributes_processed"]), (&json!("success"), &json!(1)));
    assert_eq!(
        (&body["errors"][0]["input_array"], &body["errors"][0]["index"]),
        (&json!("attributes"), &json!(1))
    );
    assert_eq!(body["errors"].as_array().unwrap().len(), 1);
    body["errors"][0]["type"].clone()
}

#[tokio::test]
async fn the_sample_of_the_documentation_passes() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");

    let answer = braze
        .post(
            "/users/track",
            json!({ "attributes": [{
                "external_id": "u1", "_update_existing_only": true,
                "email_subscribe": "unsubscribed", "push_subscribe": "opted_in",
                "subscription_groups": [{ "subscription_group_id": GROUP, "subscription_state": "unsubscribed" }],
                "ccpa_do_not_sell": true, "old_attr": null,
            }] }),
        )
        .await;

    assert_eq!(
        (answer.status, answer.body()),
        (201, json!({ "message": "success", "attributes_processed": 1 }))
    );
    let profile = braze.profile("u1").unwrap();
    assert_eq!((profile.email_subscribe, profile.push_subscribe), ("unsubscribed", "opted_in"));
    assert_eq!(Value::Object(profile.subscription_groups), json!({ GROUP: "unsubscribed" }));
    assert_eq!(Value::Object(profile.attributes), json!({ "ccpa_do_not_sell": true }));
}

#[tokio::test]
async fn seventy_five_objects_are_the_most_over_all_three_arrays() {
    let braze = Braze::new().await;
    let people = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({ "external_id": format!("u{n}") })).collect()
    };
    let event = json!({ "external_id": "u1", "name": "e", "time": "2026-01-01T00:00:00Z" });

    let most =
        braze.post("/users/track", json!({ "attributes": people(74), "events": [event.clone()] })).await;
    let more = braze.post("/users/track", json!({ "attributes": people(75), "events": [event] })).await;

    assert_eq!(most.status, 201);
    assert_eq!((more.status, more.message()), (400, "Max Input Length Exceeded".to_owned()));
    assert_eq!(braze.live().len(), 74);
}

#[tokio::test]
async fn a_bad_object_is_named_by_array_and_index_and_the_others_are_applied() {
    let braze = Braze::new().await;
    let long = "é".repeat(494);
    let group = |id: &str, state: &str| json!({ "subscription_group_id": id, "subscription_state": state });
    let cases = [
        (
            json!({ "first_name": "A" }),
            "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required",
        ),
        (
            json!({ "external_id": null }),
            "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required",
        ),
        (json!({ "external_id": long }), "'external_id' must be fewer than 988 bytes"),
        (
            json!({ "external_id": "a", "braze_id": "b" }),
            "only one of 'external_id', 'braze_id' and 'user_alias' is allowed",
        ),
        (json!({ "external_id": "a", "email": "nonsense" }), "EMAIL_BAD_FORMAT"),
        (json!({ "external_id": "a", "email_subscribe": "no" }), "BAD_EMAIL_SUBSCRIPTION_STATE"),
        (json!({ "external_id": "a", "push_subscribe": true }), "BAD_PUSH_SUBSCRIPTION_STATE"),
        (json!({ "external_id": "a", "subscription_groups": {} }), "BAD_SUBSCRIPTION_GROUP_ARRAY"),
        (json!({ "external_id": "a", "subscription_groups": ["x"] }), "BAD_SUBSCRIPTION_GROUP_HASH"),
        (
            json!({ "external_id": "a", "subscription_groups": [group("x", "subscribed")] }),
            "BAD_SUBSCRIPTION_GROUP_ID",
        ),
        (
            json!({ "external_id": "a", "subscription_groups": [group(GROUP, "opted_in")] }),
            "BAD_SUBSCRIPTION_GROUP_STATE",
        ),
    ];
    for (object, expected) in cases {
        assert_eq!(error_of(&braze, object).await, expected);
    }
    assert_eq!(braze.live().len(), 1);
}

#[tokio::test]
async fn when_all_objects_are_bad_the_request_is_refused_with_the_list() {
    let braze = Braze::new().await;

    let answer =
        braze.post("/users/track", json!({ "attributes": [{}], "events": [{ "external_id": "u" }] })).await;

    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message(),
        "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
    );
    assert_eq!(answer.body()["errors"][1]["input_array"], "events");
    assert_eq!(braze.post("/users/track", json!({})).await.status, 400);
}

#[tokio::test]
async fn unknown_people_are_created_unless_only_existing_ones_may_be_updated() {
    let braze = Braze::new().await;
    let objects = json!([
        { "external_id": "new" }, { "email": "new@example.com" }, { "phone": "+15550000001" },
        { "external_id": "x", "_update_existing_only": true }, { "email": "x@example.com", "_update_existing_only": true },
        { "user_alias": { "alias_name": "x", "alias_label": "l" } }, { "braze_id": "5eea" },
        { "user_alias": { "alias_name": "n", "alias_label": "l" }, "_update_existing_only": false },
    ]);

    let answer = braze.post("/users/track", json!({ "attributes": objects })).await;

    assert_eq!((answer.status, answer.body()["errors"].clone()), (201, Value::Null));
    let live = braze.live();
    assert_eq!(live.len(), 4);
    assert_eq!(live[3].aliases, [("n".to_owned(), "l".to_owned())]);
}

#[tokio::test]
async fn every_identifier_leads_to_the_person() {
    let braze = Braze::new().await;
    braze.sandbox.seed_subject(&Identifiers {
        external_id: Some("u1".to_owned()),
        email: Some("a@example.com".to_owned()),
        phone: Some("+15551234567".to_owned()),
        braze_id: Some("5eea1234567890abcdef0001".to_owned()),
        aliases: vec![alias("n", "l")],
        ..Identifiers::default()
    });
    let names = json!([
        { "external_id": "u1", "a": 1 }, { "email": "a@example.com", "b": 1 }, { "phone": "+15551234567", "c": 1 },
        { "braze_id": "5eea1234567890abcdef0001", "d": 1 }, { "user_alias": { "alias_name": "n", "alias_label": "l" }, "e": 1 },
    ]);

    braze.post("/users/track", json!({ "attributes": names })).await;

    assert_eq!(braze.live().len(), 1);
    let attributes = Value::Object(braze.profile("u1").unwrap().attributes);
    assert_eq!(attributes, json!({ "a": 1, "b": 1, "c": 1, "d": 1, "e": 1 }));
}

#[tokio::test]
async fn by_a_shared_email_one_profile_changes_the_most_recent_with_an_external_id() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");
    braze
        .sandbox
        .add_profile(&Identifiers { email: Some("a@example.com".to_owned()), ..Identifiers::default() });
    let by_email = json!({ "attributes": [{ "email": "a@example.com", "x": 1 }] });

    braze.post("/users/track", by_email.clone()).await;
    assert!(!braze.profile("u2").unwrap().attributes.is_empty());
    assert!(braze.profile("u1").unwrap().attributes.is_empty());

    braze.post("/users/track", json!({ "attributes": [{ "external_id": "u1", "y": 1 }] })).await;
    braze.post("/users/track", by_email).await;
    assert_eq!(braze.profile("u1").unwrap().attributes.len(), 2);
}

#[tokio::test]
async fn group_states_spread_to_everybody_with_the_same_email() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");
    braze.seed("u3", "b@example.com");
    let groups = json!([{ "subscription_group_id": GROUP, "subscription_state": "unsubscribed" }]);

    braze
        .post(
            "/users/track",
            json!({ "attributes": [{ "external_id": "u1", "subscription_groups": groups }] }),
        )
        .await;

    assert_eq!(braze.profile("u2").unwrap().subscription_groups[GROUP], "unsubscribed");
    assert!(braze.profile("u3").unwrap().subscription_groups.is_empty());
}

#[tokio::test]
async fn with_a_list_of_groups_others_do_not_exist() {
    let braze = Braze::with(Options { groups: Some(vec![GROUP.to_owned()]), ..Options::default() }).await;
    let groups = json!([{ "subscription_group_id": OTHER_GROUP, "subscription_state": "subscribed" }]);

    let error = error_of(&braze, json!({ "external_id": "a", "subscription_groups": groups })).await;

    assert_eq!(error, "BAD_SUBSCRIPTION_GROUP_ID");
}

#[tokio::test]
async fn attributes_are_set_removed_counted_and_kept_as_lists() {
    let braze = Braze::new().await;
    let send = |object: Value| braze.post("/users/track", json!({ "attributes": [object] }));

    send(json!({ "external_id": "u", "n": 5, "s": "\u{2028}\"{{x}}", "l": [1, 2], "gone": 1, "o": { "a": 1 } })).await;
    send(json!({ "external_id": "u", "n": { "inc": 2 }, "l": { "add": [2, 3] }, "gone": null })).await;
    send(json!({ "external_id": "u", "l": { "remove": [1] }, "o": { "a": null } })).await;

    let attributes = Value::Object(braze.profile("u").unwrap().attributes);
    assert_eq!(attributes, json!({ "n": 7, "s": "\u{2028}\"{{x}}", "l": [2, 3], "o": { "a": 1 } }));
}

#[tokio::test]
async fn a_changed_email_resets_the_global_state_unless_the_object_sets_it() {
    let braze = Braze::new().await;
    for id in ["u1", "u2"] {
        braze.seed(id, &format!("{id}@example.com"));
        braze
            .post(
                "/users/track",
                json!({ "attributes": [{ "external_id": id, "email_subscribe": "unsubscribed" }] }),
            )
            .await;
    }
    let objects = json!([
        { "external_id": "u1", "email": "new1@example.com" },
        { "external_id": "u2", "email": "new2@example.com", "email_subscribe": "unsubscribed" },
    ]);

    braze.post("/users/track", json!({ "attributes": objects })).await;

    assert_eq!(braze.profile("u1").unwrap().email_subscribe, "subscribed");
    assert_eq!(braze.profile("u2").unwrap().email_subscribe, "unsubscribed");
}

#[tokio::test]
async fn events_and_purchases_are_appended_each_time() {
    let braze = Braze::new().await;
    let body = json!({
        "events": [{ "external_id": "u", "name": "watched", "time": "2026-01-01T00:00:00Z" }],
        "purchases": [{ "external_id": "u", "product_id": "p", "currency": "EUR", "price": 1.5, "time": "2026-01-01T00:00:00+01:00" }],
    });

    braze.post("/users/track", body.clone()).await;
    let answer = braze.post("/users/track", body).await;

    assert_eq!(
        answer.body(),
        json!({ "message": "success", "events_processed": 1, "purchases_processed": 1 })
    );
    let profile = braze.profile("u").unwrap();
    assert_eq!((profile.events.len(), profile.purchases.len()), (2, 2));
}
