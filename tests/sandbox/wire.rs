//! Keys, shapes, sizes, limits and the sandbox's own pages.

use std::time::Duration;

use privaflow::sandbox::{Limit, Limits, Options, Pool, Reset, Sandbox, SandboxError};
use serde_json::{Value, json};

use crate::client::{Braze, START_MS, read};

fn attributes() -> Value {
    json!({ "attributes": [{ "external_id": "u1", "first_name": "A" }] })
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_echoed() {
    let braze = Braze::new().await;
    let request = braze.http.post(braze.url("/users/track")).header("content-type", "application/json");

    let answer = read(request.bearer_auth("wrong").body(attributes().to_string())).await.unwrap();

    assert_eq!((answer.status, answer.message()), (401, "Invalid API key: wrong".to_owned()));
    assert!(braze.live().is_empty());
}

#[tokio::test]
async fn a_missing_key_is_refused() {
    let braze = Braze::new().await;

    let answer = read(braze.http.post(braze.url("/users/delete")).body("{}")).await.unwrap();

    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let braze = Braze::new().await;
    let request = braze.http.post(braze.url("/users/track")).header("content-type", "text/plain");

    let answer = read(request.bearer_auth(braze.sandbox.token()).body("{}")).await.unwrap();

    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn what_is_no_json_is_answered_under_the_key_error() {
    let braze = Braze::new().await;
    for text in ["{", "{\"attributes\":[{\"external_id\":\"a\"}]", "", "{\"attributes\":\u{1}}"] {
        let request = braze.http.post(braze.url("/users/track")).header("content-type", "application/json");

        let answer = read(request.bearer_auth(braze.sandbox.token()).body(text)).await.unwrap();

        assert_eq!(answer.status, 400, "{text}");
        assert!(answer.body()["error"].as_str().unwrap().starts_with("Problem:"), "{text}");
        assert_eq!(answer.body()["message"], Value::Null);
    }
}

#[tokio::test]
async fn json_of_another_shape_is_answered_under_the_key_message() {
    let braze = Braze::new().await;

    for body in [json!({ "attributes": {} }), json!([]), json!({ "attributes": ["u1"] })] {
        let answer = braze.post("/users/track", body).await;

        assert_eq!(answer.status, 400);
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn more_than_four_megabytes_are_refused_and_the_connection_stays_usable() {
    let braze = Braze::new().await;
    let long = "x".repeat(4 * 1024 * 1024);

    let large =
        braze.post("/users/track", json!({ "attributes": [{ "external_id": "u1", "a": long }] })).await;
    let small = braze.post("/users/track", attributes()).await;

    assert_eq!((large.status, small.status), (413, 201));
}

#[tokio::test]
async fn unknown_paths_and_methods_do_not_exist() {
    let braze = Braze::new().await;

    assert_eq!(braze.post("/users/nothing", json!({})).await.status, 404);
    assert_eq!(braze.get("/users/track").await.status, 404);
    assert_eq!(braze.post("/users/track/", attributes()).await.status, 403);
}

#[tokio::test]
async fn the_limit_counts_down_and_starts_again_on_the_window_of_the_clock() {
    let limits = Limits::documented().with(Pool::Subscription, Limit { requests: 2, per_seconds: 60 });
    let braze = Braze::with(Options { limits, ..Options::default() }).await;
    braze.pass(Duration::from_secs(59));
    let set = || braze.post("/subscription/status/set", json!({}));

    let first = set().await;
    let second = set().await;
    let third = set().await;

    assert_eq!(first.header("x-ratelimit-limit").as_deref(), Some("2"));
    assert_eq!(first.header("x-ratelimit-remaining").as_deref(), Some("1"));
    let end_s = START_MS / 1000 + 60;
    assert_eq!(first.header("x-ratelimit-reset"), Some(end_s.to_string()));
    assert_eq!((second.status, third.status), (400, 429));
    assert_eq!(third.header("x-ratelimit-remaining").as_deref(), Some("0"));
    assert_eq!(braze.sandbox.requests().too_many_requests, 1);

    braze.pass(Duration::from_secs(1));
    assert_eq!(set().await.status, 400);
}

#[tokio::test]
async fn both_versions_of_the_subscription_call_share_a_pool_and_track_does_not() {
    let limits = Limits::documented().with(Pool::Subscription, Limit { requests: 1, per_seconds: 60 });
    let braze = Braze::with(Options { limits, ..Options::default() }).await;

    braze.post("/subscription/status/set", json!({})).await;

    assert_eq!(braze.post("/v2/subscription/status/set", json!({})).await.status, 429);
    assert_eq!(braze.post("/users/track", attributes()).await.status, 201);
}

#[tokio::test]
async fn documented_limits_are_the_default_and_follow_the_fields_of_an_export() {
    let braze = Braze::new().await;
    let export = |field: &str| {
        braze.post("/users/export/ids", json!({ "external_ids": ["u1"], "fields_to_export": [field] }))
    };
    let limit = |answer: crate::client::Answer| answer.header("x-ratelimit-limit").unwrap();

    assert_eq!(limit(braze.post("/users/track", attributes()).await), "3000");
    assert_eq!(limit(braze.post("/users/delete", json!({})).await), "20000");
    assert_eq!(limit(braze.post("/subscription/status/set", json!({})).await), "5000");
    assert_eq!(limit(braze.post("/email/status", json!({})).await), "250000");
    assert_eq!(limit(export("email").await), "40");
    assert_eq!(limit(export("canvases_received").await), "250");
}

#[tokio::test]
async fn under_contracts_by_active_users_the_reset_of_track_counts_seconds_and_gives_way_to_retry_after() {
    let limits = Limits::off().with(Pool::Track, Limit { requests: 1, per_seconds: 3 });
    let limits = limits.with_track_reset(Reset::Remaining);
    let braze = Braze::with(Options { limits, ..Options::default() }).await;

    let passed = braze.post("/users/track", attributes()).await;
    let refused = braze.post("/users/track", attributes()).await;

    assert_eq!(passed.header("x-ratelimit-reset").as_deref(), Some("3"));
    assert_eq!((refused.status, refused.header("x-ratelimit-reset")), (429, None));
    assert_eq!(refused.header("x-ratelimit-retry-after").as_deref(), Some("3"));
}

#[tokio::test]
async fn limits_can_be_off_and_then_no_header_speaks_of_them() {
    let braze = Braze::with(Options { limits: Limits::off(), ..Options::default() }).await;

    let answer = braze.post("/users/track", attributes()).await;

    assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (201, None));
}

#[tokio::test]
async fn request_ids_follow_from_the_seed() {
    let (one, same) = (Braze::new().await, Braze::new().await);
    let other = Braze::with(Options { seed: 1, ..Options::default() }).await;
    let mut ids = Vec::new();
    for braze in [&one, &same, &other] {
        ids.push(braze.post("/users/track", attributes()).await.header("x-request-id").unwrap());
    }

    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert_ne!(Some(&ids[0]), one.post("/users/track", attributes()).await.header("x-request-id").as_ref());
    assert_eq!(one.live()[0].braze_id, same.live()[0].braze_id);
}

#[tokio::test]
async fn the_listing_gives_one_line_a_profile_and_can_be_asked_for_one_person() {
    let braze = Braze::new().await;
    for number in 0..2_500 {
        braze.seed(&format!("u{number}"), &format!("a+{}@example.com", number % 2_000));
    }

    let all = braze.get("/sandbox/profiles").await;
    let shared = braze.get("/sandbox/profiles?email=a%2B7%40example.com").await;
    let one: Value =
        serde_json::from_str(&braze.get("/sandbox/profiles?external_id=u2499").await.text).unwrap();

    assert_eq!((all.text.lines().count(), shared.text.lines().count()), (2_500, 2));
    assert_eq!(one["email"], "a+499@example.com");
    assert_eq!((&one["email_subscribe"], &one["deleted"]), (&json!("subscribed"), &json!(false)));
    assert_eq!(one["subscription_groups"], json!({}));
}

#[tokio::test]
async fn profiles_can_be_added_over_http_beside_others_with_the_same_address() {
    let braze = Braze::new().await;

    let first = braze.post("/sandbox/profiles", json!({ "email": "a@example.com" })).await;
    let second =
        braze.post("/sandbox/profiles", json!({ "email": "a@example.com", "external_id": "u1" })).await;
    let taken = braze.post("/sandbox/profiles", json!({ "external_id": "u1" })).await;

    assert_eq!((first.status, second.status, taken.status), (201, 201, 409));
    assert_eq!(braze.live().len(), 2);
}

#[tokio::test]
async fn requests_are_counted_per_path_and_the_own_pages_are_not() {
    let braze = Braze::new().await;
    braze.post("/users/track", attributes()).await;
    braze.post("/users/track", json!({})).await;
    braze.post("/users/nothing", json!({})).await;

    let counts = braze.get("/sandbox/requests").await.body();

    assert_eq!(counts, json!({ "total": 3, "too_many_requests": 0, "paths": { "/users/track": 2 } }));
    assert_eq!(braze.sandbox.requests().of("/users/track"), 2);
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let listen = "0.0.0.0:0".parse().unwrap();

    let error = Sandbox::start(Options { listen, ..Options::default() }).await.unwrap_err();

    assert!(matches!(error, SandboxError::NotLoopback { .. }));
}

#[tokio::test]
async fn a_stopped_sandbox_answers_nobody() {
    let braze = Braze::new().await;
    let url = braze.url("/sandbox/requests");

    braze.sandbox.stop().await;

    assert!(reqwest::Client::new().get(url).send().await.is_err());
}
