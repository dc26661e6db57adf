//! Stopping half-way and going on: nothing finished is done again, and nothing is lost.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::folder::{ERASE, Folder, KEY, TAG, deletion, end, request};
use crate::server::{Gate, Reply, Server, accepted, answer, until};

/// Sends a signal to a command that this test started.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until a command says that it took a signal; gives what it says from then on.
pub fn until_stopping(child: &mut Child) -> BufReader<ChildStderr> {
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    until("the signal was taken", || {
        line.clear();
        talk.read_line(&mut line).unwrap();
        line.starts_with("stopping: ")
    });
    talk
}

/// People and how often they were accepted.
type Accepted = Arc<Mutex<BTreeMap<String, usize>>>;

fn note(accepted: &Accepted, people: Vec<String>) {
    for person in people {
        *accepted.lock().unwrap().entry(person).or_default() += 1;
    }
}

/// 750 people in ten requests: the first five are answered at once, the others when the gate opens,
/// and then by `late`.
fn half_stalled(gate: &Gate, noted: &Accepted, late: fn() -> Reply) -> Server {
    let (gate, noted) = (gate.clone(), Arc::clone(noted));
    Server::start(move |request, before| {
        let reply = if (5..10).contains(&before) {
            gate.pass();
            late()
        } else {
            accepted()
        };
        if matches!(reply, Reply::Answer { status: 201, .. }) {
            note(&noted, request.people());
        }
        reply
    })
}

fn tags(folder: &Folder) {
    folder.requests((0..750).map(|number| request("other", &format!("r-{number}"), &format!("u-{number}"))));
}

/// Waits until the journal of a running job says that so many requests are done.
fn until_done(folder: &Folder, done: u64) {
    until("the first answers are in the journal", || {
        let shot = folder.run(&["jobs", "show", "job-1", "--output", "json"]);
        shot.code == 0 && shot.json()["done"] == done
    });
}

#[test]
fn an_interrupted_job_exits_with_130_and_the_same_command_goes_on() {
    let (gate, noted) = (Gate::default(), Accepted::default());
    let server = half_stalled(&gate, &noted, || answer(503, "{}"));
    let folder = Folder::to(server.address, TAG);
    tags(&folder);

    let mut child = folder.start();
    server.wait_for(10);
    until_done(&folder, 375);
    signal(&child, "-INT");
    let mut talk = until_stopping(&mut child);
    gate.open();
    let mut interrupted = end(child);
    talk.read_to_string(&mut interrupted.stderr).unwrap();

    assert_eq!(interrupted.counts(), (130, [375, 0, 0, 375]), "{}", interrupted.stderr);
    assert!(interrupted.stderr.contains("jobs resume job-1"), "{}", interrupted.stderr);
    let finished = folder.job();
    assert_eq!(finished.counts(), (0, [750, 0, 0, 0]), "{}", finished.stderr);
    let noted = noted.lock().unwrap();
    assert_eq!((noted.len(), noted.values().max()), (750, Some(&1)), "each person exactly once");
    assert_eq!(finished.json()["http_requests"], server.requests().len());
    assert_eq!(folder.job().stdout, finished.stdout);
}

