//! `/users/export/ids`, and how subjects of an input become profiles.

use privaflow::sandbox::Identifiers;
use serde_json::json;

use crate::client::{Braze, alias};

#[tokio::test]
async fn all_profiles_of_an_email_are_exported_with_the_fields_that_were_asked_for() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");
    braze
        .post("/users/track", json!({ "attributes": [{ "external_id": "u1", "first_name": "É", "x": 1 }] }))
        .await;

    let answer = braze
        .post(
            "/users/export/ids",
            json!({ "email_address": "a@example.com", "fields_to_export": ["external_id", "first_name", "custom_attributes"] }),
        )
        .await;

    assert_eq!(answer.status, 201);
    let users = json!([{ "external_id": "u1", "first_name": "É", "custom_attributes": { "x": 1 } }, { "external_id": "u2" }]);
    assert_eq!(answer.body(), json!({ "message": "success", "users": users }));
}

#[tokio::test]
async fn fields_to_export_must_stand() {
    let braze = Braze::new().await;

    assert_eq!(braze.post("/users/export/ids", json!({ "external_ids": ["u1"] })).await.status, 400);
}

#[tokio::test]
async fn fifty_ids_or_one_address_and_no_more() {
    let braze = Braze::new().await;
    let fields = json!(["braze_id"]);
    let ids: Vec<String> = (0..51).map(|n| n.to_string()).collect();

    let many =
        braze.post("/users/export/ids", json!({ "external_ids": ids, "fields_to_export": fields })).await;
    let two =
        json!({ "email_address": "a@example.com", "phone": "+15551234567", "fields_to_export": fields });
    let none = braze.post("/users/export/ids", json!({ "fields_to_export": fields })).await;

    assert_eq!(many.message(), "The max number of external_ids and aliases per request was exceeded");
    assert_eq!(
        (many.status, braze.post("/users/export/ids", two).await.status, none.status),
        (400, 400, 400)
    );
}

#[tokio::test]
async fn unknown_external_ids_are_listed_and_unknown_addresses_are_just_empty() {
    let braze = Braze::new().await;
    braze.seed("u1", "");

    let by_id = braze.export(json!({ "external_ids": ["u1", "nobody"] })).await;
    let by_email = braze.export(json!({ "email_address": "nobody@example.com" })).await;

    assert_eq!(
        (by_id["users"].as_array().unwrap().len(), &by_id["invalid_user_ids"]),
        (1, &json!(["nobody"]))
    );
    assert_eq!(by_email, json!({ "message": "success", "users": [] }));
}

#[tokio::test]
async fn an_exported_braze_id_leads_back_to_the_person() {
    let braze = Braze::new().await;
    for number in 0..5 {
        braze.seed(&format!("u{number}"), "");
    }
    let exported = braze.export(json!({ "external_ids": ["u3"] })).await;

    let again = braze.export(json!({ "braze_id": exported["users"][0]["braze_id"] })).await;

    assert_eq!(again["users"][0]["external_id"], "u3");
}

#[tokio::test]
async fn the_order_of_an_inputs_subjects_does_not_change_who_is_there() {
    let email = Some("a@example.com".to_owned());
    let anonymous = Identifiers { email: email.clone(), ..Identifiers::default() };
    let named = |id: &str| Identifiers { external_id: Some(id.to_owned()), ..anonymous.clone() };
    for subjects in
        [[anonymous.clone(), named("u1"), named("u2")], [named("u1"), named("u2"), anonymous.clone()]]
    {
        let braze = Braze::new().await;

        for subject in subjects.iter().chain(&subjects) {
            braze.sandbox.seed_subject(subject);
        }

        assert_eq!(braze.live().len(), 2);
        assert!(braze.profile("u1").is_some() && braze.profile("u2").is_some());
    }
}

#[tokio::test]
async fn an_identifier_that_cannot_join_a_profile_gets_one_of_its_own() {
    let braze = Braze::new().await;
    braze.seed("u1", "old@example.com");

    braze.seed("u1", "new@example.com");

    assert_eq!(braze.live().len(), 2);
    assert_eq!(
        braze.export(json!({ "email_address": "old@example.com" })).await["users"][0]["external_id"],
        "u1"
    );
    let fresh = braze.export(json!({ "email_address": "new@example.com" })).await;
    assert_eq!(fresh["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_subject_with_a_braze_id_or_an_alias_alone_is_found_by_it() {
    let braze = Braze::new().await;
    let braze_id = Some("5eea1234567890abcdef0001".to_owned());
    braze.sandbox.seed_subject(&Identifiers { braze_id, ..Identifiers::default() });
    braze.sandbox.seed_subject(&Identifiers { aliases: vec![alias("n", "l")], ..Identifiers::default() });

    let by_id = braze.export(json!({ "braze_id": "5eea1234567890abcdef0001" })).await;
    let by_alias = braze.export(json!({ "user_aliases": [{ "alias_name": "n", "alias_label": "l" }] })).await;

    assert_eq!(by_id["users"][0]["braze_id"], "5eea1234567890abcdef0001");
    assert_eq!(by_alias["users"][0]["user_aliases"], json!([{ "alias_name": "n", "alias_label": "l" }]));
}

#[tokio::test]
async fn everybody_who_was_seen_on_a_device_is_found_by_it_anonymous_or_not() {
    let braze = Braze::new().await;
    let on_it = |external_id: Option<&str>| Identifiers {
        external_id: external_id.map(str::to_owned),
        device_ids: vec!["d-1".to_owned()],
        ..Identifiers::default()
    };
    assert!(braze.sandbox.add_profile(&on_it(None)) && braze.sandbox.add_profile(&on_it(Some("u1"))));

    let body = json!({ "device_id": "d-1", "fields_to_export": ["external_id", "devices"] });
    let users = braze.post("/users/export/ids", body.clone()).await.body()["users"].take();

    assert_eq!((users.as_array().unwrap().len(), &users[1]["external_id"]), (2, &json!("u1")));
    assert_eq!(users[0]["devices"][0]["device_id"], "d-1");
    braze.post("/users/delete", json!({ "external_ids": ["u1"] })).await;
    braze.pass(std::time::Duration::from_secs(3));
    assert_eq!(braze.post("/users/export/ids", body).await.body()["users"].as_array().unwrap().len(), 1);
}
