//! Writes that a 2xx answers which cannot be read: nobody knows whether they were made, so they are neither done nor
//! failed, nobody newer goes before them, and nobody else waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::folder::{Folder, request};
use crate::server::{Gate, Reply, Server, accepted, answer};

const TRACK: &str = r#"
workflow: track
on: { file: {} }
steps:
  - id: write
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", tag: "{{ request.id }}" }] }
"#;

const ERASE: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: write
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

const GROUP: &str = r#"
workflow: group
on: { file: {} }
steps:
  - id: write
    uses: braze/subscription.status.set
    with: { subscription_group_id: g-1, subscription_state: unsubscribed, external_id: ["{{ subject.external_id }}"] }
"#;

/// What cannot be read: cut off, a list nested too deep, and a page of somebody on the way.
fn unreadable() -> [fn() -> Reply; 3] {
    let page = || Reply::Answer {
        status: 201,
        headers: "content-type: text/html\r\n",
        body: "<html><body>Blocked marker-page</body></html>".to_owned(),
    };
    [|| answer(201, r#"{"message":"succ"#), || answer(201, "[".repeat(9000) + &"]".repeat(9000)), page]
}

/// A service that gives this answer to whatever names `u-1` until it is mended, once it has answered somebody else.
fn service(bad: fn() -> Reply) -> (Server, Arc<AtomicBool>) {
    let (gate, mended) = (Gate::default(), Arc::new(AtomicBool::new(false)));
    let is_mended = Arc::clone(&mended);
    let server = Server::start(move |request, _| {
        if !request.people().iter().any(|person| person == "u-1") {
            gate.open();
            return accepted();
        }
        if is_mended.load(Ordering::SeqCst) {
            return accepted();
        }
        gate.pass();
        bad()
    });
    (server, mended)
}

fn folder_to(server: &Server, workflow: &str) -> Folder {
    let folder = Folder::to(server.address, workflow);
    let settings = folder.read("privaflow.yaml");
    folder
        .write("privaflow.yaml", format!("{settings}retries: {{ default: {{ base: 20ms, cap: 50ms }} }}\n"));
    folder
}

fn people(kind: &str, numbers: std::ops::RangeInclusive<usize>) -> Vec<Value> {
    numbers.map(|number| request(kind, &format!("r-{number}"), &format!("u-{number}"))).collect()
}

#[test]
fn one_whose_write_has_an_unreadable_answer_waits_with_the_reason_and_the_others_go_on() {
    for (workflow, kind) in [(TRACK, "other"), (ERASE, "deletion"), (GROUP, "other")] {
        for bad in unreadable() {
            let (server, mended) = service(bad);
            let folder = folder_to(&server, workflow);
            // Two bodies: the second is answered.
            folder.requests(people(kind, 1..=100));

            let shot = folder.job();

            assert_eq!(shot.counts(), (1, [99, 0, 0, 1]), "{workflow}: {}", shot.stderr);
            assert_eq!(shot.json()["waiting_by"], json!({ "retry": 1 }), "{workflow}");
            let [left] = &folder.failures(&shot)[..] else { panic!("{workflow}: {}", shot.stdout) };
            assert_eq!(
                (&left["request"], &left["code"], &left["step"]),
                (&json!("r-1"), &json!("unreadable"), &json!("write"))
            );
            let message = left["message"].as_str().unwrap();
            assert!(
                message.contains("HTTP 201") && message.contains("`privaflow jobs resume job-1`"),
                "{message}"
            );
            assert!(!shot.stderr.contains("marker-page"), "{}", shot.stderr);
            let sent = server.requests().len();
            assert!(sent < 40, "{workflow}: it was repeated {sent} times");

            mended.store(true, Ordering::SeqCst);
            let over = folder.job();
            assert_eq!(over.counts(), (0, [100, 0, 0, 0]), "{workflow}: {}", over.stderr);
            assert_eq!((&over.json()["failures"], &over.json()["calls"]), (&json!(null), &json!(100)));
            assert_eq!(server.people()[server.people().len() - 1], "u-1");
        }
    }
}

#[test]
fn the_others_of_the_only_body_of_a_job_are_written_all_the_same() {
    for (workflow, kind) in [(TRACK, "other"), (ERASE, "deletion")] {
        let server = Server::start(|request, _| {
            let is_about = request.people().iter().any(|person| person == "u-1");
            if is_about { unreadable()[2]() } else { accepted() }
        });
        let folder = folder_to(&server, workflow);
        folder.requests(people(kind, 1..=20));

        let shot = folder.job();

        assert_eq!(shot.counts(), (1, [19, 0, 0, 1]), "{workflow}: {}", shot.stderr);
        let [left] = &folder.failures(&shot)[..] else { panic!("{workflow}: {}", shot.stdout) };
        assert_eq!((&left["request"], &left["code"]), (&json!("r-1"), &json!("unreadable")));
    }
}

#[test]
fn nothing_newer_leaves_for_whose_write_has_an_unreadable_answer() {
    let (server, mended) = service(unreadable()[0]);
    let folder = folder_to(&server, TRACK);
    folder.requests(people("other", 1..=100));
    assert_eq!(folder.job().counts(), (1, [99, 0, 0, 1]));
    folder.write("newer.ndjson", format!("{}\n", request("other", "newer", "u-1")));
    let newer = ["run", "flow.yaml", "--input", "newer.ndjson", "--output", "json"];

    let waits = folder.run(&newer);

    assert_eq!(waits.counts(), (1, [0, 0, 0, 1]), "{}", waits.stderr);
    assert!(waits.stderr.contains("`privaflow jobs resume job-1`"), "{}", waits.stderr);
    let tags = || server.requests().iter().map(|request| request.json().to_string()).collect::<String>();
    assert!(!tags().contains("newer"));
    mended.store(true, Ordering::SeqCst);
    assert_eq!(folder.run(&newer).counts(), (0, [1, 0, 0, 0]));
    assert_eq!(folder.job().counts(), (0, [100, 0, 0, 0]));
}

#[test]
fn a_page_for_everybody_stops_the_profile_and_whom_it_may_have_erased_counts_as_erased() {
    let server = Server::start(|_, _| unreadable()[2]());
    let folder = folder_to(&server, ERASE);
    folder.requests(people("deletion", 1..=3));

    let stopped = folder.job();
    let sent = server.requests().len();
    let cancelled = folder.run(&["jobs", "cancel", "job-1"]);

    assert_eq!(stopped.counts(), (3, [0, 0, 0, 3]), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("what answers is not the service"), "{}", stopped.stderr);
    // Five times together, and then by halves, to see whether anybody else is answered.
    assert!((6..=9).contains(&sent), "{sent}: {}", stopped.stderr);
    assert!(
        cancelled.stderr.contains("3 of the requests that are given up may have erased"),
        "{}",
        cancelled.stderr
    );
    assert_eq!(folder.run(&["gate", "list", "--output", "json"]).lines().len(), 3);
}

#[test]
fn a_job_of_which_more_waits_than_there_is_room_for_comes_to_its_end() {
    let server = Server::start(|_, _| unreadable()[0]());
    let folder = folder_to(&server, TRACK);
    folder.requests(people("other", 1..=12_000));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 0, 12_000]), "{}", shot.stderr);
    assert!(server.requests().len() < 12_000 / 75 * 6);
}

