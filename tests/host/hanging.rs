//! Decisions of people about jobs whose service takes requests and never answers: they are made soon, what was
//! sent counts as unknown, and nobody else waits for them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::folder::{ERASE, Folder, Shot, deletion, request};
use crate::running::{Running, SET, deletions, holding, killed_while_it_waited};
use crate::server::{Gate, Server, accepted, answer};

/// Far less than a service may take to answer, and far more than a decision needs on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// An event for each person, which must not be sent twice.
const EVENT: &str = r#"
workflow: event
on: { file: {} }
steps:
  - assert: request.id != "bad"
  - id: event
    uses: braze/users.track
    with: { events: [{ external_id: "{{ subject.external_id }}", name: seen, time: "2026-11-22T02:00:00Z" }] }
"#;

/// A command that must not wait for a service.
#[track_caller]
fn soon(folder: &Folder, arguments: &[&str]) -> Shot {
    let began = Instant::now();
    let shot = folder.run(arguments);
    assert!(began.elapsed() < SOON, "{arguments:?} took {:?}: {}", began.elapsed(), shot.stderr);
    shot
}

/// Whose events arrived.
fn events(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let events = requests.iter().filter_map(|request| request.json()["events"].as_array().cloned());
    events.flatten().filter_map(|event| event["external_id"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_job_whose_service_hangs_is_given_up_soon_and_the_gate_knows_whom_it_may_have_erased() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);

    let cancelled = soon(&folder, &["jobs", "cancel", "job-1", "--output", "json"]);

    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    assert_eq!(cancelled.json()["failed_by"], json!({ "cancelled": 1 }), "{}", cancelled.stderr);
    for words in ["calls of 1 request of job-1 had no answer", "may have erased somebody at the service"] {
        assert!(cancelled.stderr.contains(words), "{words}: {}", cancelled.stderr);
    }
    let owner = owner.end();
    assert_eq!(owner.counts(), (1, [0, 0, 1, 0]), "{}", owner.stderr);
    assert!(owner.stderr.contains("job-1 was cancelled while it was carried out"), "{}", owner.stderr);
    let listed = folder.run(&["gate", "list", "--subject", "u-1", "--output", "json"]);
    assert!(listed.code == 0 && !listed.stdout.trim().is_empty(), "{}", listed.stderr);
    gate.open();
}

#[test]
fn a_request_in_the_air_is_given_up_soon_and_its_job_goes_on_with_the_others() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, SET);
    folder.requests([request("consent", "a", "u-1"), request("consent", "b", "u-2")]);
    let owner = Running::job(&folder, "requests.ndjson");
    server.wait_for(1);
    let listed = folder.run(&["runs", "list", "--job", "job-1", "--output", "json"]);
    assert_eq!(listed.lines().len(), 2, "{}", listed.stderr);

    let given_up = soon(&folder, &["runs", "cancel", "job-1:0", "--output", "json"]);

    assert_eq!(given_up.code, 0, "{}", given_up.stderr);
    let owner = owner.end();
    assert_eq!(owner.counts(), (1, [1, 0, 1, 0]), "{}", owner.stderr);
    assert_eq!(owner.json()["failed_by"], json!({ "cancelled": 1 }));
    // Together first, then the other one alone.
    assert_eq!(server.people(), ["u-1", "u-2", "u-2"]);
    gate.open();
}

#[test]
fn a_job_of_which_the_last_request_is_given_up_ends_with_what_it_came_to() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "a", "u-1")]);
    let owner = Running::job(&folder, "requests.ndjson");
    server.wait_for(1);

    let given_up = soon(&folder, &["runs", "cancel", "job-1:0"]);

    assert_eq!(given_up.code, 0, "{}", given_up.stderr);
    let owner = owner.end();
    assert_eq!(owner.counts(), (1, [0, 0, 1, 0]), "{}", owner.stderr);
    assert_eq!(folder.run(&["jobs", "list", "--output", "json"]).json()["status"], "finished");
    gate.open();
    assert_eq!(events(&server), ["u-1"]);
}

#[test]
fn what_a_job_has_not_come_to_yet_is_given_up_and_what_it_does_not_have_is_told() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, SET);
    folder.requests([request("consent", "a", "u-1"), request("consent", "b", "u-1")]);
    let owner = Running::job(&folder, "requests.ndjson");
    server.wait_for(1);

    let missing = soon(&folder, &["runs", "cancel", "job-1:7"]);
    let waits = soon(&folder, &["runs", "cancel", "job-1:1"]);
    let first = soon(&folder, &["runs", "cancel", "job-1:0"]);

    assert_eq!((missing.code, waits.code, first.code), (2, 0, 0), "{} {}", missing.stderr, waits.stderr);
    assert!(missing.stderr.contains("there is no run job-1:7"), "{}", missing.stderr);
    let owner = owner.end();
    assert_eq!(owner.counts(), (1, [0, 0, 2, 0]), "{}", owner.stderr);
    gate.open();
}

