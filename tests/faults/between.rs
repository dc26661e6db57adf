//! What one process leaves in the air and another takes over, in the same job or in another one of the
//! store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::folder::{Folder, Shot};
use crate::server::{Gate, Reply, Server, accepted};

/// Sets the state that the record says, and counts that it came: that must not be done twice.
const COUNTED: &str = r#"
workflow: counted
on: { file: {} }
steps:
  - id: track
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }]
      events: [{ external_id: "{{ subject.external_id }}", name: consent, time: "2026-11-22T02:00:00Z" }]
"#;

/// Sets the state, and no more.
pub const SET: &str = r#"
workflow: set
on: { file: {} }
steps:
  - id: track
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }]
"#;

pub fn change(id: &str, status: &str, second: u32) -> Value {
    let at = format!("2026-11-20T10:00:{second:02}Z");
    let consents = json!([{ "purpose": "email", "status": status, "updated_at": at }]);
    json!({ "id": id, "kind": "consent", "subject": { "external_id": "u-1" }, "consents": consents })
}

/// A folder whose `first.ndjson` was on its way when the process was killed, and a service that answers
/// from now on.
fn left_in_the_air(workflow: &str, records: &[Value]) -> (Folder, Server) {
    let gate = Gate::default();
    let server = Server::accepting_after(&gate);
    let folder = Folder::to(server.address, workflow);
    write(&folder, "first.ndjson", records);
    kill_after(&folder, &server, &gate, 1);
    (folder, server)
}

/// Kills a job on `first.ndjson` when so many requests have arrived, and lets the service answer from then on.
pub fn kill_after(folder: &Folder, server: &Server, gate: &Gate, requests: usize) {
    let mut child = folder.command(&["run", "flow.yaml", "--input", "first.ndjson"]).spawn().unwrap();
    server.wait_for(requests);
    child.kill().unwrap();
    child.wait().unwrap();
    gate.open();
}

pub fn write(folder: &Folder, name: &str, records: &[Value]) {
    folder.write(name, records.iter().map(|record| format!("{record}\n")).collect::<String>());
}

pub fn run(folder: &Folder, input: &str) -> Shot {
    folder.run(&["run", "flow.yaml", "--input", input, "--output", "json"])
}

/// The states that the service was told, request by request.
pub fn told(server: &Server) -> Vec<Vec<String>> {
    let states = |request: &crate::server::Request| {
        let body = request.json();
        let attributes = body["attributes"].as_array().cloned().unwrap_or_default();
        attributes.iter().filter_map(|one| one["email_subscribe"].as_str().map(str::to_owned)).collect()
    };
    server.requests().iter().map(states).collect()
}

#[test]
fn an_opt_out_in_the_air_that_must_not_be_repeated_is_not_undone_by_an_older_choice() {
    let records = [change("newer", "unsubscribed", 9), change("older", "opted_in", 1)];
    for input in ["first.ndjson", "second.ndjson"] {
        // The older choice comes in the same file, or in another one.
        let (folder, server) = match input {
            "first.ndjson" => left_in_the_air(COUNTED, &records),
            _ => left_in_the_air(COUNTED, &records[..1]),
        };
        write(&folder, "second.ndjson", &records[1..]);

        let shot = run(&folder, input);

        // Its event is sent all the same.
        assert_eq!(told(&server), [vec!["unsubscribed".to_owned()], Vec::new()], "{input}: {}", shot.stderr);
        let (code, [done, skipped, failed, waiting]) = shot.counts();
        let expected = if input == "first.ndjson" { (1, 1) } else { (0, 0) };
        assert_eq!((code, waiting), expected, "{input}: {}", shot.stderr);
        assert_eq!((done, skipped, failed), (1, 0, 0), "{input}: {}", shot.stderr);
    }
}

