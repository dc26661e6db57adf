//! What a job left in the air, while other jobs of the same process begin: asked for again and again, given
//! up in between, and never the reason why two jobs wait for each other.

use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::folder::{Folder, Shot};
use crate::running::Running;
use crate::server::{Gate, Reply, Server, accepted, until};

/// Sets a state, and tries that once in a process.
const SET: &str = r#"
workflow: set
on: { file: {} }
steps:
  - id: track
    uses: braze/users.track
    retry: { attempts: 1 }
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }]
"#;

fn change(id: &str, who: &str, status: &str, second: u32) -> Value {
    let at = format!("2026-11-20T10:00:{second:02}Z");
    let consents = json!([{ "purpose": "email", "status": status, "updated_at": at }]);
    json!({ "id": id, "kind": "consent", "subject": { "external_id": who }, "consents": consents })
}

fn write(folder: &Folder, name: &str, records: &[Value]) {
    folder.write(name, records.iter().map(|record| format!("{record}\n")).collect::<String>());
}

fn run(folder: &Folder, input: &str) -> Shot {
    folder.run(&["run", "flow.yaml", "--input", input, "--output", "json"])
}

/// The states that one person was set to, one after another.
fn told(server: &Server, who: &str) -> Vec<String> {
    let mut states = Vec::new();
    for request in server.requests() {
        let attributes = request.json()["attributes"].as_array().cloned().unwrap_or_default();
        let theirs = attributes.iter().filter(|one| one["external_id"] == who);
        states.extend(theirs.filter_map(|one| one["email_subscribe"].as_str().map(str::to_owned)));
    }
    states
}

/// A service that cuts what names u-1 until it is mended, and answers what names u-9 when a gate is open.
fn broken_for_one(gate: &Gate) -> (Server, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let server = Server::start({
        let (gate, mended) = (gate.clone(), Arc::clone(&mended));
        move |request, _| match request.json().to_string() {
            body if body.contains("u-9") => {
                gate.pass();
                accepted()
            }
            body if body.contains("u-1") && !mended.load(Ordering::SeqCst) => Reply::Cut,
            _ => accepted(),
        }
    });
    (server, mended)
}

#[test]
fn what_was_asked_for_in_vain_is_asked_for_again_when_the_service_is_well_in_the_same_process() {
    let gate = Gate::default();
    let (server, mended) = broken_for_one(&gate);
    let folder = Folder::to(server.address, SET);
    write(&folder, "long.ndjson", &[change("long", "u-9", "subscribed", 1)]);
    write(&folder, "first.ndjson", &[change("older", "u-1", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "u-1", "unsubscribed", 9)]);
    // It owns the store, and all others are carried out by it.
    let owner = Running::job(&folder, "long.ndjson");
    server.wait_for(1);

    let left = run(&folder, "first.ndjson");
    let waits = run(&folder, "second.ndjson");
    mended.store(true, Ordering::SeqCst);
    let mut goes = waits.counts();
    until("it is asked for again", || {
        goes = run(&folder, "second.ndjson").counts();
        goes.0 == 0
    });
    gate.open();

    assert_eq!((left.counts(), waits.counts()), ((1, [0, 0, 0, 1]), (1, [0, 0, 0, 1])), "{}", waits.stderr);
    assert_eq!(goes, (0, [1, 0, 0, 0]));
    assert_eq!(told(&server, "u-1").last().map(String::as_str), Some("unsubscribed"));
    assert_eq!(told(&server, "u-1").iter().filter(|state| *state == "unsubscribed").count(), 1);
    assert_eq!(owner.end().code, 0);
}

