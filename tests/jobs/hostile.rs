//! Values that try to be something else arrive as what they are, and a person is seen nowhere but at
//! the service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::folder::{Folder, Shot};
use crate::server::{Server, answer};

/// Puts every member of a record into a call, in leaves of both kinds, through vars, loops and CEL.
const EVERYTHING: &str = r#"
workflow: everything
on: { file: {} }
vars: { rendered: "{{ subject.first_name }}" }
steps:
  - set: { joined: "subject.first_name + '|' + subject.last_name", names: "[subject.first_name]" }
  - log: "working on {{ subject.email }} with {{ fields.note }}"
  - id: each
    for_each: consents
    as: consent
    steps:
      - id: track
        uses: braze/users.track
        with:
          attributes:
            - external_id: "{{ subject.external_id }}"
              first_name: "{{ subject.first_name }}"
              text: "<{{ subject.last_name }}>"
              var: "{{ vars.rendered }}"
              joined: "{{ vars.joined }}"
              names: "{{ vars.names }}"
              purpose: "{{ consent.purpose }}"
              preferences: "{{ consent.preferences }}"
              note: "{{ fields.note }}"
              fields: "{{ fields }}"
              email: "{{ subject.email }}"
"#;

/// Reads people, several in one request.
const READ: &str = r#"
workflow: read
on: { file: {} }
steps:
  - uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id, custom_attributes] }
"#;

#[test]
fn a_profile_that_is_nested_without_end_fails_alone_and_the_others_are_read() {
    let server = Server::start(|request, _| {
        let users = request.people().into_iter().map(|id| match id.as_str() {
            "u-3" => format!(
                r#"{{"external_id":"{id}","custom_attributes":{}{}}}"#,
                r#"{"k":[1,"#.repeat(900),
                "]}".repeat(900)
            ),
            _ => format!(r#"{{"external_id":"{id}"}}"#),
        });
        let users: Vec<String> = users.collect();
        answer(200, format!(r#"{{"message":"success","users":[{}]}}"#, users.join(",")))
    });
    let folder = Folder::to(server.address, READ);
    folder.requests((1..7).map(|n| crate::folder::request("access", &format!("r-{n}"), &format!("u-{n}"))));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [5, 0, 1, 0]), "{}", shot.stderr);
    let failures = folder.failures(&shot);
    assert_eq!(failures[0]["code"], "unreadable", "{failures:?}");
    assert!(failures[0].to_string().contains("runs retry"), "{failures:?}");
}

fn hostile() -> Vec<String> {
    let texts = [
        "{{ request.id }}",
        "{{{ vars.rendered }}} {{#each consents}}{{/each}} {{> x}} {{!-- c --}}",
        "\"],\"braze_ids\":[\"victim",
        "\\\" , \\u0041 \\",
        "\u{0}",
        "a\u{2028}b\u{2029}c\u{feff}d\u{85}",
        "\u{202e}txet neddih\u{202c} \u{200b}",
        "👩‍👩‍👧‍👦 é e\u{301} ﷽ \u{10ffff}",
        "<script>alert('x')</script> &amp; &lt;",
        "line\nline\r\nline\ttab \u{7f}\u{1b}[31mred",
        "'; DROP TABLE events; --",
        "${jndi:ldap://x} $(id) `id` %s %n %00",
        "null",
        "true",
        "00123",
        " leading and trailing ",
        "../../etc/passwd",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).into();
    texts.push("ü".repeat(50_000));
    texts
}

#[test]
fn hostile_values_in_every_field_arrive_unchanged_as_data() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, EVERYTHING);
    let texts = hostile();
    folder.requests(texts.iter().enumerate().map(|(number, text)| {
        json!({
            "id": format!("r-{number}"), "kind": "other",
            "subject": { "external_id": format!("u-{number}"), "first_name": text, "last_name": text, "email": text },
            "consents": [{ "purpose": text, "preferences": [text, { "k": text }] }],
            "fields": { "note": text, text.as_str(): { "deep": [text] } },
        })
    }));

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [texts.len() as u64, 0, 0, 0]), "{}", shot.stderr);
    let mut arrived = BTreeMap::new();
    for request in server.requests() {
        assert_eq!(request.json().as_object().unwrap().len(), 1, "no key was added to the body");
        for object in request.json()["attributes"].as_array().unwrap() {
            arrived.insert(object["external_id"].as_str().unwrap().to_owned(), object.clone());
        }
    }
    for (number, text) in texts.iter().enumerate() {
        let id = format!("u-{number}");
        let expected = json!({
            "external_id": id, "first_name": text, "text": format!("<{text}>"), "var": text,
            "joined": format!("{text}|{text}"), "names": [text], "purpose": text,
            "preferences": [text, { "k": text }], "note": text,
            "fields": { "note": text, text.as_str(): { "deep": [text] } }, "email": text,
        });
        assert_eq!(arrived[&id], expected);
    }
}

#[test]
fn a_hostile_identifier_addresses_only_itself() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, crate::folder::ERASE);
    let texts: Vec<String> = hostile().into_iter().filter(|text| text.len() < 900).collect();
    folder.requests(
        texts
            .iter()
            .map(|text| json!({ "id": text, "kind": "deletion", "subject": { "external_id": text } })),
    );

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [texts.len() as u64, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].json(), json!({ "external_ids": texts }));
}

