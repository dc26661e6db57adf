//! `runs retry` and `jobs retry`: what failed is tried again, and nothing is sent twice unasked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::folder::{Folder, TAG, request};
use crate::server::{Reply, Server, accepted, answer};
use crate::show::EVENT;

/// Looks for a person, tags them, and tags them once more.
const STEPS: &str = r#"
workflow: steps
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id] }
  - id: first
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", first: true }] }
  - id: second
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ steps.find.output.users.[0].external_id }}", second: true }] }
"#;

/// Tags a person in a loop of three, the second of which fails at first.
const LOOP: &str = r#"
workflow: loop
on: { file: {} }
steps:
  - id: each
    for_each: "['a', 'b', 'c']"
    steps:
      - id: tag
        uses: braze/users.track
        with: { attributes: [{ external_id: "{{ subject.external_id }}", "tag": "{{ item }}" }] }
"#;

/// Accepts everything once it is healed; until then refuses bodies that hold the word.
fn healing(word: &'static str) -> (Server, Arc<AtomicBool>) {
    let healed = Arc::new(AtomicBool::new(false));
    let is_healed = Arc::clone(&healed);
    let server = Server::start(move |request, _| {
        if request.path == "/users/export/ids" {
            return answer(
                200,
                json!({ "message": "success", "users": [{ "external_id": "u-1" }] }).to_string(),
            );
        }
        match String::from_utf8_lossy(&request.body).contains(word) && !is_healed.load(Ordering::SeqCst) {
            true => answer(400, r#"{"message":"not now"}"#),
            false => accepted(),
        }
    });
    (server, healed)
}

/// Answers nothing until it is healed, and accepts everything then.
fn mute() -> (Server, Arc<AtomicBool>) {
    let healed = Arc::new(AtomicBool::new(false));
    let is_healed = Arc::clone(&healed);
    let server = Server::start(move |_, _| match is_healed.load(Ordering::SeqCst) {
        true => accepted(),
        false => Reply::Cut,
    });
    (server, healed)
}

fn bodies(server: &Server, word: &str) -> usize {
    let requests = server.requests();
    requests.iter().filter(|request| String::from_utf8_lossy(&request.body).contains(word)).count()
}

#[test]
fn a_failed_request_is_tried_again_and_done() {
    let (server, healed) = healing("u-bad");
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-1", "u-1"), request("other", "r-2", "u-bad")]);
    let before = folder.job();
    assert_eq!(before.counts(), (1, [1, 0, 1, 0]));
    let sent = server.requests().len();
    healed.store(true, Ordering::SeqCst);

    let again = folder.run(&["runs", "retry", "job-1:1", "--output", "json"]);

    assert_eq!(again.counts(), (0, [2, 0, 0, 0]), "{}", again.stderr);
    assert_eq!(again.json()["failures"], json!(null), "it is no longer listed as failed");
    let since: Vec<_> = server.requests()[sent..].iter().flat_map(|request| request.people()).collect();
    assert_eq!(since, ["u-bad"], "what was done is not sent again");
    let shown = folder.run(&["runs", "show", "job-1:1", "--output", "json"]).json();
    assert!(shown["events"].as_array().unwrap().iter().any(|event| event["event"] == "reopened"), "{shown}");
    assert_eq!(shown["state"], "done");
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
}

#[test]
fn steps_that_were_accepted_before_are_not_sent_again() {
    let (server, healed) = healing("second");
    let folder = Folder::to(server.address, STEPS);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 1, 0]));
    healed.store(true, Ordering::SeqCst);

    let again = folder.run(&["jobs", "retry", "job-1", "--failed", "--output", "json"]);

    assert_eq!(again.counts(), (0, [1, 0, 0, 0]), "{}", again.stderr);
    assert_eq!((bodies(&server, "first"), bodies(&server, "second")), (1, 2));
    assert_eq!(bodies(&server, "fields_to_export"), 1, "its answer was kept");
}

#[test]
fn items_of_a_loop_that_were_accepted_are_not_sent_again() {
    let (server, healed) = healing("\"b\"");
    let folder = Folder::to(server.address, LOOP);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 1, 0]));
    healed.store(true, Ordering::SeqCst);

    let again = folder.run(&["runs", "retry", "--failed", "--output", "json"]);

    assert_eq!(again.counts(), (0, [1, 0, 0, 0]), "{}", again.stderr);
    assert_eq!(["\"a\"", "\"b\"", "\"c\""].map(|item| bodies(&server, item)), [1, 2, 1]);
}