#[test]
fn nothing_of_a_job_that_is_given_up_while_it_is_settled_is_sent_behind_that() {
    let gate = Gate::default();
    let (server, mended) = broken_for_one(&gate);
    let folder = Folder::to(server.address, SET);
    let patient = SET.replace("attempts: 1", "attempts: 1000, base: 20ms, cap: 50ms");
    folder.write("flow.yaml", &patient);
    write(&folder, "first.ndjson", &[change("older", "u-1", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("newer", "u-1", "unsubscribed", 9)]);
    let first = Running::job(&folder, "first.ndjson");
    server.wait_for(1);
    first.kill();
    let sent = server.requests().len();
    let second = Running::job(&folder, "second.ndjson");
    second.says("job-1 was left with requests in the air");
    server.wait_for(sent + 2);

    let cancelled = folder.run(&["jobs", "cancel", "job-1"]);
    let older = told(&server, "u-1").iter().filter(|state| *state == "opted_in").count();
    mended.store(true, Ordering::SeqCst);
    let second = second.end();

    assert_eq!((cancelled.code, second.counts()), (0, (0, [1, 0, 0, 0])), "{}", second.stderr);
    let told = told(&server, "u-1");
    assert_eq!(told.iter().filter(|state| *state == "opted_in").count(), older, "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("unsubscribed"));
}

#[test]
fn what_cannot_be_asked_for_in_a_pause_is_asked_for_when_it_is_over_and_whoever_waits_goes_on() {
    let gate = Gate::default();
    let (server, mended) = broken_for_one(&gate);
    let folder = Folder::to(server.address, SET);
    folder.write("flow.yaml", SET.replace("attempts: 1", "attempts: 1000, base: 20ms, cap: 50ms"));
    write(&folder, "first.ndjson", &[change("older", "u-1", "opted_in", 1)]);
    let second = [change("newer", "u-1", "unsubscribed", 9), change("other", "u-2", "unsubscribed", 9)];
    write(&folder, "second.ndjson", &second);
    let first = Running::job(&folder, "first.ndjson");
    server.wait_for(1);
    first.kill();
    assert_eq!(folder.run(&["pause", "--all", "--reason", "look"]).code, 0);

    let second = Running::job(&folder, "second.ndjson");
    second.says("is asked for again once the pause is over");
    mended.store(true, Ordering::SeqCst);
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    let second = second.end();

    assert_eq!(second.counts(), (0, [2, 0, 0, 0]), "{}", second.stderr);
    let told = told(&server, "u-1");
    assert_eq!(told.last().map(String::as_str), Some("unsubscribed"), "{told:?}");
    assert_eq!(told.iter().rev().nth(1).map(String::as_str), Some("opted_in"), "{told:?}");
}

/// A job on standard input.
fn on_standard_input(folder: &Folder, workflow: &str, input: &str) -> Child {
    let mut command = folder.command(&["run", workflow, "--input", "-", "--output", "json"]);
    command.stdin(Stdio::from(File::open(folder.path(input)).unwrap())).spawn().unwrap()
}

#[test]
fn two_jobs_whose_input_nobody_kept_do_not_wait_for_each_other() {
    let gate = Gate::default();
    let server = Server::accepting_after(&gate);
    let folder = Folder::to(server.address, SET);
    folder.write("other.yaml", SET.replace("workflow: set", "workflow: other"));
    write(&folder, "first.ndjson", &[change("a", "u-1", "opted_in", 1)]);
    write(&folder, "second.ndjson", &[change("b", "u-2", "opted_in", 1)]);
    let mut owner = on_standard_input(&folder, "flow.yaml", "first.ndjson");
    server.wait_for(1);
    let mut guest = on_standard_input(&folder, "other.yaml", "second.ndjson");
    server.wait_for(2);
    for child in [&mut guest, &mut owner] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    gate.open();
    let again = |workflow: &str, input: &str| crate::folder::end(on_standard_input(&folder, workflow, input));

    let refused = again("flow.yaml", "first.ndjson");
    let goes = again("other.yaml", "second.ndjson");

    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("its input was standard input"), "{}", refused.stderr);
    assert_eq!(goes.counts(), (0, [1, 0, 0, 0]), "{}", goes.stderr);
    assert_eq!(again("flow.yaml", "first.ndjson").counts(), (0, [1, 0, 0, 0]));
}

/// Looks for the person, and then sets the state.
const FIND_AND_SET: &str = r#"
workflow: find-and-set
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    retry: { attempts: 1 }
    with: { email_address: "{{ subject.email }}", fields_to_export: [external_id] }
  - id: track
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }]
"#;

#[test]
fn of_what_is_settled_for_another_job_no_further_step_is_begun() {
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |request, _| {
            if request.path != "/users/export/ids" {
                return accepted();
            }
            gate.pass();
            match request.json().to_string().contains("u-2@") {
                true => Reply::Cut,
                false => crate::server::answer(200, r#"{"message":"success","users":[]}"#),
            }
        }
    });
    let folder = Folder::to(server.address, FIND_AND_SET);
    folder.write("other.yaml", SET.replace("workflow: set", "workflow: other"));
    let first = ["u-1", "u-2"].map(|who| {
        let mut record = change(who, who, "opted_in", 1);
        record["subject"]["email"] = json!(format!("{who}@example.com"));
        record
    });
    write(&folder, "first.ndjson", &first);
    write(&folder, "second.ndjson", &[change("b", "u-3", "opted_in", 1)]);
    let killed = Running::job(&folder, "first.ndjson");
    server.wait_for(2);
    killed.kill();
    gate.open();

    let other = folder.run(&["run", "other.yaml", "--input", "second.ndjson", "--output", "json"]);

    assert_eq!(other.counts(), (0, [1, 0, 0, 0]), "{}", other.stderr);
    assert!(other.stderr.contains("job-1 was left with requests in the air"), "{}", other.stderr);
    assert_eq!((told(&server, "u-1"), told(&server, "u-3")), (Vec::new(), vec!["opted_in".to_owned()]));
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(told(&server, "u-1"), ["opted_in"], "{}", resumed.stderr);
}

#[test]
fn whoever_waits_for_a_job_that_is_given_up_begins_no_other_in_its_place() {
    let (server, mended) = broken_for_one(&Gate::default());
    let folder =
        Folder::to(server.address, &SET.replace("attempts: 1", "attempts: 1000, base: 20ms, cap: 50ms"));
    write(&folder, "first.ndjson", &[change("a", "u-1", "opted_in", 1)]);
    let owner = Running::job(&folder, "first.ndjson");
    server.wait_for(1);
    let waits = Running::job(&folder, "first.ndjson");
    waits.says("this command waits for it");

    let cancelled = folder.run(&["jobs", "cancel", "job-1"]);
    let sent = told(&server, "u-1").len();
    mended.store(true, Ordering::SeqCst);
    let (owner, waits) = (owner.end(), waits.end());

    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    assert_eq!((owner.counts().1, waits.counts().1), ([0, 0, 1, 0], [0, 0, 1, 0]), "{}", waits.stderr);
    assert_eq!(told(&server, "u-1").len(), sent);
    assert_eq!(folder.run(&["jobs", "list", "--output", "json"]).lines().len(), 1);
}