#[test]
fn a_profile_that_is_answered_as_a_list_nested_too_deep_fails_its_own_request() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/export/ids" if request.people().iter().any(|person| person == "u-1") => unreadable()[1](),
        "/users/export/ids" => {
            let users: Vec<Value> =
                request.people().iter().map(|person| json!({ "external_id": person })).collect();
            answer(200, json!({ "message": "success", "users": users }).to_string())
        }
        _ => accepted(),
    });
    let find = "  - id: find\n    uses: braze/users.export.ids\n    with: { external_ids: [\"{{ subject.external_id }}\"], fields_to_export: [external_id] }\n";
    let folder = folder_to(&server, &TRACK.replace("steps:\n", &format!("steps:\n{find}")));
    folder.requests(people("other", 1..=3));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [2, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(folder.failures(&shot)[0]["code"], "unreadable");
}

#[test]
fn a_step_that_tries_once_has_the_reason_said_at_once() {
    let server = Server::start(|_, _| unreadable()[0]());
    let folder = folder_to(&server, &TRACK.replace("    with:", "    retry: { attempts: 1 }\n    with:"));
    folder.requests(people("other", 1..=2));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 0, 2]), "{}", shot.stderr);
    assert_eq!(server.requests().len(), 1);
    let left = folder.failures(&shot);
    assert!(left.iter().all(|one| one["code"] == "unreadable"), "{left:?}");
    assert!(left[0]["message"].as_str().unwrap().contains("after 1 attempt:"), "{left:?}");
}
