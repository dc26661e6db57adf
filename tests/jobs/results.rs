//! What a request comes to, and why (the results and reasons of the contract).

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder, Shot, TAG, deletion, request};
use crate::server::{Server, accepted, answer};

/// The reasons with their counts: `skipped_by`, `failed_by` or `waiting_by`.
#[track_caller]
fn assert_by(shot: &Shot, by: &str, reasons: Value) {
    assert_eq!(shot.json()[by], reasons, "{}\n{}", shot.stdout, shot.stderr);
}

#[test]
fn the_same_content_under_the_same_id_is_a_duplicate_and_other_content_a_conflict() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1), deletion(1), request("deletion", "r-1", "u-2")]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [1, 1, 1, 0]));
    assert_by(&shot, "skipped_by", json!({ "duplicate": 1 }));
    assert_by(&shot, "failed_by", json!({ "id_conflict": 1 }));
    assert_eq!(server.people(), ["u-1"]);
}

#[test]
fn an_id_is_remembered_across_jobs_of_a_workflow() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().code, 0);

    folder.requests([deletion(2), deletion(1), request("deletion", "r-1", "u-9")]);
    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [1, 1, 1, 0]));
    assert_eq!(server.people(), ["u-1", "u-2"]);
}

#[test]
fn the_same_id_in_another_workflow_is_another_request() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().code, 0);

    folder.write("flow.yaml", ERASE.replace("workflow: erase", "workflow: erase-again"));

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(server.people(), ["u-1", "u-1"]);
}

#[test]
fn the_same_content_written_another_way_is_still_a_duplicate() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    let lines = concat!(
        r#"{"id":"r-1","kind":"deletion","subject":{"external_id":"u-1","email":"é@example.com"}}"#,
        "\n",
        r#"{ "subject": {"email":"\u00e9@example.com","phone":null,"external_id":"u-1"}, "consents":[], "kind":"deletion","id":"r-1"}"#,
        "\n"
    );
    folder.write("requests.ndjson", lines);

    assert_eq!(folder.job().counts(), (0, [1, 1, 0, 0]));
}

#[test]
fn records_without_an_id_are_told_apart_by_their_place() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &TAG.replace("{{ request.id }}", "seen"));
    let record = json!({ "kind": "other", "subject": { "external_id": "u-1" } });
    folder.requests([record.clone(), record]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [2, 0, 0, 0]));
}

#[test]
fn a_condition_that_is_false_skips_the_request() {
    let workflow = TAG.replace("uses:", "if: has(subject.email)\n    uses:");
    let folder = Folder::with(&workflow);
    folder.requests([request("other", "r-1", "u-1")]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (0, [0, 1, 0, 0]));
    assert_by(&shot, "skipped_by", json!({ "condition": 1 }));
}

#[test]
fn a_loop_over_nothing_skips_the_request_as_no_match() {
    let workflow = r#"
workflow: loop
on: { file: {} }
steps:
  - id: each
    for_each: consents
    as: consent
    steps:
      - uses: braze/users.track
        with: { attributes: [{ external_id: "{{ subject.external_id }}", purpose: "{{ consent.purpose }}" }] }
"#;
    let folder = Folder::with(workflow);
    folder.requests([request("consent", "r-1", "u-1")]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (0, [0, 1, 0, 0]));
    assert_by(&shot, "skipped_by", json!({ "no_match": 1 }));
}

/// Looks a person up by e-mail and erases who was found.
const FIND_AND_ERASE: &str = r#"
workflow: find-and-erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id, external_id] }
  - set: { found: "steps.find.output.users.map(u, u.braze_id)" }
  - id: erase
    if: size(vars.found) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ vars.found }}" }
"#;

#[test]
fn a_person_without_a_profile_is_skipped() {
    let server = Server::start(|_, _| answer(200, r#"{"message":"success","users":[]}"#));
    let folder = Folder::to(server.address, FIND_AND_ERASE);
    folder.requests([json!({ "id": "r-1", "kind": "deletion", "subject": { "email": "a@example.com" } })]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [0, 1, 0, 0]));
    assert_by(&shot, "skipped_by", json!({ "no_profile": 1 }));
}

#[test]
fn what_a_look_up_found_is_what_is_erased() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/export/ids" => {
            answer(200, r#"{"message":"success","users":[{"braze_id":"b-1"},{"braze_id":"b-2"}]}"#)
        }
        _ => accepted(),
    });
    let folder = Folder::to(server.address, FIND_AND_ERASE);
    folder.requests([json!({ "id": "r-1", "kind": "deletion", "subject": { "email": "a@example.com" } })]);

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(server.requests()[1].json(), json!({ "braze_ids": ["b-1", "b-2"] }));
}

