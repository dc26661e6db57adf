//! Commands that change jobs, while another process owns the store.

use crate::folder::{ERASE, Folder, KEY};
use crate::running::{Running, deletions, holding};
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
    let (folder, server, owner) = busy(&gate);
    deletions(&folder, "b.ndjson", 2..=501);
    let beside = Running::job(&folder, "b.ndjson");
    beside.says("owns the store");
    crate::server::until("the second job is there", || folder.run(&["jobs", "show", "job-2"]).code == 0);

    let cancelling = Running::of(folder.command(&["jobs", "cancel", "job-2", "--output", "json"]));
    cancelling.says("owns the store");
    gate.open();

    let (cancelled, beside, owner) = (cancelling.end(), beside.end(), owner.end());
    assert_eq!(owner.counts(), (0, [1, 0, 0, 0]), "{}", owner.stderr);
    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    let summary = cancelled.json();
    let [done, failed] = ["done", "failed"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(done + failed, 500, "{summary}");
    assert_eq!(summary["failed_by"]["cancelled"], failed, "{summary}");
    assert_eq!(beside.json(), summary);
    assert_eq!(beside.code, i32::from(failed > 0));
    assert!(beside.stderr.contains("job-2 was cancelled while it was carried out"), "{}", beside.stderr);
    assert!(!server.requests().is_empty());
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

    // The owner has the key, so who hands over needs none.
    let mut without = folder.command(&["run", "flow.yaml", "--input", "b.ndjson", "--output", "json"]);
    without.env_remove("PRIVAFLOW_TEST_KEY");
    let done = Running::of(without).end();
    assert_eq!(done.counts(), (0, [1, 0, 0, 0]), "{}", done.stderr);
    assert!(server.requests().iter().all(|request| request.head.contains(KEY)));
    gate.open();
    assert_eq!(owner.end().code, 0);
}
