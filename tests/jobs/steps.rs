//! The kinds of steps, as jobs carry them out.

use serde_json::{Value, json};

use crate::folder::{Folder, TAG, request};
use crate::server::{Server, accepted, answer};

fn consents(id: &str, purposes: &[&str]) -> Value {
    let consents: Vec<Value> =
        purposes.iter().map(|purpose| json!({ "purpose": purpose, "status": "ACTIVE" })).collect();
    json!({ "id": id, "kind": "consent", "subject": { "external_id": id }, "consents": consents })
}

/// A track step that writes one attribute.
fn track(id: &str, attribute: &str, indent: &str) -> String {
    let lines = [
        format!("- id: {id}"),
        "  uses: braze/users.track".to_owned(),
        format!(
            "  with: {{ attributes: [{{ external_id: \"{{{{ subject.external_id }}}}\", {attribute} }}] }}"
        ),
    ];
    lines.map(|line| format!("{indent}{line}\n")).concat()
}

fn flow(steps: &str) -> String {
    format!("workflow: flow\non: {{ file: {{}} }}\nsteps:\n{steps}")
}

/// The attributes that arrived, in order.
fn objects(server: &Server) -> Vec<Value> {
    let bodies = server.requests().into_iter().filter(|request| request.path == "/users/track");
    bodies.flat_map(|request| request.json()["attributes"].as_array().unwrap().clone()).collect()
}

#[test]
fn a_failing_item_fails_the_run_and_the_other_items_are_still_carried_out() {
    let inner = track("one", "purpose: \"{{ consent.purpose }}\"", "      ");
    let workflow =
        flow(&format!("  - id: each\n    for_each: consents\n    as: consent\n    steps:\n{inner}"));
    let server = Server::start(|request, _| match request.json().to_string().contains("bad") {
        true => answer(400, "{}"),
        false => accepted(),
    });
    let folder = Folder::to(server.address, &workflow);
    folder.requests([consents("u-1", &["a", "bad", "c"]), consents("u-2", &["d"])]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [1, 0, 1, 0]), "{}", shot.stderr);
    let failure = &folder.failures(&shot)[0];
    assert_eq!((&failure["request"], &failure["step"]), (&json!("u-1"), &json!("each[1].one")));
    let mut sent: Vec<String> =
        objects(&server).iter().map(|object| object["purpose"].as_str().unwrap().to_owned()).collect();
    sent.sort();
    sent.dedup();
    assert_eq!(sent, ["a", "bad", "c", "d"]);
    assert_eq!(shot.json()["accepted"], 2);
}

