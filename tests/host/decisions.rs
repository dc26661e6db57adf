//! Commands that change jobs, while another process owns the store.

use crate::folder::{ERASE, Folder, KEY};
use crate::running::{ERASE_MANY, Running, deletions, holding, slowly};
use crate::server::Gate;

/// A store whose owner is busy with the person `u-1` until the gate is open.
fn busy(gate: &Gate) -> (Folder, crate::server::Server, Running) {
    let server = holding("u-1", gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    (folder, server, owner)
}

#[test]
fn a_job_that_its_guard_holds_is_approved_and_resumed_beside_the_owner() {
    let gate = Gate::default();
    let (folder, server, owner) = busy(&gate);
    deletions(&folder, "b.ndjson", 1000..1600);
    let held = Running::job(&folder, "b.ndjson").end();
    assert_eq!(held.counts(), (1, [0, 0, 0, 600]), "{}", held.stderr);
    let early = folder.run(&["jobs", "resume", "job-2"]);
    assert_eq!(early.code, 2);
    assert!(early.stderr.contains("`privaflow jobs approve job-2` first"), "{}", early.stderr);

    let approved = folder.run(&["jobs", "approve", "job-2"]);
    let resumed = folder.run(&["jobs", "resume", "job-2", "--output", "json"]);

    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert_eq!(resumed.counts(), (0, [600, 0, 0, 0]), "{}", resumed.stderr);
    assert_eq!(server.people().len(), 601);
    gate.open();
    assert_eq!(owner.end().code, 0);
}

#[test]
fn a_job_that_the_owner_works_on_stops_in_order_before_it_is_cancelled() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE_MANY);
    slowly(&folder, &server);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", 1000..11_000);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    let beside = Running::job(&folder, "b.ndjson");
    server.wait_for(5);

    let cancelled = folder.run(&["jobs", "cancel", "job-2", "--output", "json"]);

    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    assert!(cancelled.stderr.contains("owns the store"), "{}", cancelled.stderr);
    let summary = cancelled.json();
    let [done, failed] = ["done", "failed"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!((done + failed, done > 0, failed > 0), (10_000, true, true), "{summary}");
    assert_eq!(summary["failed_by"]["cancelled"], failed, "{summary}");
    let beside = beside.end();
    assert_eq!((beside.code, beside.json()), (1, summary));
    assert!(beside.stderr.contains("job-2 was cancelled while it was carried out"), "{}", beside.stderr);
    let sent = server.requests().len();
    gate.open();
    assert_eq!(owner.end().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn other_settings_and_missing_keys_are_told_apart_from_wrong_ones() {
    let gate = Gate::default();
    let (folder, server, owner) = busy(&gate);
    deletions(&folder, "b.ndjson", [2]);
    let settings = folder.read("privaflow.yaml");
    folder.write("other.yaml", format!("{settings}\n# another\n"));

    let run = ["run", "flow.yaml", "--input", "b.ndjson", "--config", "other.yaml"];
    let refused = folder.run(&run);
    assert_eq!(refused.code, 2);
    for name in ["privaflow.yaml", "other.yaml", "with other settings"] {
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
    }

    // The file that the owner has, changed since.
    folder.write("privaflow.yaml", format!("{settings}\n# changed\n"));
    let changed = folder.run(&["run", "flow.yaml", "--input", "b.ndjson"]);
    assert_eq!(changed.code, 2);
    assert!(
        changed.stderr.contains("were changed since") && changed.stderr.contains("restart it"),
        "{}",
        changed.stderr
    );
    folder.write("privaflow.yaml", &settings);

    // The owner has the key, so who hands over needs none.
    let mut without = folder.command(&["run", "flow.yaml", "--input", "b.ndjson", "--output", "json"]);
    without.env_remove("PRIVAFLOW_TEST_KEY");
    let done = Running::of(without).end();
    assert_eq!(done.counts(), (0, [1, 0, 0, 0]), "{}", done.stderr);
    assert!(server.requests().iter().all(|request| request.head.contains(KEY)));
    gate.open();
    assert_eq!(owner.end().code, 0);
}

#[test]
fn requests_are_tried_again_and_given_up_beside_the_owner() {
    let gate = Gate::default();
    let (folder, _server, owner) = busy(&gate);
    let wrong = r#"{"id":"r-9","kind":"access","subject":{"external_id":"u-9"}}"#;
    folder.write("b.ndjson", format!("{wrong}\n"));
    assert_eq!(Running::job(&folder, "b.ndjson").end().counts(), (1, [0, 0, 1, 0]));

    let again = folder.run(&["jobs", "retry", "job-2", "--failed", "--output", "json"]);
    assert_eq!(again.counts(), (1, [0, 0, 1, 0]), "{}", again.stderr);
    assert!(again.stderr.contains("1 request of job-2 tried again"), "{}", again.stderr);
    let noted = folder.run(&["jobs", "retry", "job-2", "--failed", "--no-resume"]);
    assert_eq!(noted.code, 0, "{}", noted.stderr);
    let run = folder.run(&["runs", "list", "--job", "job-2", "--output", "json"]).json();
    assert_eq!(run["state"], "waiting", "{run}");
    let given_up = folder.run(&["runs", "cancel", run["run"].as_str().unwrap(), "--output", "json"]);

    assert_eq!(given_up.json()["failed_by"], serde_json::json!({ "cancelled": 1 }), "{}", given_up.stderr);
    gate.open();
    assert_eq!(owner.end().code, 0);
}

#[test]
fn what_a_job_that_is_given_up_had_accepted_is_still_said() {
    let server = crate::server::Server::accepting();
    let folder = Folder::to(server.address, &(ERASE.to_owned() + "  - wait: 1h\n"));
    deletions(&folder, "a.ndjson", [1]);
    let left = Running::job(&folder, "a.ndjson").end();

    let cancelled = folder.run(&["jobs", "cancel", "job-1", "--output", "json"]);

    assert_eq!(left.counts(), (1, [0, 0, 0, 1]), "{}", left.stderr);
    let summary = cancelled.json();
    assert_eq!((&summary["failed"], &summary["accepted"]), (&1.into(), &1.into()), "{summary}");
}
