//! Looks at people of a job that was over, was opened again, and outlived its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::folder::{Folder, deletion};
use crate::server::{Gate, Reply, Request, Server, accepted, answer};
use crate::watching::{counts, looks};

/// Erases, and says so elsewhere: that may fail after somebody was erased.
const ERASE_AND_TELL: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id, external_id] }
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
  - id: tell
    uses: braze/subscription.status.set
    with: { subscription_group_id: g-1, subscription_state: unsubscribed, email: ["{{ subject.external_id }}@example.com"] }
watch: { after: [1d] }
"#;

/// What the service does with what is told of somebody.
const REFUSES: usize = 0;
const HANGS: usize = 1;
const ACCEPTS: usize = 2;

#[test]
fn everybody_is_looked_at_once_of_a_job_that_was_over_was_tried_again_and_was_killed_then() {
    // Given four people of whom two are erased and could not be told of, so that the job is over and half of it failed
    let (mode, gate, hung) = (Arc::new(AtomicUsize::new(REFUSES)), Gate::default(), Gate::default());
    let server = Server::start({
        let (mode, gate, hung) = (Arc::clone(&mode), gate.clone(), hung.clone());
        move |request: &Request, _| -> Reply {
            let text = request.json().to_string();
            let is_of_odd = ["u-1", "u-3"].iter().any(|person| text.contains(person));
            match (request.path.as_str(), mode.load(Ordering::SeqCst)) {
                ("/users/export/ids", _) => {
                    let ids = request.json()["external_ids"].as_array().cloned().unwrap_or_default();
                    let user = |id| json!({ "braze_id": format!("b-{id}"), "external_id": id });
                    let users: Vec<_> = ids.into_iter().map(user).collect();
                    answer(201, json!({ "users": users, "message": "success" }).to_string())
                }
                ("/users/delete", _) => accepted(),
                (_, REFUSES) if is_of_odd => answer(400, r#"{"message":"no such group"}"#),
                (_, HANGS) if is_of_odd => {
                    hung.open();
                    gate.pass();
                    accepted()
                }
                (_, _) => accepted(),
            }
        }
    });
    let folder = Folder::to(server.address, ERASE_AND_TELL);
    folder.requests((1..=4).map(deletion));
    assert_eq!(folder.job().counts(), (1, [2, 0, 2, 0]));
    let people = |folder: &Folder| -> Vec<u64> {
        looks(folder).iter().map(|look| look["people"].as_u64().unwrap_or_default()).collect()
    };
    assert_eq!(looks(&folder).len(), 1);

    // When they are tried again, the process is killed while they are, another one ends the job, and it is looked
    mode.store(HANGS, Ordering::SeqCst);
    let mut child = folder.command(&["jobs", "retry", "job-1", "--failed"]).spawn().unwrap();
    hung.pass();
    child.kill().unwrap();
    child.wait().unwrap();
    mode.store(ACCEPTS, Ordering::SeqCst);
    gate.open();
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [4, 0, 0, 0]), "{}", resumed.stderr);
    let first = folder.run(&["watch", "run", "--early", "--output", "json"]);
    let second = folder.run(&["watch", "run", "--early", "--output", "json"]);
    let third = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then each of the four was looked at, once, and nobody was erased twice
    let each: u64 = people(&folder).iter().sum();
    assert_eq!((people(&folder).len(), each), (2, 4), "{} {}", first.stderr, second.stderr);
    for look in looks(&folder) {
        assert_eq!((counts(&look)[0], counts(&look)[5]), (2, 0), "{look}");
    }
    assert_eq!(third.stdout, "", "{}", third.stderr);
    let mut erased: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|request| request.path == "/users/delete")
        .flat_map(|request| request.people())
        .collect();
    erased.sort();
    assert_eq!(erased, ["u-1", "u-2", "u-3", "u-4"]);
}
