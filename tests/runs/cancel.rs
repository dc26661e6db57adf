//! `runs cancel`: a request that is not over is given up.

use serde_json::json;

use crate::folder::{ERASE, Folder, Shot, deletion, request};
use crate::list::{refusing_one, three};
use crate::server::{Reply, Server, answer};
use crate::show::EVENT;

#[test]
fn a_request_that_waits_is_given_up_and_listed_as_failed() {
    let server = Server::start(|_, _| Reply::Cut);
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let cancelled = folder.run(&["runs", "cancel", "job-1:0", "--output", "json"]);

    assert_eq!(cancelled.counts(), (0, [0, 0, 1, 0]), "{}", cancelled.stderr);
    assert_eq!(cancelled.json()["failed_by"], json!({ "cancelled": 1 }));
    let listed = folder.failures(&cancelled);
    assert_eq!((&listed[0]["request"], &listed[0]["code"]), (&json!("r-1"), &json!("cancelled")));
    assert_eq!(folder.run(&["jobs", "list", "--output", "json"]).lines()[0]["status"], "finished");
    assert_eq!(folder.run(&["jobs", "resume", "job-1"]).code, 1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_over_cannot_be_given_up() {
    let server = refusing_one();
    let folder = three(&server);

    let refused = folder.run(&["runs", "cancel", "job-1:0", "job-1:1", "job-1:2"]);

    assert_eq!(refused.code, 2);
    for why in ["job-1:0 is done", "job-1:1 has failed already", "job-1:2 is skipped"] {
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
}

/// Gives up a deletion that came to this, and one of another job that the service did not take; the first person is put
/// on hold before, or not.
fn given_up(of_the_first: fn() -> Reply, is_held: bool) -> Shot {
    let server = Server::start(move |request, _| match request.people()[0].as_str() {
        "u-1" => of_the_first(),
        _ => answer(401, "{}"),
    });
    let folder = Folder::to(server.address, ERASE);
    let settings = folder.read("privaflow.yaml");
    let retries = "retries: { default: { at_most: 100ms, base: 20ms, cap: 50ms } }\n";
    folder.write("privaflow.yaml", format!("{settings}{retries}"));
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts().1, [0, 0, 0, 1]);
    folder.write("other.ndjson", format!("{}\n", deletion(2)));
    assert_ne!(folder.run(&["run", "flow.yaml", "--input", "other.ndjson"]).code, 0);
    if is_held {
        let held = folder.run(&["hold", "add", "u-1", "--reason", "a lawsuit"]);
        assert_eq!(held.code, 0, "{}", held.stderr);
        assert_eq!(folder.job().json()["waiting_by"], json!({ "needs_attention": 1 }));
    }
    let given_up = folder.run(&["runs", "cancel", "job-1:0", "job-2:0"]);
    assert_eq!(given_up.code, 0, "{}", given_up.stderr);
    given_up
}

#[test]
fn whoever_gives_up_a_deletion_that_may_have_been_carried_out_is_told_what_the_gate_makes_of_it() {
    // On hold the gate was told before, when its request came to wait for a person.
    for is_held in [false, true] {
        let given_up = given_up(|| Reply::Cut, is_held);

        let warning = "warning: 1 of the requests that are given up may have erased somebody at the service; for the gate they did";
        assert_eq!(given_up.stderr.matches(warning).count(), 1, "{is_held}: {}", given_up.stderr);
        assert_eq!(given_up.stderr.matches("may have erased").count(), 1, "{is_held}: {}", given_up.stderr);
        assert!(
            given_up.stderr.contains("`privaflow gate release` lets somebody through"),
            "{}",
            given_up.stderr
        );
    }
}

#[test]
fn whoever_gives_up_deletions_that_were_not_carried_out_is_warned_of_nothing() {
    for is_held in [false, true] {
        let given_up = given_up(|| answer(401, "{}"), is_held);

        assert!(!given_up.stderr.contains("may have erased"), "{is_held}: {}", given_up.stderr);
    }
}
