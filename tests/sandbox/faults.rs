//! What goes wrong on order.

use privaflow::sandbox::{Effect, Fault, Faults, Options};
use serde_json::{Value, json};

use crate::client::Braze;

fn person(id: &str) -> Value {
    json!({ "attributes": [{ "external_id": id }] })
}

async fn with(fault: Fault) -> Braze {
    Braze::with(Options { faults: Faults { faults: vec![fault] }, ..Options::default() }).await
}

#[tokio::test]
async fn a_connection_dropped_after_applying_leaves_the_change_and_no_answer() {
    let braze = with(Fault::new(Effect::DropAfterApplying).every(2)).await;

    assert!(braze.try_post("/users/track", person("u1")).await.is_ok());
    assert!(braze.try_post("/users/track", person("u2")).await.is_err());
    assert!(braze.try_post("/users/track", person("u3")).await.is_ok());

    assert_eq!(braze.live().len(), 3);
}

#[tokio::test]
async fn a_connection_dropped_before_applying_leaves_nothing() {
    let braze = with(Fault::new(Effect::DropBeforeApplying)).await;

    assert!(braze.try_post("/users/track", person("u1")).await.is_err());

    assert!(braze.live().is_empty());
}

#[tokio::test]
async fn a_server_error_comes_with_or_without_the_change() {
    let before = with(Fault::new(Effect::FailBeforeApplying { status: 503 })).await;
    let after = with(Fault::new(Effect::FailAfterApplying { status: 504 })).await;

    assert_eq!(before.post("/users/track", person("u1")).await.status, 503);
    assert_eq!(after.post("/users/track", person("u1")).await.status, 504);

    assert_eq!((before.live().len(), after.live().len()), (0, 1));
}

#[tokio::test]
async fn an_extra_429_says_when_to_come_back_and_changes_nothing() {
    let braze = with(Fault::new(Effect::TooManyRequests { retry_after_s: 7 }).at_most(1)).await;

    let first = braze.post("/users/track", person("u1")).await;
    let second = braze.post("/users/track", person("u1")).await;

    assert_eq!((first.status, first.header("retry-after").as_deref()), (429, Some("7")));
    assert_eq!((second.status, braze.sandbox.requests().too_many_requests), (201, 1));
}

#[tokio::test]
async fn a_stall_answers_late_and_applies_once() {
    let braze = with(Fault::new(Effect::Stall { for_ms: 30 })).await;
    let started = std::time::Instant::now();

    assert_eq!(braze.post("/users/track", person("u1")).await.status, 201);

    assert!(started.elapsed().as_millis() >= 30);
    assert_eq!(braze.live().len(), 1);
}

#[tokio::test]
async fn faults_can_be_set_and_lifted_over_http() {
    let braze = Braze::new().await;
    let set =
        json!({ "faults": [{ "effect": "unauthorized", "when": { "every": 2 }, "path": "/users/delete" }] });
    assert_eq!(braze.post("/sandbox/faults", set).await.status, 201);
    let delete = || braze.post("/users/delete", json!({ "external_ids": ["u1"] }));

    assert_eq!((delete().await.status, delete().await.status), (201, 401));
    assert_eq!(braze.post("/users/track", person("u1")).await.status, 201);

    assert_eq!(braze.post("/sandbox/faults", json!({ "faults": [] })).await.status, 201);
    assert_eq!((delete().await.status, delete().await.status), (201, 201));
    assert_eq!(
        braze.post("/sandbox/faults", json!({ "faults": [{ "effect": "explode" }] })).await.status,
        400
    );
}