#[test]
fn what_is_on_its_way_when_a_job_is_interrupted_is_still_written_down() {
    let (gate, noted) = (Gate::default(), Accepted::default());
    let server = half_stalled(&gate, &noted, accepted);
    let folder = Folder::to(server.address, TAG);
    tags(&folder);

    let child = folder.start();
    server.wait_for(10);
    signal(&child, "-INT");
    gate.open();
    let shot = end(child);

    assert_eq!(shot.counts(), (0, [750, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(server.people().len(), 750);
}

#[test]
fn a_second_signal_stops_at_once_and_nothing_finished_is_done_again() {
    let (gate, noted) = (Gate::default(), Accepted::default());
    let server = half_stalled(&gate, &noted, accepted);
    let folder = Folder::to(server.address, TAG);
    tags(&folder);

    let mut child = folder.start();
    server.wait_for(10);
    until_done(&folder, 375);
    until("a second signal ends the process", || {
        signal_if_running(&mut child);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(end(child).code, 130);

    assert_goes_on(&folder, &gate, &noted);
}

#[test]
fn a_killed_job_goes_on_and_nothing_finished_is_done_again() {
    let (gate, noted) = (Gate::default(), Accepted::default());
    let server = half_stalled(&gate, &noted, accepted);
    let folder = Folder::to(server.address, TAG);
    tags(&folder);

    let mut child = folder.start();
    server.wait_for(10);
    until_done(&folder, 375);
    child.kill().unwrap();
    child.wait().unwrap();

    assert_goes_on(&folder, &gate, &noted);
}

fn signal_if_running(child: &mut Child) {
    if child.try_wait().unwrap().is_none() {
        drop(Command::new("kill").args(["-INT", &child.id().to_string()]).status());
    }
}

/// The same command finishes everybody; only those in flight may have been sent twice.
#[track_caller]
fn assert_goes_on(folder: &Folder, gate: &Gate, noted: &Accepted) {
    let first: Vec<String> = noted.lock().unwrap().keys().cloned().collect();
    assert_eq!(first.len(), 375);

    let finished = folder.job();

    assert_eq!(finished.counts(), (0, [750, 0, 0, 0]), "{}", finished.stderr);
    let noted_now = noted.lock().unwrap().clone();
    assert_eq!(noted_now.len(), 750);
    for person in first {
        assert_eq!(noted_now[&person], 1, "{person} was finished and sent again");
    }
    gate.open();
    assert_eq!(folder.job().stdout, finished.stdout);
}

#[test]
fn a_job_killed_between_two_steps_does_not_repeat_the_first() {
    let workflow = r#"
workflow: two
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id, custom_attributes] }
  - id: tag
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", seen: "{{ steps.find.output.users.[0].secret }}" }]
"#;
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |request, before| {
            if request.path == "/users/export/ids" {
                let user = json!({ "external_id": "u-1", "secret": "marker-of-an-answer" });
                return answer(200, json!({ "message": "success", "users": [user] }).to_string());
            }
            if before == 1 {
                gate.pass();
            }
            accepted()
        }
    });
    let folder = Folder::to(server.address, workflow);
    folder.requests([request("other", "r-1", "u-1")]);

    let mut child = folder.start();
    server.wait_for(2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.store_bytes().contains("marker-of-an-answer"), "answers are kept sealed");

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/users/export/ids", "/users/track", "/users/track"]);
    assert_eq!(server.requests()[2].json()["attributes"][0]["seen"], "marker-of-an-answer");
    gate.open();
}

#[test]
fn an_edited_workflow_or_input_of_an_open_job_is_refused_with_the_way_out() {
    let refusing = Server::start(|_, _| answer(401, "{}"));
    let folder = Folder::to(refusing.address, ERASE);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().code, 3);

    folder.write("flow.yaml", ERASE.replace("id: erase", "id: remove"));
    let edited = folder.job();
    assert_eq!((edited.code, edited.stdout.as_str()), (2, ""));
    assert!(edited.stderr.contains("jobs resume job-1") && edited.stderr.contains("jobs cancel job-1"));

    folder.write("flow.yaml", ERASE);
    folder.requests([deletion(1), deletion(2)]);
    let edited = folder.job();
    assert_eq!((edited.code, edited.stdout.as_str()), (2, ""));
    assert!(edited.stderr.contains("jobs resume job-1") && edited.stderr.contains("jobs cancel job-1"));

    let server = Server::accepting();
    folder.settings(server.address, "token: { env: PRIVAFLOW_TEST_KEY }");
    let resumed = folder.run(&["jobs", "resume", "job-1"]);
    assert_eq!(resumed.code, 2, "the input is another one: {}", resumed.stderr);
    folder.requests([deletion(1)]);
    folder.write("flow.yaml", "workflow: [broken");
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [1, 0, 0, 0]), "the job keeps its workflow: {}", resumed.stderr);
}

#[test]
fn a_job_that_waits_goes_on_when_its_time_has_come() {
    let server = Server::accepting();
    let workflow =
        format!("{TAG}  - wait: 1s\n{}", TAG.split("steps:\n").nth(1).unwrap().replace("tag", "late"));
    let folder = Folder::to(server.address, &workflow);
    folder.requests([request("other", "r-1", "u-1")]);

    let left =
        folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--wait", "10ms"]);
    assert_eq!(left.counts(), (1, [0, 0, 0, 1]));
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);

    assert_eq!(resumed.counts(), (0, [1, 0, 0, 0]), "{}", resumed.stderr);
    let bodies: Vec<_> =
        server.requests().iter().map(|request| request.json()["attributes"][0].clone()).collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert_eq!((&bodies[0]["tag"], &bodies[1]["late"]), (&json!("r-1"), &json!("r-1")));
}

#[test]
fn the_same_job_started_twice_at_once_is_carried_out_once() {
    let gate = Gate::default();
    let server = Server::accepting_after(&gate);
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-1", "u-1")]);

    let child = folder.start();
    server.wait_for(1);
    let second = folder.start();
    gate.open();

    let (first, second) = (end(child), end(second));
    assert_eq!((first.code, second.code), (0, 0), "{}{}", first.stderr, second.stderr);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(server.requests().len(), 1);
    assert!(server.requests()[0].head.contains(KEY));
}

#[test]
fn a_job_from_standard_input_goes_on_with_the_same_bytes_and_other_bytes_are_refused_with_the_way_out() {
    let server = Server::start(|_, before| if before == 0 { answer(401, "{}") } else { accepted() });
    let folder = Folder::to(server.address, ERASE);
    let (same, other) = (format!("{}\n", deletion(1)), format!("{}\n", deletion(2)));
    let begun = folder.run_on(&["run", "flow.yaml", "--input", "-"], same.as_bytes());
    assert_eq!(begun.code, 3, "{}", begun.stderr);
    let resume = ["jobs", "resume", "job-1", "--output", "json"];

    let with_other = folder.run_on(&resume, other.as_bytes());
    let with_nothing = folder.run_on(&resume, b"");
    let with_the_same = folder.run_on(&resume, same.as_bytes());

    for (refused, why) in [
        (with_other, "standard input is not what it was: job-1"),
        (with_nothing, "standard input is empty: job-1"),
    ] {
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert!(refused.stderr.contains("`privaflow jobs resume job-1 < FILE`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("`privaflow jobs cancel job-1`"), "{}", refused.stderr);
    }
    assert_eq!(with_the_same.counts(), (0, [1, 0, 0, 0]), "{}", with_the_same.stderr);
    assert_eq!(server.people(), ["u-1", "u-1"]);
    let left = std::fs::read_dir(folder.path("store")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("input-")).collect();
    assert!(left.is_empty(), "{left:?}");
}