#[test]
fn a_person_is_forgotten_soon_and_the_others_of_the_job_go_on() {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "a.ndjson", [1, 2]);
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(1);

    let forgotten = soon(&folder, &["forget", "u-1", "--output", "json"]);

    assert_eq!((forgotten.code, &forgotten.json()["runs"]), (0, &json!(1)), "{}", forgotten.stderr);
    let owner = owner.end();
    assert_eq!(owner.counts(), (1, [1, 0, 1, 0]), "{}", owner.stderr);
    assert_eq!(owner.json()["failed_by"], json!({ "forgotten": 1 }));
    assert_eq!(server.people().last().map(String::as_str), Some("u-2"));
    gate.open();
}

#[test]
fn a_decision_that_gives_nothing_up_waits_for_what_must_not_be_repeated_and_holds_up_nobody() {
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |request, before| match request.json().to_string().contains("\"u-1\"") {
            true if before == 0 => answer(400, r#"{"message":"not now"}"#),
            true => {
                gate.pass();
                accepted()
            }
            false => accepted(),
        }
    });
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "a", "u-1"), request("other", "bad", "u-2")]);
    folder.write("other.yaml", SET.replace("workflow: set", "workflow: other"));
    folder.write("c.ndjson", format!("{}\n", request("consent", "c", "u-3")));
    assert_eq!(folder.job().counts(), (1, [0, 0, 2, 0]));
    let owner = Running::of(folder.command(&["runs", "retry", "job-1:0", "--output", "json"]));
    server.wait_for(2);

    let retry = Running::of(folder.command(&["runs", "retry", "job-1:1", "--no-resume"]));
    retry.says("waits for their answers");
    let beside = soon(&folder, &["run", "other.yaml", "--input", "c.ndjson", "--output", "json"]);
    let paused = soon(&folder, &["pause", "--all"]);
    let resumed = soon(&folder, &["resume", "--all"]);

    assert_eq!(beside.counts(), (0, [1, 0, 0, 0]), "{}", beside.stderr);
    assert_eq!((paused.code, resumed.code), (0, 0), "{} {}", paused.stderr, resumed.stderr);
    gate.open();
    assert_eq!(retry.end().code, 0);
    let owner = owner.end();
    assert_eq!(owner.counts(), (1, [1, 0, 1, 0]), "{}", owner.stderr);
    assert_eq!(events(&server), ["u-1", "u-1"]);
}

#[test]
fn a_job_that_is_settled_for_another_is_given_up_soon_and_the_other_one_goes_on() {
    let (gate, server, folder) = killed_while_it_waited(&[request("consent", "older", "u-1")]);
    folder.write("b.ndjson", format!("{}\n{}\n", request("consent", "newer", "u-1"), deletion(9)));
    let second = Running::job(&folder, "b.ndjson");
    second.says("job-1 was left with requests in the air");
    server.wait_for(2);

    let cancelled = soon(&folder, &["jobs", "cancel", "job-1"]);
    server.wait_for(3);
    gate.open();

    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    let second = second.end();
    assert_eq!(second.counts(), (0, [2, 0, 0, 0]), "{}", second.stderr);
}

#[test]
fn a_job_that_waits_for_what_another_one_left_is_given_up_soon_and_the_other_one_is_not() {
    let (gate, server, folder) = killed_while_it_waited(&[request("consent", "older", "u-1")]);
    folder.write("b.ndjson", format!("{}\n", request("consent", "newer", "u-1")));
    let second = Running::job(&folder, "b.ndjson");
    second.says("job-1 was left with requests in the air");
    server.wait_for(2);

    let cancelled = soon(&folder, &["jobs", "cancel", "job-2"]);

    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    assert_eq!(second.end().counts(), (1, [0, 0, 1, 0]));
    gate.open();
    let older = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(older.counts(), (0, [1, 0, 0, 0]), "{}", older.stderr);
    assert!(!server.requests().iter().any(|request| request.json().to_string().contains("newer")));
}

#[test]
fn whoever_waits_behind_requests_without_an_answer_is_told_how_to_wait_longer() {
    let (gate, _server, folder) = killed_while_it_waited(&[request("consent", "older", "u-1")]);
    folder.write("b.ndjson", format!("{}\n", request("consent", "newer", "u-1")));

    let waits = folder.run(&["run", "flow.yaml", "--input", "b.ndjson", "--output", "json"]);

    assert_eq!(waits.counts(), (1, [0, 0, 0, 1]), "{}", waits.stderr);
    assert!(waits.stderr.contains("`privaflow jobs resume job-1` waits longer"), "{}", waits.stderr);
    gate.open();
    let older = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    let newer = folder.run(&["run", "flow.yaml", "--input", "b.ndjson", "--output", "json"]);
    assert_eq!((older.counts(), newer.counts()), ((0, [1, 0, 0, 0]), (0, [1, 0, 0, 0])), "{}", newer.stderr);
}
