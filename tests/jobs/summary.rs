//! The summary of a job and its exit code.

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder, TAG, deletion, request};
use crate::server::{Server, answer};

#[test]
fn the_json_summary_has_exactly_the_keys_of_the_contract() {
    let folder = Folder::with(ERASE);
    folder.requests([deletion(1), deletion(2), request("consent", "r-3", "u-3")]);

    let shot = folder.sandbox();

    let mut summary = shot.json();
    let keys: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    let contract = "job workflow requests done skipped failed waiting accepted verified skipped_by failed_by \
                    waiting_by unmapped calls http_requests retries duration_ms failures";
    assert_eq!(keys, contract.split_whitespace().collect::<Vec<_>>());
    assert!(summary["duration_ms"].is_u64() && summary["failures"].is_string());
    summary["duration_ms"] = Value::Null;
    summary["failures"] = Value::Null;
    assert_eq!(
        summary,
        json!({
            "job": "job-1", "workflow": "erase", "requests": 3, "done": 2, "skipped": 0, "failed": 1,
            "waiting": 0, "accepted": 2, "verified": 0, "skipped_by": {}, "failed_by": {"kind_mismatch": 1},
            "waiting_by": {}, "unmapped": {}, "calls": 2, "http_requests": 1, "retries": 0,
            "duration_ms": null, "failures": null,
        })
    );
    assert_eq!(shot.code, 1);
}

#[test]
fn a_job_without_failures_names_no_failures_file_and_exits_with_0() {
    let folder = Folder::with(ERASE);
    folder.requests([deletion(1)]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]));
    assert_eq!(shot.json()["failures"], Value::Null);
}

#[test]
fn a_failures_line_says_which_request_failed_where_and_why() {
    let server = Server::start(|_, _| answer(400, r#"{"message":"no"}"#));
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-1", "u-1")]);

    let shot = folder.job();

    let failures = folder.failures(&shot);
    let keys: Vec<&str> = failures[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["request", "line", "step", "code", "message"]);
    assert_eq!(failures[0]["request"], "r-1");
    assert_eq!(failures[0]["line"], 1);
    assert_eq!(failures[0]["step"], "tag");
    assert_eq!(failures[0]["code"], "refused");
    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]));
}

#[test]
fn a_finished_job_again_sends_nothing_and_says_the_same() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("other", "r-1", "u-1"), json!({ "id": "r-2", "kind": "other", "subject": 3 })]);

    let first = folder.job();
    let second = folder.job();

    assert_eq!(first.counts(), (1, [1, 0, 1, 0]));
    assert_eq!((second.code, &second.stdout), (first.code, &first.stdout));
    assert!(second.stderr.contains("finished before; nothing was sent"), "{}", second.stderr);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn purposes_and_statuses_that_no_table_maps_are_counted_by_name() {
    let root = env!("CARGO_MANIFEST_DIR");
    let workflow = std::fs::read_to_string(format!("{root}/workflows/consent-global.yaml")).unwrap();
    let folder = Folder::with(&workflow);
    let consent = |id: &str, purpose: &str, status: &str| {
        json!({ "id": id, "kind": "consent", "subject": { "external_id": id },
                "consents": [{ "purpose": purpose, "status": status }] })
    };
    folder.requests([
        consent("a", "Marketing e-mail", "WITHDRAWN"),
        consent("b", "Loyalty", "WITHDRAWN"),
        consent("c", "Loyalty", "NEVER_HEARD_OF"),
    ]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (0, [1, 2, 0, 0]));
    let summary = shot.json();
    assert_eq!(summary["unmapped"], json!({ "Loyalty": 2, "NEVER_HEARD_OF": 1 }));
    assert_eq!(summary["skipped_by"], json!({ "condition": 2 }));
}

#[test]
fn a_service_that_refuses_the_key_outweighs_a_failed_record() {
    let server = Server::start(|_, _| answer(401, r#"{"message":"Invalid API key"}"#));
    let folder = Folder::to(server.address, TAG);
    folder.requests([json!({ "kind": 1 }), request("other", "r-1", "u-1")]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (3, [0, 0, 1, 1]));
    assert_eq!(shot.json()["waiting_by"], json!({ "retry": 1 }));
}

#[test]
fn usage_that_is_wrong_exits_with_2() {
    let folder = Folder::with(ERASE);
    folder.requests([deletion(1)]);
    for arguments in [
        &["run", "flow.yaml"][..],
        &["run", "flow.yaml", "--input", "requests.ndjson", "--nonsense"],
        &["run", "flow.yaml", "--input", "requests.ndjson", "--sandbox", "--wait", "10 minutes"],
        &["run", "flow.yaml", "--input", "requests.ndjson"],
        &["jobs", "show", "job-7"],
        &["jobs", "show", "seven"],
    ] {
        let shot = folder.run(arguments);

        assert_eq!((shot.code, shot.stdout.as_str()), (2, ""), "{arguments:?}: {}", shot.stderr);
        assert!(!shot.stderr.is_empty());
    }
}
