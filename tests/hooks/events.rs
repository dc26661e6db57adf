//! The event that OneTrust pushes: a captured one goes through, in order, once, and without its secrets.

use std::sync::Arc;

use privaflow::clock::SystemClock;
use privaflow::server::Patience;
use serde_json::{Value, json};

use crate::rig::{Rig, workflow, workflow_of};

/// An event as OneTrust pushed it to somebody, with their test data.
const SAMPLE: &str = include_str!("consent-event-3010.json");
const HOOKS: &str = "hooks: { h: { shape: event, profile: onetrust, auth: none } }";
const ACCEPTED: &str = r#"{"accepted":1,"repeated":0}"#;

fn sample() -> Value {
    serde_json::from_str(SAMPLE).unwrap()
}

/// The sample as another event of the same person, with one purpose.
fn event(id: &str, number: i64, purpose: &str) -> String {
    let mut event = sample();
    event["eventId"] = json!(id);
    event["messageSequenceNumber"] = json!(number);
    event["payload"]["profiles"][0]["purposeId"] = json!(purpose);
    event.to_string()
}

#[tokio::test]
async fn a_captured_event_becomes_a_request_without_the_persons_secrets() {
    let rig = Rig::start(HOOKS).await;

    let reply = rig.post(&[], SAMPLE).await;

    assert_eq!((reply.status, reply.body.as_str()), (202, ACCEPTED));
    let records = rig.records("w");
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record["kind"], "consent");
    assert_eq!(record["id"], "1afcc0cb-48ee-4a3a-a409-1b20a5399d9e");
    assert_eq!(record["subject"]["email"], "intgDsTestWithoutBatch@otprivacy.com");
    assert_eq!(record["consents"][0]["purpose_id"], "3e900659-de89-4184-bb1a-0bca2e822b39");
    assert_eq!(record["consents"][0]["status"], "ACTIVE");
    assert_eq!(record["consents"][0]["updated_at"], "2018-12-03T10:15:30Z");
    let stored = record.to_string();
    assert!(!stored.contains("ceb2uY3u") && !stored.contains("MagicLink"), "{stored}");
    assert!(!stored.to_lowercase().contains("password"), "{stored}");
}

#[tokio::test]
async fn an_event_that_comes_again_starts_nothing() {
    let rig = Rig::start(HOOKS).await;
    let mut reprocessed = sample();
    reprocessed["reprocessCount"] = json!(1);
    reprocessed["messageSequenceNumber"] = json!(1_580_445_036_774_i64);

    let mut bodies = Vec::new();
    for body in [SAMPLE.to_owned(), SAMPLE.to_owned(), reprocessed.to_string()] {
        bodies.push(rig.post(&[], &body).await.body);
    }

    let repeated = r#"{"accepted":0,"repeated":1}"#;
    assert_eq!(bodies, [ACCEPTED, repeated, repeated]);
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test]
async fn an_older_event_of_one_person_is_discarded_but_not_what_it_alone_says() {
    let rig = Rig::start(HOOKS).await;
    let (marketing, profiling) =
        ("3e900659-de89-4184-bb1a-0bca2e822b39", "11111111-de89-4184-bb1a-0bca2e822b39");

    let newer = rig.post(&[], &event("e-2", 200, marketing)).await;
    let older = rig.post(&[], &event("e-1", 100, marketing)).await;
    let older_of_another_purpose = rig.post(&[], &event("e-0", 100, profiling)).await;
    let newest = rig.post(&[], &event("e-3", 300, marketing)).await;

    assert_eq!([newer.status, older.status, older_of_another_purpose.status, newest.status], [202; 4]);
    assert_eq!(older.body, r#"{"accepted":0,"repeated":0,"outdated":1}"#);
    assert_eq!([newer.body, older_of_another_purpose.body, newest.body], [ACCEPTED; 3]);
    assert_eq!(rig.waiting(), 3);
}

#[tokio::test]
async fn an_event_that_holds_no_change_is_refused_aloud() {
    let rig = Rig::start(HOOKS).await;
    for (change, message) in [
        (json!({"referenceMessage": true, "blobStoreLocation": "blobs/grace@example.com"}), "by reference"),
        (json!({"referenceMessage": true}), "by reference"),
        (json!({"blobStoreLocation": "blobs/1"}), "by reference"),
        (json!({"isCompressed": true}), "compressed"),
        (json!({"eventType": "3011"}), "3010"),
    ] {
        let mut event = sample();
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = rig.post(&[], &event.to_string()).await;
        assert_eq!((reply.status, reply.error().as_str()), (422, "unprocessable"), "{change}");
        assert!(reply.body.contains(message) && !reply.body.contains("grace"), "{reply:?}");
    }
    for body in ["[]", "7", "{}", r#"{"payload":null}"#, r#"{"payload":[]}"#] {
        assert_eq!(rig.post(&[], body).await.status, 400, "{body}");
    }
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test]
async fn a_person_who_is_marked_as_a_test_is_skipped_with_the_reason_unless_a_workflow_wants_them() {
    let wants =
        "workflow: t\non: { webhook: { hook: h, take_test_subjects: true } }\nsteps:\n  - log: hello\n";
    let mut event = sample();
    event["payload"]["testDataSubject"] = json!(true);
    let plain = Rig::start(HOOKS).await;
    let both = vec![workflow("w", "h"), workflow_of(wants)];
    let both = Rig::with(HOOKS, both, Arc::new(SystemClock), Patience::default()).await;

    let skipped = plain.post(&[], &event.to_string()).await;
    let taken = both.post(&[], &event.to_string()).await;

    assert_eq!((skipped.status, skipped.body.as_str()), (202, r#"{"accepted":0,"repeated":0,"skipped":1}"#));
    let skips = plain.store.skipped().unwrap();
    assert_eq!((skips.len(), skips[0].reason.as_str(), skips[0].workflow.as_str()), (1, "test_subject", "w"));
    assert_eq!((taken.status, taken.body.as_str()), (202, ACCEPTED));
    let queued: Vec<_> = both.store.queue().unwrap().into_iter().map(|queued| queued.workflow).collect();
    assert_eq!(queued, ["t"]);
}
