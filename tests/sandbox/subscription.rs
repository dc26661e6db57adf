//! Subscription groups and the global e-mail state.

use std::time::Duration;

use privaflow::sandbox::Options;
use serde_json::{Value, json};

use crate::client::{Braze, GROUP, OTHER_GROUP};

fn group(state: &str) -> Value {
    json!({ "subscription_group_id": GROUP, "subscription_state": state })
}

fn v1(people: Value) -> Value {
    let mut body = group("unsubscribed");
    body.as_object_mut().unwrap().extend(people.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn the_first_version_sets_one_group_for_ids_in_the_singular() {
    let braze = Braze::new().await;
    braze.seed("u1", "");

    let answer = braze.post("/subscription/status/set", v1(json!({ "external_id": ["u1", "nobody"] }))).await;

    assert_eq!((answer.status, answer.body()), (201, json!({ "message": "success" })));
    assert_eq!(braze.profile("u1").unwrap().subscription_groups[GROUP], "unsubscribed");
    assert_eq!(
        braze.post("/subscription/status/set", v1(json!({ "external_ids": ["u1"] }))).await.status,
        400
    );
}

#[tokio::test]
async fn the_second_version_sets_several_groups_for_ids_in_the_plural() {
    let braze = Braze::new().await;
    braze.seed("u1", "");
    let groups = json!([
        { "subscription_group_id": GROUP, "subscription_state": "subscribed", "external_ids": ["u1"] },
        { "subscription_group_id": OTHER_GROUP, "subscription_state": "unsubscribed", "external_ids": ["u1"] },
    ]);

    let answer = braze.post("/v2/subscription/status/set", json!({ "subscription_groups": groups })).await;

    assert_eq!((answer.status, answer.body()), (201, json!({ "message": "success" })));
    let groups = Value::Object(braze.profile("u1").unwrap().subscription_groups);
    assert_eq!(groups, json!({ GROUP: "subscribed", OTHER_GROUP: "unsubscribed" }));
}

#[tokio::test]
async fn an_address_changes_every_profile_that_has_it() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");

    braze.post("/subscription/status/set", v1(json!({ "email": ["a@example.com"] }))).await;

    for id in ["u1", "u2"] {
        assert_eq!(braze.profile(id).unwrap().subscription_groups[GROUP], "unsubscribed");
    }
}

#[tokio::test]
async fn an_unknown_group_refuses_the_whole_call() {
    let braze = Braze::with(Options { groups: Some(vec![GROUP.to_owned()]), ..Options::default() }).await;
    braze.seed("u1", "");
    let groups = json!([
        { "subscription_group_id": GROUP, "subscription_state": "unsubscribed", "external_ids": ["u1"] },
        { "subscription_group_id": OTHER_GROUP, "subscription_state": "unsubscribed", "external_ids": ["u1"] },
    ]);

    let answer = braze.post("/v2/subscription/status/set", json!({ "subscription_groups": groups })).await;

    assert_eq!((answer.status, answer.message()), (400, "Invalid subscription group ID".to_owned()));
    assert!(braze.profile("u1").unwrap().subscription_groups.is_empty());
}

#[tokio::test]
async fn email_and_phone_exclude_each_other_over_the_whole_request() {
    let braze = Braze::new().await;
    let message = "Either an email address or a phone number should be provided, but not both.";
    let groups = json!([
        { "subscription_group_id": GROUP, "subscription_state": "subscribed", "emails": ["a@example.com"] },
        { "subscription_group_id": OTHER_GROUP, "subscription_state": "subscribed", "phones": ["+15551234567"] },
    ]);

    let first = braze
        .post(
            "/subscription/status/set",
            v1(json!({ "email": ["a@example.com"], "phone": ["+15551234567"] })),
        )
        .await;
    let second = braze.post("/v2/subscription/status/set", json!({ "subscription_groups": groups })).await;

    assert_eq!((first.status, first.message().as_str()), (400, message));
    assert_eq!((second.status, second.message().as_str()), (400, message));
}

#[tokio::test]
async fn fifty_people_known_states_and_international_numbers_only() {
    let braze = Braze::new().await;
    let ids: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    let v2 =
        |group: Value| braze.post("/v2/subscription/status/set", json!({ "subscription_groups": [group] }));
    let with = |state: &str, list: &str, people: Value| json!({ "subscription_group_id": GROUP, "subscription_state": state, list: people });

    assert_eq!(v2(with("subscribed", "external_ids", json!(ids))).await.status, 400);
    assert_eq!(v2(with("subscribed", "external_ids", json!(ids[1..]))).await.status, 201);
    assert_eq!(v2(with("opted_in", "external_ids", json!(["u1"]))).await.status, 400);
    assert_eq!(v2(with("subscribed", "phones", json!(["0555 123"]))).await.status, 400);
    assert_eq!(v2(with("subscribed", "phones", json!(["+15551234567"]))).await.status, 201);
    assert_eq!(v2(group("subscribed")).await.status, 400);
    assert_eq!(braze.post("/subscription/status/set", v1(json!({ "external_id": ids }))).await.status, 400);
}

#[tokio::test]
async fn a_group_state_waits_thirty_days_for_a_profile_with_the_address() {
    let braze = Braze::new().await;
    braze
        .post("/subscription/status/set", v1(json!({ "email": ["soon@example.com", "late@example.com"] })))
        .await;
    let create = |id: &str, email: &str| {
        braze.post("/users/track", json!({ "attributes": [{ "external_id": id, "email": email }] }))
    };

    create("soon", "soon@example.com").await;
    braze.pass(Duration::from_secs(30 * 24 * 60 * 60));
    create("late", "late@example.com").await;

    assert_eq!(braze.profile("soon").unwrap().subscription_groups[GROUP], "unsubscribed");
    assert!(braze.profile("late").unwrap().subscription_groups.is_empty());
}

#[tokio::test]
async fn the_global_state_is_set_for_an_address_and_waits_for_a_profile() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");
    let status = |email: Value, state: &str| {
        braze.post("/email/status", json!({ "email": email, "subscription_state": state }))
    };

    let answer = status(json!(["a@example.com", "new@example.com"]), "unsubscribed").await;
    assert_eq!((answer.status, answer.body()), (201, json!({ "message": "success" })));
    status(json!("other@example.com"), "opted_in").await;
    for (id, email) in [("u3", "new@example.com"), ("u4", "other@example.com")] {
        braze.post("/users/track", json!({ "attributes": [{ "external_id": id, "email": email }] })).await;
    }

    let states: Vec<&str> =
        ["u1", "u2", "u3", "u4"].iter().map(|id| braze.profile(id).unwrap().email_subscribe).collect();
    assert_eq!(states, ["unsubscribed", "unsubscribed", "unsubscribed", "opted_in"]);
    assert_eq!(status(json!("a@example.com"), "no").await.status, 400);
    assert_eq!(status(json!("nonsense"), "unsubscribed").await.status, 400);
    assert_eq!(status(json!(vec!["a@example.com"; 51]), "unsubscribed").await.status, 400);
}

