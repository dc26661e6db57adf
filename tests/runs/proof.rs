//! Proof that erased people are gone: who comes back while it is looked, under whatever they were found by.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::folder::{FIND_AND_ERASE, Folder, deletion};
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