#[test]
fn a_failure_that_is_tolerated_leaves_the_run_done_and_the_step_failed() {
    let steps = track("first", "a: 1", "  ")
        + "    continue_on_error: true\n"
        + &track("second", "saw: \"{{ steps.first.status }}\"", "  ");
    let server = Server::start(|_, before| if before == 0 { answer(400, "{}") } else { accepted() });
    let folder = Folder::to(server.address, &flow(&steps));
    folder.requests([request("other", "r-1", "u-1")]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(objects(&server)[1]["saw"], "failed");
}

#[test]
fn the_output_of_a_skipped_step_is_null() {
    let steps = track("first", "a: 1", "  ")
        + "    if: \"false\"\n"
        + &track(
            "second",
            "status: \"{{ steps.first.status }}\", output: \"{{ steps.first.output }}\"",
            "  ",
        );
    let server = Server::accepting();
    let folder = Folder::to(server.address, &flow(&steps));
    folder.requests([request("other", "r-1", "u-1")]);

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(objects(&server), [json!({ "external_id": "u-1", "status": "skipped", "output": null })]);
}

#[test]
fn a_stop_ends_as_done_after_a_write_and_as_skipped_before_one() {
    for (steps, counts) in [
        (track("one", "a: 1", "  ") + "  - stop: enough\n" + &track("two", "b: 1", "  "), [1, 0, 0, 0]),
        ("  - stop: enough\n".to_owned() + &track("two", "b: 1", "  "), [0, 1, 0, 0]),
    ] {
        let server = Server::accepting();
        let folder = Folder::to(server.address, &flow(&steps));
        folder.requests([request("other", "r-1", "u-1")]);

        assert_eq!(folder.job().counts(), (0, counts));
        assert_eq!(objects(&server).len() as u64, counts[0]);
    }
}

#[test]
fn what_set_writes_in_a_loop_stays_in_its_iteration() {
    let steps = "  - set: { count: \"0\", total: \"size(consents)\" }\n".to_owned()
        + "  - id: each\n    for_each: consents\n    as: consent\n    steps:\n"
        + "      - set: { count: \"vars.count + 1\" }\n"
        + &track("one", "n: \"{{ vars.count }}\", of: \"{{ vars.total }}\"", "      ")
        + &track("after", "n: \"{{ vars.count }}\"", "  ");
    let server = Server::accepting();
    let folder = Folder::to(server.address, &flow(&steps));
    folder.requests([consents("u-1", &["a", "b"])]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    let numbers: Vec<(Value, Value)> =
        objects(&server).iter().map(|it| (it["n"].clone(), it["of"].clone())).collect();
    assert_eq!(numbers, [(json!(1), json!(2)), (json!(1), json!(2)), (json!(0), Value::Null)]);
}

#[test]
fn the_steps_of_a_loop_are_read_from_outside_by_their_place() {
    let steps = "  - id: each\n    for_each: consents\n    as: consent\n    steps:\n".to_owned()
        + &track("one", "a: 1", "      ")
        + &track("after", "first: \"{{ steps.each.output.[1].one.output.message }}\"", "  ");
    let server = Server::accepting();
    let folder = Folder::to(server.address, &flow(&steps));
    folder.requests([consents("u-1", &["a", "b"])]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{} {:?}", shot.stderr, folder.failures(&shot));
    assert_eq!(objects(&server)[2]["first"], "success");
}

#[test]
fn a_read_is_repeated_until_it_is_true() {
    let workflow = flow(
        "  - id: look\n    uses: braze/users.export.ids\n    with: { external_ids: [\"{{ subject.external_id }}\"], fields_to_export: [external_id] }\n    repeat: { every: 10ms, at_most: 1m, until: size(output.users) == 0 }\n",
    );
    let server = Server::start(|_, before| match before {
        0..3 => answer(200, r#"{"message":"success","users":[{"external_id":"u-1"}]}"#),
        _ => answer(200, r#"{"message":"success","users":[],"invalid_user_ids":["u-1"]}"#),
    });
    let folder = Folder::to(server.address, &workflow);
    folder.requests([request("other", "r-1", "u-1")]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(server.requests().len(), 4);
    assert_eq!(shot.json()["verified"], 0, "nothing was written");
}

#[test]
fn a_short_wait_is_waited_for() {
    let steps = track("one", "a: 1", "  ") + "  - wait: 20ms\n" + &track("two", "b: 1", "  ");
    let server = Server::accepting();
    let folder = Folder::to(server.address, &flow(&steps));
    folder.requests((0..200).map(|number| request("other", &format!("r-{number}"), &format!("u-{number}"))));

    assert_eq!(folder.job().counts(), (0, [200, 0, 0, 0]));
    assert_eq!(objects(&server).len(), 400);
}

#[test]
fn waits_of_weeks_pass_at_once_in_the_sandbox() {
    let steps = track("one", "a: 1", "  ") + "  - wait: 30d\n" + &track("two", "b: 1", "  ");
    let folder = Folder::with(&flow(&steps));
    folder.requests([request("other", "r-1", "u-1")]);

    assert_eq!(folder.sandbox().counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn a_step_goes_to_the_profile_that_it_names() {
    let (one, two) = (Server::accepting(), Server::accepting());
    let workflow = TAG.replace("uses:", "profile: \"braze-{{ subject.country }}\"\n    uses:");
    let folder = Folder::with(&workflow);
    let profile = |name: &str, server: &Server| {
        format!(
            "  {name}: {{ system: braze, scheme: http, host: \"{}\", token: {{ env: PRIVAFLOW_TEST_KEY }} }}\n",
            server.address
        )
    };
    let settings = profile("braze-FR", &one) + &profile("braze-US", &two);
    folder.write("privaflow.yaml", format!("store: {{ path: store }}\nprofiles:\n{settings}"));
    let of = |id: &str, country: &str| json!({ "id": id, "kind": "other", "subject": { "external_id": id, "country": country } });
    folder.requests([of("a", "FR"), of("b", "US"), of("c", "DE"), of("d", "FR")]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [3, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!((one.people(), two.people()), (vec!["a".into(), "d".into()], vec!["b".into()]));
    assert_eq!(folder.failures(&shot)[0]["request"], "c");
}

#[test]
fn a_profile_that_is_stopped_does_not_stop_the_others() {
    let (well, refusing) = (Server::accepting(), Server::start(|_, _| answer(401, "{}")));
    let folder = Folder::with(&TAG.replace("uses:", "profile: \"{{ subject.country }}\"\n    uses:"));
    let profile = |name: &str, server: &Server| {
        format!(
            "  {name}: {{ system: braze, scheme: http, host: \"{}\", token: {{ env: PRIVAFLOW_TEST_KEY }} }}\n",
            server.address
        )
    };
    let settings = profile("well", &well) + &profile("ill", &refusing);
    folder.write("privaflow.yaml", format!("store: {{ path: store }}\nprofiles:\n{settings}"));
    folder.requests((0..200).map(|number| {
        let country = if number % 2 == 0 { "well" } else { "ill" };
        json!({ "id": format!("r-{number}"), "kind": "other", "subject": { "external_id": format!("u-{number}"), "country": country } })
    }));

    let shot = folder.job();

    assert_eq!(shot.counts(), (3, [100, 0, 0, 100]), "{}", shot.stderr);
    assert!(shot.stderr.contains("profile ill") && !shot.stderr.contains("profile well"), "{}", shot.stderr);
}

#[test]
fn vars_are_rendered_for_each_person() {
    let workflow = TAG
        .replace("steps:", "vars: { plan: { name: \"{{lower subject.first_name}}\", tags: [x, \"{{ request.kind }}\"] } }\nsteps:")
        .replace("\"{{ request.id }}\"", "\"{{ vars.plan }}\"");
    let server = Server::accepting();
    let folder = Folder::to(server.address, &workflow);
    folder.requests([("a", "ANN"), ("b", "Bo")].map(|(id, name)| {
        json!({ "id": id, "kind": "other", "subject": { "external_id": id, "first_name": name } })
    }));

    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    let plans: Vec<Value> = objects(&server).iter().map(|object| object["tag"].clone()).collect();
    assert_eq!(
        plans,
        [json!({ "name": "ann", "tags": ["x", "other"] }), json!({ "name": "bo", "tags": ["x", "other"] })]
    );
}

#[test]
fn a_log_step_speaks_with_ids_and_without_people() {
    let folder = Folder::to(
        Server::accepting().address,
        &flow("  - log: \"{{ request.id }} is {{ request.kind }} of {{ subject.email }}\"\n"),
    );
    folder.requests([json!({ "id": "r-1", "kind": "other", "subject": { "email": "ada@example.com" } })]);

    let shot =
        folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--log", "info"]);

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]));
    assert!(shot.stderr.contains("r-1 is other of ‹redacted›"), "{}", shot.stderr);
    assert!(!shot.stderr.contains("ada"));
}