#[tokio::test]
async fn deleting_the_only_profile_of_an_address_loses_its_opt_out() {
    let braze = Braze::with(Options { deletion_lag: Duration::ZERO, ..Options::default() }).await;
    braze.seed("u1", "a@example.com");
    braze
        .post("/email/status", json!({ "email": "a@example.com", "subscription_state": "unsubscribed" }))
        .await;

    braze.post("/users/delete", json!({ "external_ids": ["u1"] })).await;
    braze.post("/users/track", json!({ "attributes": [{ "email": "a@example.com" }] })).await;

    assert_eq!(braze.live()[0].email_subscribe, "subscribed");
}

#[tokio::test]
async fn the_state_of_a_group_can_be_read_by_id_and_by_address() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "");
    braze.post("/subscription/status/set", v1(json!({ "external_id": ["u1"] }))).await;

    let path = format!("/subscription/status/get?subscription_group_id={GROUP}");
    let by_id = braze.get(&format!("{path}&external_id[]=u1&external_id[]=u2&external_id[]=u3")).await;
    let by_email = braze.get(&format!("{path}&email=a%40example.com")).await;
    let both = braze.get(&format!("{path}&email=a%40example.com&phone=%2B15551234567")).await;

    let states = json!({ "u1": "Unsubscribed", "u2": "unknown", "u3": "unknown" });
    assert_eq!((by_id.status, by_id.body()), (200, json!({ "status": states, "message": "success" })));
    assert_eq!(by_email.body()["status"]["a@example.com"], "Unsubscribed");
    assert_eq!(
        (both.status, braze.get("/subscription/status/get?external_id[]=u1").await.status),
        (400, 400)
    );
}

#[tokio::test]
async fn the_groups_of_a_person_are_those_that_ever_changed() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");
    braze.post("/subscription/status/set", v1(json!({ "external_id": ["u1"] }))).await;

    let answer = braze.get("/subscription/user/status?email[]=a%40example.com&limit=1").await.body();

    assert_eq!((&answer["total_count"], answer["users"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(answer["users"][0]["subscription_groups"][0]["status"], "Unsubscribed");
    assert_eq!(braze.get("/subscription/user/status?external_id[]=u1&limit=101").await.status, 400);
}
