//! Records of our own shape, one or a list: what is taken, what is told, and that it is durable.

use std::sync::Arc;

use privaflow::clock::SystemClock;
use privaflow::journal::Store;
use privaflow::server::Patience;
use serde_json::json;

use crate::rig::{OPEN, Rig, workflow, workflow_of};

#[tokio::test]
async fn a_record_is_on_the_disk_when_the_caller_hears_so() {
    let rig = Rig::start(OPEN).await;
    let record = r#"{"id":"r-1","kind":"deletion","due_at":"2026-12-01T00:00:00Z",
      "subject":{"email":"a@example.com"},"fields":{"note":"{{ x }}"}}"#;

    let reply = rig.post(&[], record).await;

    assert_eq!((reply.status, reply.body.as_str()), (202, r#"{"accepted":1,"repeated":0}"#));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    // Another connection to the database sees it, with its deadline.
    let due = rig.store.due_before(i64::MAX).unwrap();
    assert_eq!((due.len(), due[0].due_ms, due[0].origin.as_str()), (1, 1_796_083_200_000, "hook:h"));
    assert_eq!(rig.records("w"), [serde_json::from_str::<serde_json::Value>(record).unwrap()]);
}

#[tokio::test]
async fn the_same_record_again_starts_nothing_and_other_content_is_for_the_engine_to_judge() {
    let rig = Rig::start(OPEN).await;
    let one = r#"{"id":"r-1","kind":"consent","subject":{"email":"a@example.com"}}"#;
    let spelled_otherwise = r#"{ "kind" : "consent", "id":"r-1", "subject":{"email":"a@example.com"} }"#;
    let other = r#"{"id":"r-1","kind":"consent","subject":{"email":"b@example.com"}}"#;

    let mut bodies = Vec::new();
    for record in [one, one, spelled_otherwise, other] {
        bodies.push(rig.post(&[], record).await.body);
    }

    let (new, repeated) = (r#"{"accepted":1,"repeated":0}"#, r#"{"accepted":0,"repeated":1}"#);
    assert_eq!(bodies, [new, repeated, repeated, new]);
}

#[tokio::test]
async fn records_without_an_id_are_new_each_time() {
    // Two people, or one person twice: an opt-out must never be taken for another one.
    let rig = Rig::start(OPEN).await;
    let opt_out = r#"{"kind":"opt_out","subject":{"email":"a@example.com"}}"#;

    rig.post(&[], opt_out).await;
    let again = rig.post(&[], opt_out).await;

    assert_eq!(again.body, r#"{"accepted":1,"repeated":0}"#);
    assert_eq!(rig.waiting(), 2);
}

#[tokio::test]
async fn a_list_is_taken_whole_or_not_at_all() {
    let rig = Rig::start(OPEN).await;
    let good = json!([{"id": "r-1", "kind": "other"}, {"id": "r-2", "kind": "other"}, {"id": "r-1", "kind": "other"}]);
    let bad = json!([{"id": "r-3", "kind": "other"}, {"id": "r-4", "kind": "other", "subject": {"phone": 15551234567_i64}}]);

    let refused = rig.post(&[], &bad.to_string()).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.body,
        r#"{"error":"bad_request","message":"record 2: `subject.phone` is a number: write it in quotes"}"#
    );
    assert_eq!(rig.waiting(), 0);

    let taken = rig.post(&[], &good.to_string()).await;
    assert_eq!((taken.status, taken.body.as_str()), (202, r#"{"accepted":2,"repeated":1}"#));
}

#[tokio::test]
async fn a_mistake_is_named_without_what_stood_there() {
    let rig = Rig::start(OPEN).await;
    let marker = "grace.hopper@example.com";
    for (body, message) in [
        ("", "the line is not valid JSON"),
        ("{", "the line is not valid JSON"),
        ("[]", "the list holds no record"),
        ("[1]", "record 1: the line is JSON, but no object"),
        (r#""grace.hopper@example.com""#, "the line is JSON, but no object"),
        (r#"[{"kind":"other"},]"#, "not valid JSON at line 1 column"),
        (r#"{"kind":"grace.hopper@example.com"}"#, "`kind` must be one of"),
        (r#"{"subject":{"email":"grace.hopper@example.com"}}"#, "`kind` is missing"),
        (r#"{"kind":"other","due_at":"grace.hopper@example.com"}"#, "`due_at` must be an RFC 3339 time"),
        (r#"{"kind":"other","subject":{"email":["grace.hopper@example.com"]}}"#, "`subject.email` must be"),
        (r#"{"kind":"other","subject":{"email":""}}"#, "`subject.email` is empty"),
        (r#"{"kind":"other","grace.hopper@example.com":1,}"#, "not valid JSON"),
    ] {
        let reply = rig.post(&[], body).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, "bad_request"), "{body}");
        assert!(reply.body.contains(message), "{body}: {reply:?}");
        assert!(!reply.body.contains(marker), "{reply:?}");
    }
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test]
async fn one_call_starts_every_enabled_workflow_that_names_the_hook_and_no_other() {
    let disabled = "workflow: off\nenabled: false\non: { webhook: { hook: h } }\nsteps:\n  - log: hello\n";
    let workflows =
        vec![workflow("a", "h"), workflow("b", "h"), workflow("c", "other"), workflow_of(disabled)];
    let rig = Rig::with(OPEN, workflows, Arc::new(SystemClock), Patience::default()).await;

    let reply = rig.post(&[], r#"{"id":"r-1","kind":"other"}"#).await;

    assert_eq!(reply.body, r#"{"accepted":1,"repeated":0}"#);
    let queued: Vec<_> = rig.store.queue().unwrap().into_iter().map(|queued| queued.workflow).collect();
    assert_eq!(queued, ["a", "b"]);
}

#[tokio::test]
async fn a_call_that_no_workflow_wants_is_a_conflict() {
    let rig = Rig::with(OPEN, vec![workflow("c", "other")], Arc::new(SystemClock), Patience::default()).await;

    let reply = rig.post(&[], r#"{"kind":"other"}"#).await;

    assert_eq!((reply.status, reply.error().as_str()), (409, "no_workflow"));
}

#[tokio::test]
async fn a_subtask_is_kept_to_be_looked_at_once() {
    let hooks = "hooks: { h: { shape: subtask, profile: onetrust, auth: none } }";
    let rig = Rig::start(hooks).await;
    let id = "7d9a1c44-1111-4222-8333-9b1f2a3c4d5e";

    let first = rig.post(&[], &json!({"subTaskId": id, "requestId": "r"}).to_string()).await;
    let again = rig.post(&[], &json!({"payload": {"subtask_id": id}}).to_string()).await;
    let mut refused = Vec::new();
    for body in [json!({}), json!({"subTaskId": 7}), json!({"subTaskId": "../users"}), json!([id])] {
        refused.push(rig.post(&[], &body.to_string()).await.status);
    }

    assert_eq!((first.status, first.body.as_str()), (202, r#"{"accepted":1,"repeated":0}"#));
    assert_eq!((again.status, again.body.as_str()), (202, r#"{"accepted":0,"repeated":1}"#));
    assert_eq!(refused, [400; 4]);
    let looks = privaflow::server::hooks::Look::waiting(&rig.store, i64::MAX).unwrap();
    assert_eq!((looks.len(), looks[0].subtask.as_str(), looks[0].profile.as_str()), (1, id, "onetrust"));
}

#[tokio::test]
async fn a_store_that_is_gone_takes_nothing_and_says_so() {
    // Given a store whose database cannot be written any more
    let rig = Rig::start(OPEN).await;
    let store: &Store = &rig.store;
    let database = std::fs::read_dir(store.path()).unwrap().map(|entry| entry.unwrap().path());
    let database =
        database.into_iter().find(|path| path.extension().is_some_and(|end| end == "db" || end == "sqlite"));
    let database = database.unwrap_or_else(|| panic!("no database in {:?}", std::fs::read_dir(store.path())));
    let other = rusqlite::Connection::open(database).unwrap();
    other.execute_batch("DROP TABLE taken").unwrap();

    let reply = rig.post(&[], r#"{"kind":"other"}"#).await;

    assert_eq!((reply.status, reply.error().as_str()), (503, "unavailable"));
    assert_eq!(reply.header("retry-after"), Some("10"));
    assert_eq!(rig.waiting(), 0);
}