#[test]
fn an_identifier_in_an_address_is_encoded_and_adds_no_parameter() {
    let workflow = r#"
workflow: states
on: { file: {} }
steps:
  - uses: braze/subscription.status.get
    with: { subscription_group_id: 6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01, email: "{{ subject.email }}" }
"#;
    let server = Server::start(|_, _| answer(200, r#"{"message":"success","status":{}}"#));
    let folder = Folder::to(server.address, workflow);
    folder.requests([
        json!({ "kind": "other", "subject": { "email": "a+b&external_id=victim#?é\r\nX: y@example.com" } }),
    ]);

    assert_eq!(folder.job().code, 0);

    let path = &server.requests()[0].path;
    let url = url::Url::parse(&format!("http://host{path}")).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert_eq!(pairs.len(), 2, "{path}");
    assert!(
        pairs.contains(&("email".to_owned(), "a+b&external_id=victim#?é\r\nX: y@example.com".to_owned()))
    );
}

/// A person of whom nothing may be seen: every value holds the marker.
fn marked(number: usize, last: &str) -> Value {
    let mark = format!("marker{number}z");
    json!({
        "id": format!("{mark}@example.com"), "kind": "other",
        "subject": { "external_id": format!("x{mark}"), "email": format!("{mark}@example.com"), "phone": format!("+1{mark}"),
                     "first_name": mark, "last_name": format!("{mark}{last}"), "aliases": [{ "alias_name": mark, "alias_label": mark }] },
        "consents": [{ "purpose": "Newsletter", "status": "ACTIVE", "preferences": [mark] }],
        "fields": { "note": mark },
    })
}

fn logged(folder: &Folder) -> Shot {
    folder.run(&[
        "run",
        "flow.yaml",
        "--input",
        "requests.ndjson",
        "--output",
        "json",
        "--log",
        "trace",
        "--log-format",
        "json",
    ])
}

#[test]
fn nothing_of_a_person_stands_in_logs_failures_summary_or_store() {
    // Two steps, so that an answer with personal data is kept; failures of the record, of templates,
    // of the service and of assertions; texts of replies that name people.
    let workflow = r#"
workflow: private
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id, email] }
  - log: "found {{ subject.email }} for {{ request.id }}: {{ steps.find.output.users }}"
  - assert: { that: "!subject.last_name.endsWith('assert')", message: "no {{ subject.first_name }}" }
  - fail: "not {{ subject.email }}"
    if: subject.last_name.endsWith('fail')
  - set: { index: "subject.last_name.endsWith('cel') ? {subject.email: 1}[subject.first_name] : 0" }
  - id: track
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          text: "{{lookup fields subject.last_name}}"
"#;
    let server = Server::start(|request, _| {
        let people = request.people();
        if request.path == "/users/export/ids" {
            let users: Vec<Value> =
                people.iter().map(|id| json!({ "external_id": id, "email": format!("{id}@e") })).collect();
            return answer(200, json!({ "message": "success", "users": users }).to_string());
        }
        let errors: Vec<Value> = people
            .iter()
            .enumerate()
            .map(|(index, id)| json!({ "type": format!("no such user {id}"), "input_array": "attributes", "index": index }))
            .collect();
        answer(201, json!({ "message": "success", "errors": errors }).to_string())
    });
    let folder = Folder::to(server.address, workflow);
    let mut refused = marked(5, "");
    refused["fields"]["marker5z"] = json!("marker5z");
    let mut number = marked(6, "");
    number["subject"]["phone"] = json!({ "marker6z": "marker6z" });
    let mut time = marked(7, "");
    time["received_at"] = json!("marker7z");
    folder.requests([
        marked(1, "assert"),
        marked(2, "fail"),
        marked(3, "cel"),
        marked(4, ""),
        refused,
        number,
        time,
        marked(1, "conflict"),
    ]);
    let broken = format!(
        "{}{{\"id\":\"marker8z\",\"kind\":\"marker8z\"}}\n{{\"id\": marker9z\n",
        folder.read("requests.ndjson")
    );
    folder.write("requests.ndjson", broken);

    let shot = logged(&folder);

    assert_eq!(shot.counts(), (1, [0, 0, 10, 0]), "{}", shot.stderr);
    let failures = json!(folder.failures(&shot)).to_string();
    for (place, text) in [
        ("stdout", &shot.stdout),
        ("stderr", &shot.stderr),
        ("failures", &failures),
        ("store", &folder.store_bytes()),
    ] {
        let found =
            text.find("marker").map(|at| text.get(at.saturating_sub(80)..at + 40).unwrap_or_default());
        assert_eq!(found, None, "in {place}");
    }
}

#[test]
fn the_sandbox_takes_hostile_people_as_data_too() {
    let folder = Folder::with(EVERYTHING);
    let texts = hostile();
    folder.requests(texts.iter().filter(|text| text.len() < 200).enumerate().map(|(number, text)| {
        json!({
            "id": format!("r-{number}"), "kind": "other",
            "subject": { "external_id": text, "first_name": text, "last_name": text, "email": "a@example.com" },
            "consents": [{ "purpose": text, "preferences": [] }], "fields": { "note": text },
        })
    }));

    let shot = folder.sandbox();

    assert_eq!(shot.counts().1[0] + shot.counts().1[2], texts.len() as u64 - 1, "{}", shot.stderr);
    assert_eq!(shot.code, i32::from(shot.counts().1[2] > 0));
}
