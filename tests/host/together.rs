//! Several runs at once on one store.

use std::io::Write;
use std::process::Stdio;

use crate::folder::{ERASE, Folder};
use crate::running::{ERASE_MANY, Running, deletions, holding, slowly};
use crate::server::{Gate, Server};

/// How the second of two says who does its work.
fn hands_over_to(owner: &Running) -> String {
    format!("process {} owns the store", owner.pid())
}

#[test]
fn a_run_beside_another_hands_over_and_ends_as_if_it_had_run_alone() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    let wrong = r#"{"id":"r-9","kind":"access","subject":{"external_id":"u-9"},"odd":1}"#;
    folder.write("b.ndjson", format!("{}\n{wrong}\n", crate::folder::deletion(2)));
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);

    let beside = Running::job(&folder, "b.ndjson").end();

    assert!(beside.stderr.contains(&hands_over_to(&owner)), "{}", beside.stderr);
    assert_eq!(beside.counts(), (1, [1, 0, 1, 0]), "{}", beside.stderr);
    assert!(beside.stderr.contains("`odd` is no member of a record"), "{}", beside.stderr);
    assert_eq!(folder.failures(&beside)[0]["code"], "kind_mismatch");
    gate.open();
    let owner = owner.end();
    assert_eq!(owner.counts(), (0, [1, 0, 0, 0]), "{}", owner.stderr);
    assert_ne!(owner.json()["job"], beside.json()["job"]);
    let again = Running::job(&folder, "b.ndjson").end();
    assert_eq!((again.code, again.stdout), (beside.code, beside.stdout));
}

#[test]
fn an_owner_whose_own_job_is_over_stays_for_what_was_handed_over() {
    let (first, second) = (Gate::default(), Gate::default());
    let gates = [("u-1", first.clone()), ("u-2", second.clone())];
    let server = Server::start(move |request, _| {
        let people = request.people();
        gates
            .iter()
            .filter(|(person, _)| people.iter().any(|one| one == person))
            .for_each(|(_, gate)| gate.pass());
        crate::server::accepted()
    });
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", [2]);
    let mut owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    let beside = Running::job(&folder, "b.ndjson");
    server.wait_for(2);

    first.open();
    owner.says("staying for 1 command that other processes handed over");

    assert!(!owner.is_over());
    second.open();
    assert_eq!(beside.end().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(owner.end().counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn the_same_run_twice_at_once_sends_everything_once_and_both_hear_what_it_came_to() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", 1..=10);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    let beside = Running::job(&folder, "a.ndjson");
    beside.says("job-1 is being carried out already");

    gate.open();

    let (owner, beside) = (owner.end(), beside.end());
    assert_eq!(owner.counts(), (0, [10, 0, 0, 0]), "{}", owner.stderr);
    assert_eq!((beside.code, &beside.stdout), (0, &owner.stdout), "{}", beside.stderr);
    assert_eq!(server.people().len(), 10);
}

#[test]
fn what_comes_by_standard_input_is_handed_over_and_nothing_of_it_stays_behind() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);

    let mut child = folder.command(&["run", "flow.yaml", "--input", "-", "--output", "json"]);
    let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", crate::folder::deletion(7777)).unwrap();
    let beside = crate::folder::end(child);

    assert_eq!(beside.counts(), (0, [1, 0, 0, 0]), "{}", beside.stderr);
    assert!(!folder.store_bytes().contains("u-7777"));
    gate.open();
    assert_eq!(owner.end().code, 0);
}

#[test]
fn a_signal_stops_the_job_of_who_got_it_and_no_other() {
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

    beside.signal("TERM");
    let beside = beside.end();

    let (code, [done, 0, 0, waiting]) = beside.counts() else { panic!("{}", beside.stdout) };
    assert_eq!((code, done + waiting), (130, 10_000), "{}", beside.stderr);
    assert!(waiting > 0 && beside.stderr.contains("interrupted; the same command"), "{}", beside.stderr);
    gate.open();
    let owner = owner.end();
    assert_eq!(owner.counts(), (0, [1, 0, 0, 0]), "{}", owner.stderr);
}

#[test]
fn an_owner_that_gets_a_signal_leaves_and_who_handed_over_goes_on() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE_MANY);
    slowly(&folder, &server);
    deletions(&folder, "a.ndjson", [1]);
    deletions(&folder, "b.ndjson", 1000..4000);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    let beside = Running::job(&folder, "b.ndjson");
    server.wait_for(5);

    owner.signal("TERM");
    owner.says("stopping");
    gate.open();

    assert_eq!(owner.end().counts(), (0, [1, 0, 0, 0]));
    let beside = beside.end();
    assert_eq!(beside.counts(), (0, [3000, 0, 0, 0]), "{}", beside.stderr);
    assert!(beside.stderr.contains("left the store before this was over"), "{}", beside.stderr);
    let mut people = server.people();
    people.sort();
    let sent = people.len();
    people.dedup();
    assert_eq!((people.len(), sent), (3001, 3001));
}

#[test]
fn a_request_that_stands_in_two_files_at_once_is_carried_out_once() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1, 2]);
    deletions(&folder, "b.ndjson", [2, 3]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);

    let beside = Running::job(&folder, "b.ndjson").end();

    assert_eq!(beside.counts(), (0, [1, 1, 0, 0]), "{}", beside.stderr);
    gate.open();
    assert_eq!(owner.end().counts(), (0, [2, 0, 0, 0]));
    let mut people = server.people();
    people.sort();
    assert_eq!(people, ["u-1", "u-2", "u-3"]);
}