#[test]
fn an_irreversible_workflow_takes_only_deletions_unless_it_says_otherwise() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([request("access", "r-1", "u-1")]);
    let refused = folder.job();
    assert_eq!(refused.counts(), (1, [0, 0, 1, 0]));
    assert_by(&refused, "failed_by", json!({ "kind_mismatch": 1 }));
    assert!(server.requests().is_empty());

    folder.write("flow.yaml", ERASE.replace("file: {}", "file: { kinds: [access, deletion] }"));
    folder.requests([request("access", "r-2", "u-2")]);

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn a_request_that_failed_before_it_was_sent_is_no_duplicate_later() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([request("access", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 1, 0]));

    folder.write("flow.yaml", ERASE.replace("file: {}", "file: { kinds: [access] }"));

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(server.people(), ["u-1"]);
}

#[test]
fn a_missing_value_fails_as_template_and_names_its_path() {
    let folder = Folder::with(ERASE);
    folder.requests([json!({ "id": "r-1", "kind": "deletion", "subject": { "email": "a@example.com" } })]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]));
    assert_by(&shot, "failed_by", json!({ "template": 1 }));
    let failure = &folder.failures(&shot)[0];
    assert!(failure["message"].as_str().unwrap().contains("subject.external_id"), "{failure}");
}

#[test]
fn a_false_assertion_and_a_fail_step_fail_the_request() {
    let workflow = r#"
workflow: judge
on: { file: {} }
steps:
  - assert: { that: has(subject.email), message: "There is no e-mail in {{ request.id }}" }
  - fail: "Nobody handles {{ request.kind }} yet"
"#;
    let folder = Folder::with(workflow);
    folder.requests([
        request("other", "r-1", "u-1"),
        json!({ "id": "r-2", "kind": "other", "subject": { "email": "a@example.com" } }),
    ]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (1, [0, 0, 2, 0]));
    assert_by(&shot, "failed_by", json!({ "assert": 1, "fail": 1 }));
    let said: Vec<Value> = folder.failures(&shot).iter().map(|it| it["message"].clone()).collect();
    assert_eq!(said, ["There is no e-mail in r-1", "Nobody handles other yet"]);
}

#[test]
fn a_read_that_never_comes_true_times_out() {
    let workflow = r#"
workflow: verify
on: { file: {} }
steps:
  - id: verify
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id] }
    repeat: { every: 1m, at_most: 30m, until: size(output.users) == 0 }
"#;
    let folder = Folder::with(workflow);
    folder.requests([request("other", "r-1", "u-1")]);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]));
    assert_by(&shot, "failed_by", json!({ "timeout": 1 }));
    assert_eq!(shot.json()["calls"], 31);
}

#[test]
fn an_erasure_is_accepted_when_taken_and_verified_when_seen() {
    let verify = r#"
  - id: verify
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id] }
    repeat: { every: 1s, at_most: 30m, until: size(output.users) == 0 }
"#;
    let folder = Folder::with(&format!("{ERASE}{verify}"));
    folder.requests((0..60).map(deletion));

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (0, [60, 0, 0, 0]));
    assert_eq!((&shot.json()["accepted"], &shot.json()["verified"]), (&json!(60), &json!(60)));
}

#[test]
fn a_request_that_waits_longer_than_the_process_stays_is_waiting() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &format!("{TAG}  - wait: 1h\n"));
    folder.requests([request("other", "r-1", "u-1")]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 0, 1]));
    assert_by(&shot, "waiting_by", json!({ "wait": 1 }));
}

#[test]
fn a_record_of_every_kind_of_end_is_counted_once() {
    let folder = Folder::with(ERASE);
    let mut records = vec![
        deletion(1),
        deletion(1),
        request("deletion", "r-1", "u-7"),
        request("other", "r-4", "u-4"),
        json!({ "id": "r-5", "kind": "deletion", "subject": {} }),
        json!({ "id": "r-6", "kind": "deletion", "subject": { "external_id": 6 } }),
        json!(["no record"]),
    ];
    records.extend((10..20).map(deletion));
    folder.requests(records);

    let shot = folder.sandbox();

    assert_eq!(shot.counts(), (1, [11, 1, 5, 0]));
    let failed = json!({ "id_conflict": 1, "kind_mismatch": 1, "template": 1, "wrong_type": 2 });
    assert_by(&shot, "failed_by", failed);
}
