//! Jobs that are stopped again and again, in the middle of much, or while they wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::folder::{Folder, TAG, end, request};
use crate::resume::{signal, until_stopping};
use crate::server::{Gate, Reply, Server, accepted, answer};

fn tag(number: usize) -> Value {
    request("other", &format!("r-{number}"), &format!("u-{number}"))
}

#[test]
fn a_job_interrupted_in_a_large_file_accounts_for_every_record() {
    const PEOPLE: usize = 20_000;
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |_, before| match before {
            0..5 => accepted(),
            5..133 => {
                gate.pass();
                answer(503, "{}")
            }
            _ => accepted(),
        }
    });
    let folder = Folder::to(server.address, TAG);
    folder.requests((0..PEOPLE).map(tag));

    let mut child = folder.start();
    server.wait_for(100);
    signal(&child, "-TERM");
    let talk = until_stopping(&mut child);
    gate.open();
    let interrupted = end(child);
    drop(talk);
    let summary = interrupted.json();
    assert_eq!((interrupted.counts().0, &summary["requests"]), (130, &json!(PEOPLE)), "{summary}");

    let finished = folder.job();
    assert_eq!(finished.counts(), (0, [PEOPLE as u64, 0, 0, 0]), "{}", finished.stderr);
}

#[test]
fn a_job_killed_at_every_turn_comes_to_the_same_end() {
    let workflow = r#"
workflow: turns
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id] }
  - wait: 5ms
  - id: tag
    if: size(steps.find.output.users) > 0
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", tag: "{{ request.id }}" }] }
  - id: again
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", again: "{{ request.id }}" }] }
"#;
    // What the service holds, and which requests it answers: beyond `allowed` it says nothing.
    let state: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    let allowed = Arc::new(Mutex::new(0));
    let gate = Gate::default();
    let server = Server::start({
        let (state, allowed, gate) = (Arc::clone(&state), Arc::clone(&allowed), gate.clone());
        move |request, before| {
            let reply = reply(request, &state);
            if before >= *allowed.lock().unwrap() {
                gate.pass();
                return Reply::Cut;
            }
            reply
        }
    });
    let folder = Folder::to(server.address, workflow);
    let mut records: Vec<Value> = (0..60).map(tag).collect();
    records.push(tag(7));
    records.push(request("other", "r-8", "u-other"));
    records.push(json!({ "id": "r-x", "kind": "other", "subject": { "external_id": 1 } }));
    folder.requests(records);

    for _ in 0..8 {
        let seen = server.requests().len();
        *allowed.lock().unwrap() = seen + 1;
        let mut child = folder.start();
        // The request beyond the last that is answered: everything before it is under way or done.
        let is_over = crate::server::until_or(
            || child.try_wait().unwrap().is_some(),
            || server.requests().len() > seen + 1,
        );
        if is_over {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    *allowed.lock().unwrap() = usize::MAX;
    let finished = folder.job();
    gate.open();

    assert_eq!(finished.counts(), (1, [60, 1, 2, 0]), "{}", finished.stderr);
    let summary = finished.json();
    assert_eq!(summary["skipped_by"], json!({ "duplicate": 1 }));
    assert_eq!(summary["failed_by"], json!({ "id_conflict": 1, "wrong_type": 1 }));
    let state = state.lock().unwrap();
    assert_eq!(state.len(), 60);
    for (person, attributes) in state.iter() {
        let id = format!("r-{}", &person[2..]);
        assert_eq!(attributes, &json!({ "tag": id, "again": id }), "{person}");
    }
    assert_eq!(folder.failures(&finished).len(), 2);
}

/// Holds what it is told, like the service.
fn reply(request: &crate::server::Request, state: &Mutex<BTreeMap<String, Value>>) -> Reply {
    if request.path == "/users/export/ids" {
        let users: Vec<Value> = request.people().iter().map(|id| json!({ "external_id": id })).collect();
        return answer(200, json!({ "message": "success", "users": users }).to_string());
    }
    for object in request.json()["attributes"].as_array().unwrap() {
        let mut state = state.lock().unwrap();
        let person =
            state.entry(object["external_id"].as_str().unwrap().to_owned()).or_insert_with(|| json!({}));
        for name in ["tag", "again"] {
            if !object[name].is_null() {
                person[name] = object[name].clone();
            }
        }
    }
    accepted()
}

#[test]
fn unmapped_purposes_are_counted_once_however_often_the_job_is_taken_up() {
    let root = env!("CARGO_MANIFEST_DIR");
    let workflow = std::fs::read_to_string(format!("{root}/workflows/consent-global.yaml")).unwrap();
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |_, before| {
            if before == 1 {
                gate.pass();
            }
            accepted()
        }
    });
    let refusing = Server::start(|_, _| answer(401, "{}"));
    let folder = Folder::to(refusing.address, &workflow);
    let consent = |purpose: &str| json!({ "purpose": purpose, "status": "WITHDRAWN" });
    folder.requests((0..300).map(|number| {
        let mut record = request("consent", &format!("r-{number}"), &format!("u-{number}"));
        record["consents"] = json!([consent("Marketing e-mail"), consent("Loyalty")]);
        record
    }));

    assert_eq!(folder.job().code, 3);
    folder.settings(server.address, "token: { env: PRIVAFLOW_TEST_KEY }");
    let mut child = folder.start();
    server.wait_for(4);
    child.kill().unwrap();
    child.wait().unwrap();
    gate.open();
    let finished = folder.job();

    assert_eq!(finished.counts(), (0, [300, 0, 0, 0]), "{}", finished.stderr);
    assert_eq!(finished.json()["unmapped"], json!({ "Loyalty": 300 }));
}

