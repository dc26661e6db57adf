//! The emergency stop.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::folder::{ERASE, Folder, request};
use crate::running::{Running, deletions};
use crate::server::{Gate, Server, accepted, answer, until};

/// An event for each person: what must not be sent twice.
const EVENT: &str = r#"
workflow: event
on: { file: {} }
steps:
  - id: event
    uses: braze/users.track
    with: { events: [{ external_id: "{{ subject.external_id }}", name: seen, time: "2026-11-22T02:00:00Z" }] }
"#;

#[test]
fn everything_is_held_within_a_second_and_goes_on_with_nothing_lost_or_doubled() {
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&arrivals);
    let server = Server::start(move |request, _| {
        let people = request.json()["events"].as_array().unwrap().len();
        seen.lock().unwrap().push((Instant::now(), people));
        accepted()
    });
    let folder = Folder::to(server.address, EVENT);
    // So slow that the job is under way for as long as the test wants.
    folder.settings(
        server.address,
        "token: { env: PRIVAFLOW_TEST_KEY }\n    limits: { users.track: { requests: 40, per: 1s } }",
    );
    let records = |range: std::ops::Range<usize>| {
        range.map(|number| format!("{}\n", request("other", &format!("e-{number}"), &format!("u-{number}"))))
    };
    folder.write("a.ndjson", records(0..9000).collect::<String>());
    folder.write("b.ndjson", records(9000..9010).collect::<String>());
    let owner = Running::job(&folder, "a.ndjson");
    server.wait_for(10);

    let paused = folder.run(&["pause", "--all", "--reason", "a wrong file", "--output", "json"]);
    let since = Instant::now();
    assert_eq!((paused.code, &paused.json()["reason"]), (0, &json!("a wrong file")), "{}", paused.stderr);
    owner.says(": a wrong file; nothing leaves until `privaflow resume --all`");
    let beside = Running::job(&folder, "b.ndjson");
    beside.says("nothing leaves until");
    until("two seconds have passed", || {
        assert_eq!(folder.run(&["jobs", "list"]).code, 0);
        since.elapsed() > Duration::from_secs(2)
    });
    let late = arrivals.lock().unwrap().iter().filter(|(at, _)| *at > since + Duration::from_secs(1)).count();
    assert_eq!(late, 0);
    let listed = folder.run(&["jobs", "list", "--output", "json"]);
    assert!(listed.stderr.contains("everything is paused by"), "{}", listed.stderr);
    assert!(listed.lines().iter().all(|job| job["paused"] == true), "{}", listed.stdout);

    let resumed = folder.run(&["resume", "--all"]);
    assert_eq!((resumed.code, resumed.stderr.trim()), (0, "everything may leave again"));
    let (owner, beside) = (owner.end(), beside.end());
    assert_eq!(owner.counts(), (0, [9000, 0, 0, 0]), "{}", owner.stderr);
    assert_eq!(beside.counts(), (0, [10, 0, 0, 0]), "{}", beside.stderr);
    assert!(owner.stderr.contains("not paused any more"), "{}", owner.stderr);
    let sent: usize = arrivals.lock().unwrap().iter().map(|(_, people)| people).sum();
    assert_eq!(sent, 9010);
    let log = folder.read("store/pauses.ndjson");
    let actions: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["action"].to_string())
        .collect();
    assert_eq!(actions, [r#""pause""#, r#""resume""#]);
}

#[test]
fn what_is_paused_before_it_starts_waits_as_long_as_it_is_told_and_then_ends_as_waiting() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    deletions(&folder, "requests.ndjson", 1..=20);
    let unknown = folder.run(&["pause", "--profile", "braze-prodution"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("did you mean `braze-production`?"), "{}", unknown.stderr);
    assert_eq!(folder.run(&["pause", "--profile", "braze-production"]).code, 0);

    let run = ["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--wait", "500ms"];
    let waited = folder.run(&run);

    assert_eq!(waited.counts(), (1, [0, 0, 0, 20]), "{}", waited.stderr);
    assert_eq!(waited.json()["waiting_by"], json!({ "retry": 20 }));
    assert!(
        waited.stderr.contains("until `privaflow resume --profile braze-production`"),
        "{}",
        waited.stderr
    );
    assert!(server.requests().is_empty());
    let profile = folder.run(&["profiles", "list", "--output", "json"]).json();
    assert!(profile["paused"]["since"].is_string(), "{profile}");
    let mut interrupted = Running::job(&folder, "requests.ndjson");
    interrupted.says("nothing leaves for it");
    interrupted.signal("INT");
    until("it stops", || interrupted.is_over());
    assert_eq!(interrupted.end().code, 130);
    assert_eq!(folder.run(&["resume", "--profile", "braze-production"]).code, 0);
    assert_eq!(folder.run(&run).counts(), (0, [20, 0, 0, 0]));
    assert_eq!(server.people().len(), 20);
}

#[test]
fn what_a_step_may_take_is_not_used_up_while_everything_is_paused() {
    for budget in ["timeout: 1500ms", "retry: { at_most: 1500ms }"] {
        let gate = Gate::default();
        let server = Server::start({
            let gate = gate.clone();
            move |_, before| {
                gate.pass();
                if before == 0 { answer(503, "{}") } else { accepted() }
            }
        });
        let folder = Folder::to(
            server.address,
            &ERASE.replace("- id: erase\n", &format!("- id: erase\n    {budget}\n")),
        );
        deletions(&folder, "requests.ndjson", 1..=1);
        let job = Running::job(&folder, "requests.ndjson");
        server.wait_for(1);
        assert_eq!(folder.run(&["pause", "--all"]).code, 0);
        gate.open();
        let since = Instant::now();
        until("more time has passed than the step may take", || {
            assert_eq!(folder.run(&["jobs", "list"]).code, 0);
            since.elapsed() > Duration::from_secs(2)
        });

        assert_eq!(folder.run(&["resume", "--all"]).code, 0);

        let shot = job.end();
        assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{budget}: {}", shot.stderr);
    }
}