#[test]
fn what_another_job_left_in_the_air_is_answered_before_a_newer_state_leaves() {
    let (folder, server) = left_in_the_air(SET, &[change("older", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9)]);

    let shot = run(&folder, "second.ndjson");

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert!(shot.stderr.contains("job-1 was left with requests in the air"), "{}", shot.stderr);
    assert_eq!(told(&server), [["opted_in"], ["opted_in"], ["unsubscribed"]]);
    assert_eq!(run(&folder, "first.ndjson").counts(), (0, [1, 0, 0, 0]));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn of_a_job_that_is_answered_for_another_one_nothing_else_is_sent() {
    let mut records = vec![change("older", "opted_in", 1)];
    records.extend((2..2000).map(|number| {
        let mut record = change(&format!("r-{number}"), "opted_in", 1);
        record["subject"]["external_id"] = json!(format!("u-{number}"));
        record
    }));
    let gate = Gate::default();
    let server = Server::accepting_after(&gate);
    let folder = Folder::to(server.address, SET);
    // One request at a time, so that only the first is in the air.
    let limits = "limits: { users.track: { requests: 1, per: 1s } }";
    folder.settings(server.address, &format!("token: {{ env: PRIVAFLOW_TEST_KEY }}\n    {limits}"));
    write(&folder, "first.ndjson", &records);
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9)]);
    kill_after(&folder, &server, &gate, 1);

    let shot = run(&folder, "second.ndjson");

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(told(&server).iter().map(Vec::len).collect::<Vec<_>>(), [75, 75, 1]);
}

#[test]
fn nothing_newer_leaves_while_what_is_in_the_air_cannot_be_answered() {
    let (folder, server) = left_in_the_air(SET, &[change("older", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9)]);
    let kept = folder.read("first.ndjson");
    folder.write("first.ndjson", "{}\n");

    let edited = run(&folder, "second.ndjson");
    std::fs::remove_file(folder.path("first.ndjson")).unwrap();
    let gone = run(&folder, "second.ndjson");

    for shot in [&edited, &gone] {
        assert_eq!((shot.code, shot.stdout.as_str()), (2, ""), "{}", shot.stderr);
        assert!(shot.stderr.contains("job-1 was left with requests in the air"), "{}", shot.stderr);
        assert!(shot.stderr.contains("`privaflow jobs cancel job-1`"), "{}", shot.stderr);
    }
    assert_eq!(server.requests().len(), 1);
    folder.write("first.ndjson", kept);
    assert_eq!(run(&folder, "second.ndjson").counts(), (0, [1, 0, 0, 0]));
    assert_eq!(told(&server), [["opted_in"], ["opted_in"], ["unsubscribed"]]);
}

#[test]
fn a_job_that_a_person_gave_up_holds_nobody_up() {
    let (folder, server) = left_in_the_air(SET, &[change("older", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9)]);
    std::fs::remove_file(folder.path("first.ndjson")).unwrap();
    assert_eq!(folder.run(&["jobs", "cancel", "job-1"]).code, 0);

    assert_eq!(run(&folder, "second.ndjson").counts(), (0, [1, 0, 0, 0]));

    assert_eq!(told(&server), [["opted_in"], ["unsubscribed"]]);
}

#[test]
fn a_service_that_refuses_what_is_in_the_air_lets_nothing_newer_leave() {
    let mended = Arc::new(AtomicBool::new(false));
    let gate = Gate::default();
    let server = Server::start({
        let (gate, mended) = (gate.clone(), Arc::clone(&mended));
        move |_, _| {
            gate.pass();
            if mended.load(Ordering::SeqCst) { accepted() } else { crate::server::answer(401, "{}") }
        }
    });
    let folder = Folder::to(server.address, SET);
    write(&folder, "first.ndjson", &[change("older", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9)]);
    kill_after(&folder, &server, &gate, 1);

    let refused = run(&folder, "second.ndjson");

    // A request that was refused was not made: nothing is in the air any more, but the profile is stopped.
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(told(&server).iter().flatten().all(|state| state == "opted_in"), "{:?}", told(&server));
    mended.store(true, Ordering::SeqCst);
    assert_eq!(run(&folder, "second.ndjson").counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn what_has_no_answer_holds_up_the_same_people_and_nobody_else() {
    let gives_answers = Arc::new(AtomicBool::new(false));
    let server = Server::start({
        let gives_answers = Arc::clone(&gives_answers);
        move |request, _| match request.json().to_string().contains("opted_in")
            && !gives_answers.load(Ordering::SeqCst)
        {
            true => Reply::Cut,
            false => accepted(),
        }
    });
    let folder = Folder::to(server.address, SET);
    folder.write("flow.yaml", SET.replace("  - id: track\n", "  - id: track\n    retry: { attempts: 1 }\n"));
    write(&folder, "first.ndjson", &[change("older", "opted_in", 1)]);
    assert_eq!(run(&folder, "first.ndjson").counts(), (1, [0, 0, 0, 1]));
    let mut other = change("other", "unsubscribed", 2);
    other["subject"]["external_id"] = json!("u-2");
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9), other]);

    let left = run(&folder, "second.ndjson");

    assert_eq!(left.counts(), (1, [1, 0, 0, 1]), "{}", left.stderr);
    assert!(left.stderr.contains("nothing newer may leave for the same people"), "{}", left.stderr);
    // Neither waits for the other.
    let mut second = told(&server).split_off(1);
    second.sort();
    assert_eq!(second, [["opted_in"], ["unsubscribed"]]);
    let bodies: Vec<String> = server.requests().iter().map(|request| request.json().to_string()).collect();
    assert!(bodies.iter().all(|body| body.contains("u-2") == body.contains("unsubscribed")), "{bodies:?}");

    gives_answers.store(true, Ordering::SeqCst);
    assert_eq!(run(&folder, "second.ndjson").counts(), (0, [2, 0, 0, 0]));
    assert_eq!(told(&server)[3..], [["opted_in"], ["unsubscribed"]]);
}