#[test]
fn a_request_that_fails_on_an_old_answer_looks_again() {
    let found = Arc::new(AtomicBool::new(false));
    let is_found = Arc::clone(&found);
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/users/export/ids" => {
            let users =
                if is_found.load(Ordering::SeqCst) { json!([{ "external_id": "u-1" }]) } else { json!([]) };
            answer(200, json!({ "message": "success", "users": users }).to_string())
        }
        _ => accepted(),
    });
    let workflow = STEPS.replace(
        "  - id: first",
        "  - assert: { that: size(steps.find.output.users) == 1, message: nobody }\n  - id: first",
    );
    let folder = Folder::to(server.address, &workflow);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().json()["failed_by"], json!({ "assert": 1 }));
    found.store(true, Ordering::SeqCst);

    let again = folder.run(&["runs", "retry", "job-1:0", "--output", "json"]);

    assert_eq!(again.counts(), (0, [1, 0, 0, 0]), "{}", again.stderr);
}

#[test]
fn what_is_done_or_skipped_is_refused_and_then_nothing_is_done() {
    let (server, healed) = healing("u-bad");
    let folder = Folder::to(server.address, TAG);
    folder.requests([
        request("other", "r-1", "u-1"),
        request("other", "r-1", "u-1"),
        request("other", "r-2", "u-bad"),
    ]);
    folder.job();
    healed.store(true, Ordering::SeqCst);
    let sent = server.requests().len();

    let refused = folder.run(&["runs", "retry", "job-1:0", "job-1:1", "job-1:2", "job-1:9", "job-7:1"]);

    assert_eq!(refused.code, 2);
    for why in ["job-1:0 is done", "job-1:1 is skipped", "no run job-1:9", "no job-7"] {
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
    assert_eq!(server.requests().len(), sent);
    assert_eq!(folder.run(&["jobs", "show", "job-1", "--output", "json"]).json()["failed"], 1);
}

#[test]
fn a_call_that_may_have_been_sent_is_sent_again_only_when_a_person_says_so() {
    let (server, healed) = mute();
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().json()["waiting_by"], json!({ "needs_attention": 1 }));
    healed.store(true, Ordering::SeqCst);

    let refused = folder.run(&["runs", "retry", "job-1:0"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("runs retry job-1:0 --even-if-sent"), "{}", refused.stderr);
    assert_eq!(folder.run(&["jobs", "resume", "job-1"]).code, 1, "it still waits");
    assert_eq!(folder.run(&["jobs", "retry", "job-1", "--failed"]).code, 0);
    assert_eq!(server.requests().len(), 1);

    let again = folder.run(&["runs", "retry", "job-1:0", "--even-if-sent", "--output", "json"]);

    assert_eq!(again.counts(), (0, [1, 0, 0, 0]), "{}", again.stderr);
    assert_eq!(server.requests().len(), 2);
    let shown = folder.run(&["runs", "show", "job-1:0", "--output", "json"]).json();
    let reopened =
        shown["events"].as_array().unwrap().iter().find(|event| event["event"] == "reopened").unwrap();
    assert!(reopened["by"].is_string() && reopened["text"].is_string(), "the journal keeps who: {reopened}");
}

#[test]
fn giving_up_a_call_that_may_have_been_sent_is_no_word_that_it_may_be_sent_again() {
    let (server, healed) = mute();
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1"), request("other", "r-2", "u-2")]);
    assert_eq!(folder.job().json()["waiting_by"], json!({ "needs_attention": 2 }));
    healed.store(true, Ordering::SeqCst);
    let sent = server.requests().len();
    assert_eq!(folder.run(&["runs", "cancel", "job-1:0"]).code, 0);
    assert_eq!(folder.run(&["jobs", "cancel", "job-1"]).code, 0);

    let refused = folder.run(&["runs", "retry", "job-1:0"]);
    let left = folder.run(&["jobs", "retry", "job-1", "--failed"]);

    assert_eq!((refused.code, left.code), (2, 0), "{}", left.stderr);
    assert!(refused.stderr.contains("runs retry job-1:0 --even-if-sent"), "{}", refused.stderr);
    assert!(
        left.stderr.contains("2 requests left as they are: a call of theirs may have been sent"),
        "{}",
        left.stderr
    );
    assert_eq!(server.requests().len(), sent);
    let again = folder.run(&["jobs", "retry", "job-1", "--failed", "--even-if-sent", "--output", "json"]);
    assert_eq!(again.counts(), (0, [2, 0, 0, 0]), "{}", again.stderr);
}

#[test]
fn what_another_job_finished_meanwhile_is_a_duplicate_when_tried_again() {
    let (server, healed) = healing("u-bad");
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-2", "u-bad")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 1, 0]));
    healed.store(true, Ordering::SeqCst);
    folder.write("other.ndjson", format!("\n{}\n", request("other", "r-2", "u-bad")));
    assert_eq!(folder.run(&["run", "flow.yaml", "--input", "other.ndjson"]).code, 0);
    let sent = server.requests().len();

    let again = folder.run(&["runs", "retry", "job-1:0", "--output", "json"]);

    assert_eq!(again.counts(), (0, [0, 1, 0, 0]), "{}", again.stderr);
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn a_decision_can_be_written_down_and_carried_out_later() {
    let (server, healed) = healing("u-bad");
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-2", "u-bad")]);
    folder.job();
    healed.store(true, Ordering::SeqCst);
    let sent = server.requests().len();

    let noted = folder.run(&["runs", "retry", "--failed", "--no-resume"]);
    assert_eq!((noted.code, server.requests().len()), (0, sent));
    assert!(noted.stderr.contains("jobs resume job-1"), "{}", noted.stderr);
    assert_eq!(folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).lines().len(), 1);

    assert_eq!(folder.run(&["jobs", "resume", "job-1", "--output", "json"]).counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn a_request_that_fails_again_is_listed_once() {
    let (server, _) = healing("u-bad");
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-2", "u-bad")]);
    folder.job();

    let again = folder.run(&["runs", "retry", "job-1:0", "--output", "json"]);

    assert_eq!(again.counts(), (1, [0, 0, 1, 0]));
    assert_eq!(folder.failures(&again).len(), 1);
    assert_eq!(folder.run(&["runs", "list", "--output", "json"]).lines().len(), 1);
}

#[test]
fn without_its_input_nothing_is_tried_again() {
    let (server, _) = healing("u-bad");
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-2", "u-bad")]);
    folder.job();
    std::fs::remove_file(folder.path("requests.ndjson")).unwrap();

    let refused = folder.run(&["runs", "retry", "job-1:0"]);

    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("put the file back"), "{}", refused.stderr);
    assert_eq!(folder.run(&["jobs", "list", "--output", "json"]).lines()[0]["status"], "finished");
}

#[test]
fn what_waits_for_a_person_in_one_job_is_not_sent_by_another() {
    let (server, healed) = mute();
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));
    healed.store(true, Ordering::SeqCst);
    let both = [request("other", "r-1", "u-1"), request("other", "r-2", "u-2")];
    folder.write("other.ndjson", both.map(|record| format!("{record}\n")).concat());

    let other = folder.run(&["run", "flow.yaml", "--input", "other.ndjson", "--output", "json"]);

    assert_eq!(other.counts(), (1, [1, 0, 0, 1]), "{}", other.stderr);
    assert_eq!((server.requests().len(), bodies(&server, "u-2")), (2, 1));
    let parked = folder.run(&["runs", "show", "job-2:0", "--output", "json"]).json();
    assert_eq!(parked["code"], "parked_elsewhere");
    assert!(parked["message"].as_str().unwrap().contains("job-1:0"), "{parked}");
    let early = folder.run(&["runs", "retry", "job-2:0", "--output", "json"]);
    assert_eq!(early.counts(), (1, [1, 0, 0, 1]), "the other is not settled yet: {}", early.stderr);

    let first = folder.run(&["runs", "retry", "job-1:0", "--even-if-sent", "--output", "json"]);
    assert_eq!(first.counts(), (0, [1, 0, 0, 0]), "{}", first.stderr);
    let second = folder.run(&["runs", "retry", "job-2:0", "--output", "json"]);
    assert_eq!(second.counts(), (0, [1, 1, 0, 0]), "a duplicate now: {}", second.stderr);
    assert_eq!(bodies(&server, "u-1"), 2);
}

