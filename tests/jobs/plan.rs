//! What `plan` shows: every call that would be made, and none is.

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder, KEY, deletion, request};
use crate::server::Server;

const KEYS: [&str; 7] = ["request", "step", "action", "skipped", "method", "url", "body"];

fn plan(folder: &Folder) -> Vec<Value> {
    let shot = folder.run(&["plan", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]);
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    assert!(!shot.stdout.contains(KEY) && !shot.stderr.contains(KEY));
    shot.lines()
}

#[test]
fn a_plan_has_a_line_for_each_call_with_the_keys_of_the_contract() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1), deletion(2)]);

    let lines = plan(&folder);

    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].as_object().unwrap().keys().collect::<Vec<_>>(), KEYS);
    assert_eq!(
        lines[0],
        json!({
            "request": "r-1", "step": "erase", "action": "braze/users.delete", "skipped": false, "method": "POST",
            "url": format!("http://{}/users/delete", server.address), "body": { "external_ids": ["u-1"] },
        })
    );
    assert!(server.requests().is_empty());
    assert!(!folder.path("store").exists(), "a plan leaves nothing behind");
}

#[test]
fn what_needs_an_answer_says_which_and_has_no_body() {
    let workflow = r#"
workflow: find-and-erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
  - set: { found: "steps.find.output.users.map(u, u.braze_id)" }
  - id: erase
    if: size(vars.found) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ vars.found }}" }
"#;
    let folder = Folder::to("127.0.0.1:9", workflow);
    folder.requests([json!({ "id": "r-1", "kind": "deletion", "subject": { "email": "a@example.com" } })]);

    let lines = plan(&folder);

    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0]["body"],
        json!({ "email_address": "a@example.com", "fields_to_export": ["braze_id"] })
    );
    assert_eq!(lines[0].get("needs"), None);
    assert_eq!(
        lines[1],
        json!({
            "request": "r-1", "step": "erase", "action": "braze/users.delete", "skipped": false, "method": "POST",
            "url": "http://127.0.0.1:9/users/delete", "body": null, "needs": ["find"],
        })
    );
}

#[test]
fn skipped_steps_and_steps_in_loops_have_their_names() {
    let workflow = r#"
workflow: loops
on: { file: {} }
steps:
  - id: mail
    for_each: consents
    as: consent
    steps:
      - id: track
        if: consent.status == "ACTIVE"
        uses: braze/users.track
        with: { attributes: [{ external_id: "{{ subject.external_id }}", purpose: "{{ consent.purpose }}" }] }
"#;
    let folder = Folder::to("127.0.0.1:9", workflow);
    let consents = json!([{ "purpose": "a", "status": "ACTIVE" }, { "purpose": "b", "status": "PENDING" }]);
    let mut record = request("consent", "r-1", "u-1");
    record["consents"] = consents;
    folder.requests([record]);

    let lines = plan(&folder);

    let seen: Vec<_> = lines.iter().map(|line| (&line["step"], &line["skipped"], &line["body"])).collect();
    let body = json!({ "attributes": [{ "external_id": "u-1", "purpose": "a" }] });
    assert_eq!(
        seen,
        [
            (&json!("mail[0].track"), &json!(false), &body),
            (&json!("mail[1].track"), &json!(true), &Value::Null),
        ]
    );
    assert_eq!(lines[1].as_object().unwrap().keys().collect::<Vec<_>>(), KEYS);
}

#[test]
fn a_get_shows_its_whole_address_and_no_body() {
    let workflow = r#"
workflow: states
on: { file: {} }
steps:
  - uses: braze/subscription.user.status
    with: { external_id: "{{ subject.external_id }}" }
"#;
    let folder = Folder::to("127.0.0.1:9", workflow);
    folder.requests([request("other", "r-1", "u 1&x")]);

    let lines = plan(&folder);

    assert_eq!(lines[0]["method"], "GET");
    assert_eq!(lines[0]["body"], Value::Null);
    let url = lines[0]["url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:9/subscription/user/status?external_id=u"), "{url}");
    assert!(url.ends_with("1%26x"), "{url}");
}

