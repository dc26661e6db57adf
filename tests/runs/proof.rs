//! Proof that erased people are gone: who comes back while it is looked, under whatever they were found by.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::folder::{FIND_AND_ERASE, Folder, deletion, request};
use crate::server::{Reply, Request, Server, accepted, answer};

/// Looks until they are gone; for so long.
fn verifying(at_most: &str) -> String {
    format!(
        r#"{FIND_AND_ERASE}  - id: verify
    if: steps.erase.status == "done"
    uses: privaflow/verify_erased
    with: {{ found: "{{{{ steps.find.output }}}}", first_after: 10ms, at_most: {at_most} }}
"#
    )
}

/// Sets a state that a person chose.
const CONSENT: &str = r#"
workflow: consent
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: opted_in }] }
"#;

/// What a look-up shows.
fn shows(users: &Value) -> Reply {
    answer(201, json!({ "message": "success", "users": users }).to_string())
}

/// Whom each deletion named.
fn deleted(server: &Server) -> Vec<Value> {
    let requests = server.requests().into_iter().filter(|request| request.path == "/users/delete");
    requests.map(|request| request.json()["braze_ids"].clone()).collect()
}

#[test]
fn whoever_is_made_anew_under_what_led_to_nobody_is_erased_again_before_they_count_as_gone() {
    // Given somebody whose address is longer on its way through the caches than their id, and an app that makes
    // them anew as soon as the id was looked for
    let (deletions, looks) = (AtomicUsize::new(0), Mutex::new((0, 0)));
    let server = Server::start(move |request: &Request, _| {
        if request.path == "/users/delete" {
            deletions.fetch_add(1, SeqCst);
            return accepted();
        }
        let mut looks = looks.lock().unwrap();
        let by_address = request.json()["email_address"].is_string();
        let looked = if by_address { &mut looks.1 } else { &mut looks.0 };
        *looked += usize::from(deletions.load(SeqCst) == 1);
        match (deletions.load(SeqCst), by_address, *looked) {
            (0, _, _) | (1, true, 1) => {
                shows(&json!([{ "braze_id": "b-1", "external_id": "u-1", "email": "a@example.com" }]))
            }
            (1, false, 2..) => shows(&json!([{ "braze_id": "b-2", "external_id": "u-1" }])),
            _ => shows(&json!([])),
        }
    });
    let folder = Folder::to(server.address, &verifying("20s"));
    folder.requests([deletion(1)]);

    let job = folder.job();

    assert_eq!((job.counts(), &job.json()["verified"]), ((0, [1, 0, 0, 0]), &json!(1)), "{}", job.stderr);
    assert_eq!(deleted(&server), [json!(["b-1"]), json!(["b-2"])]);
    // And the last look asked for everything.
    let last: Vec<Request> = server.requests().into_iter().rev().take(2).collect();
    assert!(last.iter().all(|request| request.path == "/users/export/ids"));
    assert_ne!(last[0].json()["email_address"].is_null(), last[1].json()["email_address"].is_null());
}

#[test]
fn a_profile_without_an_external_id_is_still_there_however_its_address_changed() {
    // Given a profile that only an address leads to, whose first deletion does nothing, and whose address is
    // corrected meanwhile
    let deletions = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request, _| {
        if request.path == "/users/delete" {
            deletions.fetch_add(1, SeqCst);
            return accepted();
        }
        match (deletions.load(SeqCst), &request.json()["braze_id"]) {
            (0, _) => shows(&json!([{ "braze_id": "b-1", "email": "old@example.com" }])),
            (1, Value::String(id)) if id == "b-1" => {
                shows(&json!([{ "braze_id": "b-1", "email": "new@example.com" }]))
            }
            _ => shows(&json!([])),
        }
    });
    let folder = Folder::to(server.address, &verifying("20s"));
    folder.requests([json!({ "id": "r-1", "kind": "deletion", "subject": { "email": "old@example.com" } })]);

    let job = folder.job();

    assert_eq!((job.counts(), &job.json()["verified"]), ((0, [1, 0, 0, 0]), &json!(1)), "{}", job.stderr);
    assert_eq!(deleted(&server), [json!(["b-1"]), json!(["b-1"])]);
}

#[test]
fn whoever_gave_a_newer_consent_since_is_not_erased_again_and_waits_for_a_person() {
    // Given somebody who is still there at the deadline, and then gives a consent
    let is_there = Arc::new(AtomicBool::new(true));
    let there = Arc::clone(&is_there);
    let server = Server::start(move |request: &Request, _| match request.path.as_str() {
        "/users/export/ids" if there.load(SeqCst) => {
            shows(&json!([{ "braze_id": "b-1", "external_id": "u-1" }]))
        }
        "/users/export/ids" => shows(&json!([])),
        _ => accepted(),
    });
    let folder = Folder::to(server.address, &verifying("2s"));
    let settings = folder.read("privaflow.yaml");
    folder.write("privaflow.yaml", format!("{settings}gate: {{ quiet: 1ms }}\n"));
    folder.write("consent.yaml", CONSENT);
    folder.requests([deletion(1)]);
    let job = folder.job();
    assert_eq!((job.counts(), deleted(&server).len()), ((1, [0, 0, 0, 1]), 3), "{}", job.stderr);
    let mut consent = request("consent", "c-1", "u-1");
    consent["occurred_at"] = json!(jiff::Timestamp::now().to_string());
    folder.write("consents.ndjson", format!("{consent}\n"));
    let run = folder.run(&["run", "consent.yaml", "--input", "consents.ndjson", "--output", "json"]);
    assert_eq!(run.counts(), (0, [1, 0, 0, 0]), "{}", run.stderr);

    // When a person has the erasure tried again
    let retried = folder.run(&["runs", "retry", "job-1:0", "--output", "json"]);

    // Then they are left alone, and it is said why
    assert_eq!((retried.counts(), deleted(&server).len()), ((1, [0, 0, 0, 1]), 3), "{}", retried.stderr);
    let shown = folder.run(&["runs", "show", "job-1:0", "--output", "json"]);
    assert!(
        shown.stdout.contains("still_there") && shown.stdout.contains("newer consent"),
        "{}",
        shown.stdout
    );
    // And once they are gone another try sees it
    is_there.store(false, SeqCst);
    let gone = folder.run(&["runs", "retry", "job-1:0", "--output", "json"]);
    assert_eq!((gone.counts(), &gone.json()["verified"]), ((0, [1, 0, 0, 0]), &json!(1)), "{}", gone.stderr);
}