#[test]
fn a_pause_a_limit_and_a_retry_all_give_way_to_a_signal() {
    let pausing = format!("{TAG}  - wait: 5m\n");
    let told_to_wait =
        || Reply::Answer { status: 429, headers: "retry-after: 300\r\n", body: "{}".to_owned() };
    for (workflow, reply) in [(pausing.as_str(), accepted as fn() -> Reply), (TAG, told_to_wait)] {
        let server = Server::start(move |_, _| reply());
        let folder = Folder::to(server.address, workflow);
        folder.requests([tag(1)]);

        let child = folder.start();
        server.wait_for(1);
        signal(&child, "-INT");
        let shot = end(child);

        assert_eq!(shot.counts(), (130, [0, 0, 0, 1]), "{}", shot.stderr);
    }
}

#[test]
fn a_step_that_has_a_time_out_fails_when_the_service_has_no_room_for_so_long() {
    let server = Server::start(|_, _| answer(503, "{}"));
    let folder = Folder::to(server.address, &TAG.replace("uses:", "timeout: 200ms\n    uses:"));
    folder.requests([tag(1)]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(shot.json()["failed_by"], json!({ "timeout": 1 }));
}

#[test]
fn a_wait_that_a_limit_asks_for_counts_against_no_time_out() {
    let server = Server::start(|_, before| match before {
        0 => Reply::Answer { status: 429, headers: "retry-after: 1\r\n", body: "{}".to_owned() },
        _ => accepted(),
    });
    let folder = Folder::to(server.address, &TAG.replace("uses:", "timeout: 500ms\n    uses:"));
    folder.requests([tag(1)]);

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn a_step_tried_as_often_as_it_may_be_waits_and_the_same_command_tries_again() {
    let server = Server::start(|_, before| if before < 2 { answer(503, "{}") } else { accepted() });
    let folder =
        Folder::to(server.address, &TAG.replace("uses:", "retry: { attempts: 2, at_most: 1m }\n    uses:"));
    folder.requests([tag(1)]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(shot.json()["waiting_by"], json!({ "retry": 1 }));
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_call_too_large_for_any_request_fails_alone() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &TAG.replace("{{ request.id }}", "{{ fields.text }}"));
    let with = |number: usize, text: String| {
        let mut record = tag(number);
        record["fields"] = json!({ "text": text });
        record
    };
    folder.requests([with(1, "a".into()), with(2, "x".repeat(5_000_000)), with(3, "c".into())]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [2, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(folder.failures(&shot)[0]["request"], "r-2");
    assert_eq!(server.people(), ["u-1", "u-3"]);
}