#[test]
fn a_plan_says_which_records_would_fail_and_where_they_stand() {
    let folder = Folder::to("127.0.0.1:9", ERASE);
    folder.write(
        "requests.ndjson",
        format!("{}\nnot JSON\n{}\n", deletion(1), request("access", "r-3", "u-3")),
    );

    let shot = folder.run(&["plan", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]);

    let lines = shot.lines();
    assert_eq!((shot.code, lines.len()), (0, 3));
    let seen: Vec<_> = lines.iter().skip(1).map(|line| (&line["request"], &line["line"])).collect();
    assert_eq!(seen, [(&Value::Null, &json!(2)), (&json!("r-3"), &json!(3))]);
    let codes: Vec<_> = lines.iter().map(|line| &line["error"]["code"]).collect();
    assert_eq!(codes, [&Value::Null, &json!("wrong_type"), &json!("kind_mismatch")]);
    assert_eq!(lines[1].as_object().unwrap().keys().take(KEYS.len()).collect::<Vec<_>>(), KEYS);
    assert_eq!(lines[1]["skipped"], true, "nothing is called");
    assert!(shot.stderr.contains("line 2: would fail (wrong_type)"), "{}", shot.stderr);
    assert!(shot.stderr.contains("line 3: would fail (kind_mismatch)"), "{}", shot.stderr);
}

#[test]
fn a_request_that_stands_twice_is_planned_once_and_an_id_with_other_content_fails() {
    let folder = Folder::to("127.0.0.1:9", ERASE);
    let mut other = deletion(2);
    other["id"] = json!("r-1");
    folder.requests([deletion(1), deletion(1), other]);

    let lines = plan(&folder);

    let seen: Vec<_> =
        lines.iter().map(|line| (&line["skipped"], &line["reason"], &line["error"]["code"])).collect();
    let (yes, no, null) = (json!(true), json!(false), Value::Null);
    assert_eq!(
        seen,
        [(&no, &null, &null), (&yes, &json!("duplicate"), &null), (&yes, &null, &json!("id_conflict"))]
    );
    assert_eq!(lines[1]["body"], Value::Null);
    let text = folder.run(&["plan", "flow.yaml", "--input", "requests.ndjson"]);
    assert!(text.stdout.contains("r-1\n  skipped: duplicate of an earlier line\n"), "{}", text.stdout);
    assert!(text.stderr.contains("3 requests, 1 call, 1 would fail"), "{}", text.stderr);
}

#[test]
fn a_plan_needs_neither_settings_nor_a_key() {
    let folder = Folder::with(ERASE);
    folder.requests([deletion(1)]);

    let lines = plan(&folder);

    assert_eq!(lines[0]["body"], json!({ "external_ids": ["u-1"] }));
    let text = folder.run(&["plan", "flow.yaml", "--input", "requests.ndjson"]);
    assert!(text.stdout.contains("r-1") && text.stdout.contains("/users/delete"), "{}", text.stdout);
}

#[test]
fn a_plan_and_a_job_come_to_the_same_calls() {
    let root = env!("CARGO_MANIFEST_DIR");
    for (workflow, input) in [
        ("consent-global", "consent-changes.ndjson"),
        ("consent-groups", "consent-changes.ndjson"),
        ("consent-groups-track", "consent-changes.ndjson"),
    ] {
        let text = std::fs::read_to_string(format!("{root}/workflows/{workflow}.yaml")).unwrap();
        let server = Server::accepting();
        let folder = Folder::to(server.address, &text);
        folder.write("requests.ndjson", std::fs::read(format!("{root}/examples/{input}")).unwrap());

        let lines = plan(&folder);
        let planned = lines.iter().filter(|line| line["skipped"] == false).count();
        let shot = folder.job();

        assert_eq!(shot.json()["calls"], planned, "{workflow}: {}", shot.stdout);
    }
}