#[test]
fn a_state_without_an_answer_is_answered_first_when_its_process_gave_up_in_order() {
    let server = Server::start(|_, before| match before {
        0 => Reply::Cut,
        _ => accepted(),
    });
    let folder = Folder::to(server.address, SET);
    // It is tried once, and then waits.
    folder.write("flow.yaml", SET.replace("  - id: track\n", "  - id: track\n    retry: { attempts: 1 }\n"));
    write(&folder, "first.ndjson", &[change("older", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "unsubscribed", 9)]);
    assert_eq!(run(&folder, "first.ndjson").counts(), (1, [0, 0, 0, 1]));

    let shot = run(&folder, "second.ndjson");

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(told(&server), [["opted_in"], ["opted_in"], ["unsubscribed"]]);
}

#[test]
fn what_a_job_left_in_the_air_when_its_profile_was_refused_holds_up_the_same_people_in_jobs_that_are_at_work()
{
    let mended = Arc::new(AtomicBool::new(false));
    let gate = Gate::default();
    let server = Server::start({
        let (gate, mended) = (gate.clone(), Arc::clone(&mended));
        let lost = AtomicBool::new(false);
        move |request, _| match request.json().to_string().contains("opted_in") {
            true => accepted(),
            false if mended.load(Ordering::SeqCst) => accepted(),
            false if lost.swap(true, Ordering::SeqCst) => crate::server::answer(401, "{}"),
            // It was made, and nobody hears of it.
            false => {
                gate.pass();
                Reply::Cut
            }
        }
    });
    let folder = Folder::to(server.address, &of_profile("newest", "first"));
    folder.write("older.yaml", of_profile("older", "second"));
    let profile = |name: &str| {
        let address = server.address;
        format!(
            "  {name}: {{ system: braze, scheme: http, host: '{address}', token: {{ env: PRIVAFLOW_TEST_KEY }}, workspace: one }}\n"
        )
    };
    let profiles = profile("first") + &profile("second");
    folder.write("privaflow.yaml", format!("workflows: .\nstore: {{ path: store }}\nprofiles:\n{profiles}"));
    write(&folder, "first.ndjson", &[change("newer", "unsubscribed", 9)]);
    let mut other = change("other", "opted_in", 2);
    other["subject"]["external_id"] = json!("u-2");
    write(&folder, "second.ndjson", &[change("older", "opted_in", 1), other]);
    let older = ["run", "older.yaml", "--input", "second.ndjson", "--output", "json"];

    let first = folder.command(&["run", "flow.yaml", "--input", "first.ndjson"]).spawn().unwrap();
    server.wait_for(1);
    let second = folder.command(&older).spawn().unwrap();
    // The older change of the same person waits behind it by now.
    server.wait_for(2);
    gate.open();
    let (refused, left) = (crate::folder::end(first), crate::folder::end(second));

    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert_eq!(left.counts(), (1, [1, 0, 0, 1]), "{}", left.stderr);
    assert_eq!(told(&server), [["unsubscribed"], ["opted_in"], ["unsubscribed"]]);
    mended.store(true, Ordering::SeqCst);
    assert_eq!(folder.run(&older).counts(), (0, [1, 1, 0, 0]));
    assert_eq!(told(&server)[3..], [["unsubscribed"]]);
}

/// Sets the state through a profile of its own.
fn of_profile(name: &str, profile: &str) -> String {
    SET.replace("workflow: set\n", &format!("workflow: {name}\nprofiles: {{ braze: {profile} }}\n"))
}
