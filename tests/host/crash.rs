//! Owners that die.

use crate::folder::{ERASE, Folder};
use crate::running::{ERASE_MANY, Running, deletions, holding};
use crate::server::{Gate, Server};

#[test]
fn when_the_owner_is_killed_who_handed_over_goes_on_and_everything_ends_right() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let server = Server::start(move |_, before| {
        if before >= 5 {
            waiting.pass();
        }
        crate::server::accepted()
    });
    let folder = Folder::to(server.address, ERASE_MANY);
    deletions(&folder, "a.ndjson", 1..500);
    deletions(&folder, "b.ndjson", 1000..6000);
    deletions(&folder, "c.ndjson", 8000..9000);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    let beside = ["b.ndjson", "c.ndjson"].map(|input| Running::job(&folder, input));
    for one in &beside {
        one.says("owns the store");
    }
    server.wait_for(40);

    owner.kill();
    gate.open();

    let [b, c] = beside.map(Running::end);
    assert_eq!(b.counts(), (0, [5000, 0, 0, 0]), "{}", b.stderr);
    assert_eq!(c.counts(), (0, [1000, 0, 0, 0]), "{}", c.stderr);
    let a = Running::job(&folder, "a.ndjson").end();
    assert_eq!(a.counts(), (0, [499, 0, 0, 0]), "{}", a.stderr);
    let mut people = server.people();
    people.sort();
    people.dedup();
    assert_eq!(people.len(), 499 + 5000 + 1000);
}

#[test]
fn a_job_from_standard_input_goes_on_beside_an_owner_and_also_when_that_is_killed() {
    for is_killed in [false, true] {
        let held = Gate::default();
        let waiting = held.clone();
        let server = Server::start(move |_, _| {
            waiting.pass();
            crate::server::accepted()
        });
        let folder = Folder::to(server.address, ERASE);
        deletions(&folder, "a.ndjson", [1]);
        deletions(&folder, "b.ndjson", [2]);
        assert_eq!(folder.run(&["pause", "--all"]).code, 0);
        let begun = ["run", "flow.yaml", "--input", "-", "--wait", "1ms"];
        let begun = folder.run_on(&begun, folder.read("b.ndjson").as_bytes());
        assert_eq!(begun.code, 1, "{}", begun.stderr);
        assert_eq!(folder.run(&["resume", "--all"]).code, 0);
        let owner = Running::job(&folder, "a.ndjson");
        server.wait_for(1);

        let mut resume = folder.command(&["jobs", "resume", "job-1", "--output", "json"]);
        resume.stdin(std::fs::File::open(folder.path("b.ndjson")).unwrap());
        let resumed = Running::of(resume);
        resumed.says("owns the store");
        server.wait_for(2);
        if is_killed {
            owner.kill();
            held.open();
        } else {
            held.open();
            assert_eq!(owner.end().counts(), (0, [1, 0, 0, 0]));
        }

        let resumed = resumed.end();
        assert_eq!(resumed.counts(), (0, [1, 0, 0, 0]), "{}", resumed.stderr);
    }
}

#[test]
fn a_socket_that_a_killed_owner_left_behind_stands_in_nobodys_way() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", [2]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    owner.kill();
    assert!(folder.path("store/control.sock").exists());
    gate.open();

    let next = Running::job(&folder, "b.ndjson").end();

    assert_eq!(next.counts(), (0, [1, 0, 0, 0]), "{}", next.stderr);
    assert!(!next.stderr.contains("owns the store"), "{}", next.stderr);
    assert!(!folder.path("store/control.sock").exists());
}

#[test]
fn whoever_cannot_be_reached_still_owns_the_store_and_others_wait_for_it() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", [2]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    std::fs::remove_file(folder.path("store/control.sock")).unwrap();

    let next = Running::job(&folder, "b.ndjson");
    // It can do nothing but wait; a look at the store takes longer than it takes to try.
    (0..5).for_each(|_| assert_eq!(folder.run(&["jobs", "list"]).code, 0));

    assert_eq!(server.requests().len(), 1);
    gate.open();
    assert_eq!(owner.end().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(next.end().counts(), (0, [1, 0, 0, 0]));
}