#[test]
fn what_may_have_been_sent_by_a_killed_process_is_not_sent_by_another_job() {
    let gate = crate::server::Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |_, before| {
            if before == 0 {
                gate.pass();
            }
            accepted()
        }
    });
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1")]);
    let mut child = folder.start();
    server.wait_for(1);
    child.kill().unwrap();
    child.wait().unwrap();
    folder.write("other.ndjson", format!("\n{}\n", request("other", "r-1", "u-1")));

    let other = folder.run(&["run", "flow.yaml", "--input", "other.ndjson", "--output", "json"]);

    assert_eq!(other.counts(), (1, [0, 0, 0, 1]), "{}", other.stderr);
    assert_eq!(server.requests().len(), 1);
    gate.open();
    let cancelled = folder.run(&["runs", "cancel", "job-1:0"]);
    assert_eq!(cancelled.code, 0, "a process that was killed left it open: {}", cancelled.stderr);
    assert_eq!(folder.run(&["runs", "retry", "job-2:0", "--output", "json"]).counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn a_request_from_the_future_is_carried_out_when_a_person_says_so() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    let mut record = request("other", "r-1", "u-1");
    record["occurred_at"] = json!("2099-01-01T00:00:00Z");
    folder.requests([record]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));
    let listed = folder.run(&["runs", "list", "--code", "future_time", "--output", "json"]).lines();
    assert_eq!(listed[0]["run"], "job-1:0");
    let said = folder.run(&["jobs", "show", "job-1"]).stderr;
    assert!(said.contains("runs list --job job-1 --reason needs_attention"), "{said}");

    let again = folder.run(&["runs", "retry", "job-1:0", "--output", "json"]);

    assert_eq!(again.counts(), (0, [1, 0, 0, 0]), "{}", again.stderr);
    assert_eq!(server.requests().len(), 1);
}
