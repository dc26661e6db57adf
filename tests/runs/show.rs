//! `runs show`: the story of one request, and what can be done.

use serde_json::json;

use crate::folder::{Folder, TAG, request};
use crate::list::{refusing_one, three};
use crate::server::{Reply, Server, answer};

/// Writes an event, which must not be sent twice.
pub const EVENT: &str = r#"
workflow: event
on: { file: {} }
steps:
  - id: event
    uses: braze/users.track
    with: { events: [{ external_id: "{{ subject.external_id }}", name: consent, time: "{{ now }}" }] }
"#;

#[test]
fn the_story_of_a_request_has_its_calls_their_answers_and_its_end() {
    let server = Server::start(|_, before| match before {
        0 => answer(429, "{}"),
        _ => Reply::Answer {
            status: 201,
            headers: "content-type: application/json\r\nx-request-id: srv-77\r\n",
            body: r#"{"message":"success"}"#.into(),
        },
    });
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().code, 0);

    let shown = folder.run(&["runs", "show", "job-1:0", "--output", "json"]).json();

    let events: Vec<_> = shown["events"].as_array().unwrap().iter().map(|event| &event["event"]).collect();
    assert_eq!(events, ["planned", "intent", "answer", "intent", "answer", "ended"]);
    assert_eq!((&shown["events"][2]["status"], &shown["events"][4]["status"]), (&json!(429), &json!(201)));
    assert_eq!(shown["events"][4]["request_id"], "srv-77");
    assert_eq!(
        (&shown["state"], &shown["request"], &shown["line"]),
        (&json!("done"), &json!("r-1"), &json!(1))
    );
    assert_eq!(shown["commands"], json!([]));
    let text = folder.run(&["runs", "show", "job-1:0"]).stdout;
    assert!(text.contains("HTTP 429") && text.contains("service request srv-77"), "{text}");
}

#[test]
fn a_failed_request_says_why_and_how_it_is_tried_again() {
    let server = refusing_one();
    let folder = three(&server);

    let shown = folder.run(&["runs", "show", "job-1:1"]).stdout;

    assert!(shown.contains("failed  refused"), "{shown}");
    assert!(shown.contains("privaflow runs retry job-1:1"), "{shown}");
    assert!(!shown.contains("u-bad"), "{shown}");
}

#[test]
fn a_request_that_may_have_been_sent_says_what_a_person_can_do() {
    let server = Server::start(|_, _| Reply::Cut);
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let shown = folder.run(&["runs", "show", "job-1:0", "--output", "json"]).json();

    assert_eq!((&shown["reason"], &shown["code"]), (&json!("needs_attention"), &json!("may_have_been_sent")));
    assert_eq!((&shown["step"], &shown["request"]), (&json!("event"), &json!("r-1")));
    let commands: Vec<_> = shown["commands"].as_array().unwrap().iter().map(|way| &way["command"]).collect();
    assert_eq!(commands, ["privaflow runs retry job-1:0 --even-if-sent", "privaflow runs cancel job-1:0"]);
}

#[test]
fn a_run_that_is_not_there_is_refused() {
    let server = refusing_one();
    let folder = three(&server);

    for run in ["job-1:3", "job-9:0"] {
        let shot = folder.run(&["runs", "show", run]);
        assert_eq!(shot.code, 2);
        assert!(shot.stderr.contains("there is no run"), "{}", shot.stderr);
    }
    assert_eq!(folder.run(&["runs", "show", "job-1"]).code, 2);
}
