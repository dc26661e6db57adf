//! In which order a person is written to, and what happens when no answer comes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::folder::{Folder, TAG};
use crate::server::{Gate, Server, accepted, answer};

/// Sets the group of every purpose, one call after another.
const GROUPS: &str = r#"
workflow: groups
on: { file: {} }
steps:
  - id: each
    for_each: consents
    steps:
      - id: put
        uses: braze/subscription.status.set
        with:
          subscription_group_id: "{{ item.purpose }}"
          subscription_state: "{{ item.status }}"
          external_id: ["{{ subject.external_id }}"]
"#;

fn consents(id: &str, subject: Value, consents: &[(&str, &str)]) -> Value {
    let of = |(purpose, status): &(&str, &str)| json!({ "purpose": purpose, "status": status });
    let consents: Vec<Value> = consents.iter().map(of).collect();
    json!({ "id": id, "kind": "consent", "subject": subject, "consents": consents })
}

/// The last state that each group of the only person was given.
fn state_of(server: &Server, group: &str) -> Value {
    let bodies = server.requests().into_iter().map(|request| request.json());
    let mut states = bodies.filter(|body| body["subscription_group_id"] == group);
    states.next_back().map(|body| body["subscription_state"].clone()).unwrap_or_default()
}

#[test]
fn the_last_call_of_an_older_record_does_not_overtake_a_newer_record() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, GROUPS);
    let person = json!({ "external_id": "u-1" });
    folder.requests([
        consents("r-1", person.clone(), &[("a", "subscribed"), ("b", "subscribed")]),
        consents("r-2", person, &[("b", "unsubscribed")]),
    ]);

    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));

    assert_eq!(state_of(&server, "b"), "unsubscribed");
}

#[test]
fn the_answer_to_an_older_record_does_not_let_it_overtake_a_newer_record() {
    let workflow = GROUPS.replace(
        "steps:\n  - id: each",
        "steps:\n  - uses: braze/users.export.ids\n    with: { phone: \"{{ subject.phone }}\", fields_to_export: [braze_id] }\n  - id: each",
    );
    let second = Gate::default();
    let waits = second.clone();
    let server = Server::start(move |request, _| {
        if !request.path.ends_with("export/ids") {
            return accepted();
        }
        if request.json()["phone"] == "+15550000001" {
            // The older record is told about its phone only when the newer one could have been written.
            waits.pass();
        }
        answer(201, r#"{"message":"success","users":[]}"#)
    });
    let folder = Folder::to(server.address, &workflow);
    let person = |phone: &str| json!({ "external_id": "u-1", "phone": phone });
    folder.requests([
        consents("r-1", person("+15550000001"), &[("b", "subscribed")]),
        consents("r-2", person("+15550000002"), &[("b", "unsubscribed")]),
        consents("r-3", json!({ "external_id": "u-2", "phone": "+15550000003" }), &[("c", "subscribed")]),
    ]);

    let job = folder.start();
    // By the time somebody else was written to, the newer record had its chance.
    server.wait_for(3);
    second.open();
    let shot = crate::folder::end(job);

    // The older record finds a newer state: it needs no write.
    assert_eq!(shot.counts(), (0, [2, 1, 0, 0]));
    assert_eq!(shot.json()["skipped_by"], json!({ "superseded": 1 }));
    assert_eq!(state_of(&server, "b"), "unsubscribed");
}

#[test]
fn a_state_that_may_have_been_set_is_answered_before_a_newer_one_leaves() {
    let first = Gate::default();
    let waits = first.clone();
    let server = Server::start(move |_, number| {
        if number == 0 {
            waits.pass();
        }
        accepted()
    });
    let folder = Folder::to(server.address, &TAG.replace("    with:", "    timeout: 300ms\n    with:"));
    let changed = |id: &str, at: &str| json!({ "id": id, "kind": "other", "subject": { "external_id": "u-1" }, "occurred_at": at });
    folder.requests([changed("old", "2026-11-20T10:00:00Z"), changed("new", "2026-11-20T11:00:00Z")]);

    let shot = folder.job();

    // The older one failed when its time was over; nobody knows whether it was made, so it was asked for
    // again until there was an answer.
    assert_eq!(shot.counts(), (1, [1, 0, 1, 0]));
    let tags: Vec<Value> =
        server.requests().iter().map(|request| request.json()["attributes"][0]["tag"].clone()).collect();
    assert_eq!(tags, ["old", "old", "new"]);
    first.open();
}

#[test]
fn a_service_that_never_answers_is_given_up_when_the_time_of_the_step_is_over() {
    let never = Gate::default();
    let closed = never.clone();
    let server = Server::start(move |_, _| {
        closed.pass();
        accepted()
    });
    let folder = Folder::to(server.address, &TAG.replace("    with:", "    timeout: 300ms\n    with:"));
    folder.requests([crate::folder::request("consent", "r-1", "u-1")]);

    let began = Instant::now();
    let shot = folder.job();

    assert!(began.elapsed() < Duration::from_secs(30), "as long as the connection is waited for");
    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]));
    assert_eq!(shot.json()["failed_by"], json!({ "timeout": 1 }));
    never.open();
}

#[test]
fn an_opt_out_that_may_have_been_set_is_not_undone_by_an_older_choice_while_a_person_decides() {
    let workflow = r#"
workflow: told
on: { file: {} }
steps:
  - id: put
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.0.status }}" }]
      events: [{ external_id: "{{ subject.external_id }}", name: chosen, time: "{{ request.occurred_at }}" }]
"#;
    let server = Server::start(|_, number| if number == 0 { answer(500, "{}") } else { accepted() });
    let folder = Folder::to(server.address, workflow);
    let chosen = |id: &str, at: &str, status: &str| {
        json!({ "id": id, "kind": "consent", "subject": { "external_id": "u-1" }, "occurred_at": at,
            "consents": [{ "purpose": "email", "status": status, "updated_at": at }] })
    };
    folder.requests([
        chosen("out", "2026-11-20T10:00:00Z", "unsubscribed"),
        chosen("in", "2026-11-20T09:00:00Z", "opted_in"),
    ]);

    let shot = folder.job();

    // The later one does not wait for the decision.
    assert_eq!(shot.counts(), (1, [1, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(shot.json()["waiting_by"], json!({ "needs_attention": 1 }));
    assert_eq!(server.requests().len(), 2);
    let later = server.requests().into_iter().skip(1).map(|request| request.json());
    let states: Vec<Value> = later.map(|body| body["attributes"][0]["email_subscribe"].clone()).collect();
    assert!(!states.contains(&json!("opted_in")), "{states:?}");
}
