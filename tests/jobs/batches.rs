//! One-person calls in, the fewest possible requests out, and each person judged alone.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::folder::{Braze, ERASE, Folder, TAG, deletion, request};
use crate::server::{Request, Server, accepted, answer};

fn tag(number: usize) -> Value {
    request("other", &format!("r-{number}"), &format!("u-{number}"))
}

/// A workflow of one step.
fn step(uses: &str, with: &str) -> String {
    format!(
        "workflow: one\non: {{ file: {{}} }}\nsteps:\n  - id: only\n    uses: braze/{uses}\n    with: {with}\n"
    )
}

#[test]
fn each_endpoint_is_asked_as_seldom_as_its_caps_allow() {
    const GROUP: &str = "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01";
    let groups = format!("{{ subscription_group_id: {GROUP}, subscription_state: unsubscribed");
    let id = "\"{{ subject.external_id }}\"";
    for (uses, with, full) in [
        ("users.track", format!("{{ attributes: [{{ external_id: {id}, a: 1 }}] }}"), 75),
        ("users.delete", format!("{{ external_ids: [{id}] }}"), 50),
        ("users.delete", format!("{{ braze_ids: [{id}] }}"), 50),
        ("subscription.status.set", format!("{groups}, external_id: [{id}] }}"), 50),
        ("email.status", format!("{{ email: {id}, subscription_state: unsubscribed }}"), 50),
    ] {
        let server = Server::accepting();
        let folder = Folder::to(server.address, &step(uses, &with));
        folder.requests((0..3 * full + 7).map(deletion));

        assert_eq!(folder.job().code, 0, "{uses}");

        assert_eq!(server.sizes(), [full, full, full, 7], "{uses} {with}");
        assert_eq!(server.people().iter().collect::<HashSet<_>>().len(), 3 * full + 7, "{uses}");
    }
    let server = Server::accepting();
    let with = format!("{{ subscription_groups: [{groups}, external_ids: [{id}] }}] }}");
    let folder = Folder::to(server.address, &step("v2.subscription.status.set", &with));
    folder.requests((0..157).map(deletion));
    assert_eq!(folder.job().code, 0);
    let sizes = server
        .requests()
        .into_iter()
        .map(|request| request.json()["subscription_groups"][0]["external_ids"].as_array().unwrap().len());
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(sizes, [50, 50, 50, 7]);
}

#[test]
fn subscriptions_are_batched_by_group_and_state() {
    let with = r#"
      subscription_group_id: "{{ fields.group }}"
      subscription_state: "{{ fields.state }}"
      external_id: ["{{ subject.external_id }}"]"#;
    let server = Server::accepting();
    let folder = Folder::to(server.address, &step("subscription.status.set", with));
    let groups = ["6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01", "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a02"];
    folder.requests((0..200).map(|number| {
        let mut record = tag(number);
        let state = if number % 4 < 2 { "subscribed" } else { "unsubscribed" };
        record["fields"] = json!({ "group": groups[number % 2], "state": state });
        record
    }));

    assert_eq!(folder.job().counts(), (0, [200, 0, 0, 0]));

    assert_eq!(server.sizes(), [50, 50, 50, 50]);
    let kinds: HashSet<_> = server.requests().iter().map(envelope).collect();
    assert_eq!(kinds.len(), 4);
}

fn envelope(request: &Request) -> (String, String) {
    let body = request.json();
    (body["subscription_group_id"].to_string(), body["subscription_state"].to_string())
}

#[test]
fn calls_of_different_steps_share_a_body_when_they_are_tried_alike() {
    let two_steps = |budget: &str| {
        let step = |id: &str, test: &str, address: &str| {
            format!(
                "  - id: {id}\n    if: {test}\n    uses: braze/users.track\n    with: {{ attributes: [{{ {address}, a: 1 }}] }}\n"
            )
        };
        let by_id = step("by_id", "has(subject.external_id)", "external_id: \"{{ subject.external_id }}\"");
        let by_mail = step("by_mail", "has(subject.email)", "email: \"{{ subject.email }}\"");
        format!("workflow: two\non: {{ file: {{}} }}\nsteps:\n{by_id}{by_mail}{budget}")
    };
    for (budget, sizes) in [("", vec![75, 75]), ("    timeout: 20s\n", vec![75, 50, 25])] {
        let server = Server::accepting();
        let folder = Folder::to(server.address, &two_steps(budget));
        folder.requests((0..150).map(|number| {
            let mut record = tag(number);
            if number % 3 > 0 {
                record["subject"] = json!({ "email": format!("u-{number}@example.com") });
            }
            record
        }));

        assert_eq!(folder.job().counts(), (0, [150, 0, 0, 0]));

        let size = |request: &Request| request.json()["attributes"].as_array().map_or(0, Vec::len);
        let mut sent: Vec<usize> = server.requests().iter().map(size).collect();
        sent.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(sent, sizes, "{budget}");
    }
}

#[test]
fn a_body_never_exceeds_four_megabytes() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &TAG.replace("{{ request.id }}", "{{ fields.text }}"));
    let text = "x".repeat(100_000);
    folder.requests((0..75).map(|number| {
        let mut record = tag(number);
        record["fields"] = json!({ "text": text });
        record
    }));

    assert_eq!(folder.job().counts(), (0, [75, 0, 0, 0]));

    let sizes: Vec<usize> = server.requests().iter().map(|request| request.body.len()).collect();
    assert!(sizes.len() >= 2 && sizes.iter().sum::<usize>() > 7_500_000, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 4_194_304), "{sizes:?}");
}

#[test]
fn one_person_stands_once_in_a_body_and_the_last_state_wins() {
    let braze = Braze::start();
    let folder = Folder::to(braze.sandbox.address(), TAG);
    for person in 0..10 {
        braze.seed(&format!("u-{person}"));
    }
    folder.requests(
        (0..100).map(|number| request("other", &format!("{number:03}"), &format!("u-{}", number % 10))),
    );

    let shot = folder.job();

    let (code, [done, superseded, failed, waiting]) = shot.counts();
    assert_eq!((code, done + superseded, failed + waiting), (0, 100, 0));
    assert!(done < 40, "{done} of a hundred changes of ten people were sent");
    for (person, tag) in braze.attribute("tag") {
        assert_eq!(tag, format!("09{}", &person[2..]), "{person}");
    }
}

#[test]
fn writes_to_one_person_go_one_after_another_in_the_order_of_the_file() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    let mut records: Vec<Value> = (0..80).map(tag).collect();
    for number in 0..5 {
        records.insert(number * 17, request("other", &format!("same-{number}"), "u-same"));
    }
    folder.requests(records);

    let (code, [done, superseded, failed, waiting]) = folder.job().counts();
    assert_eq!((code, done + superseded, failed + waiting), (0, 85, 0));

    let mut tags = Vec::new();
    for request in server.requests() {
        let people = request.people();
        assert_eq!(
            people.iter().collect::<HashSet<_>>().len(),
            people.len(),
            "nobody stands twice in a body"
        );
        let body = request.json();
        let objects = body["attributes"].as_array().unwrap();
        let same = objects.iter().filter(|object| object["external_id"] == "u-same");
        tags.extend(same.map(|object| object["tag"].as_str().unwrap().to_owned()));
    }
    assert_eq!(tags.last().map(String::as_str), Some("same-4"), "{tags:?}");
    assert!(tags.is_sorted(), "{tags:?}");
}

#[test]
fn a_201_that_names_items_fails_only_those() {
    let server = Server::start(|request, _| {
        let people = request.people();
        let errors: Vec<Value> = (0..people.len())
            .filter(|index| people[*index].ends_with('3'))
            .map(|index| json!({ "type": "'external_id' must be fewer than 988 bytes", "input_array": "attributes", "index": index }))
            .collect();
        answer(201, json!({ "message": "success", "errors": errors }).to_string())
    });
    let folder = Folder::to(server.address, TAG);
    folder.requests((0..100).map(tag));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [90, 0, 10, 0]));
    let failures = folder.failures(&shot);
    assert!(failures.iter().all(|it| it["request"].as_str().unwrap().ends_with('3')), "{failures:?}");
    assert!(failures[0]["message"].as_str().unwrap().contains("EXTERNAL_USER_ID_TOO_LARGE"));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_400_that_names_items_fails_those_and_sends_the_others_again() {
    let server = Server::start(|request, _| {
        let people = request.people();
        let bad = people.iter().position(|person| person == "u-3" || person == "u-40");
        match bad {
            Some(index) => {
                let error = json!({ "type": "bad", "input_array": "attributes", "index": index });
                answer(400, json!({ "message": "Bad syntax", "errors": [error] }).to_string())
            }
            None => accepted(),
        }
    });
    let folder = Folder::to(server.address, TAG);
    folder.requests((0..75).map(tag));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [73, 0, 2, 0]), "{}", shot.stderr);
    assert_eq!(server.requests().len(), 3);
    let failed: Vec<Value> = folder.failures(&shot).iter().map(|it| it["request"].clone()).collect();
    assert_eq!(failed, ["r-3", "r-40"]);
}

#[test]
fn a_400_that_names_nobody_is_split_until_the_bad_ones_stand_alone() {
    let server = Server::start(|request, _| {
        let people = request.people();
        match people.iter().any(|person| person == "u-5" || person == "u-33") {
            true => answer(400, r#"{"message":"Something about marker-text"}"#),
            false => accepted(),
        }
    });
    let folder = Folder::to(server.address, ERASE);
    folder.requests((0..50).map(deletion));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [48, 0, 2, 0]), "{}", shot.stderr);
    let failures = folder.failures(&shot);
    let failed: HashSet<&str> = failures.iter().map(|it| it["request"].as_str().unwrap()).collect();
    assert_eq!(failed, HashSet::from(["r-5", "r-33"]));
    assert!(!json!(failures).to_string().contains("marker-text"), "texts of replies are not passed on");
    assert!(server.requests().len() <= 24, "{}", server.requests().len());
}

#[test]
fn a_service_without_room_is_asked_again_with_the_same_batch() {
    let server = Server::start(|_, before| match before {
        0 => answer(503, "{}"),
        1 => {
            crate::server::Reply::Answer { status: 429, headers: "retry-after: 1\r\n", body: "{}".to_owned() }
        }
        _ => accepted(),
    });
    let folder = Folder::to(server.address, TAG);
    folder.requests((0..75).map(tag));

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [75, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(server.sizes(), [75, 75, 75]);
    let summary = shot.json();
    assert_eq!(
        (&summary["calls"], &summary["http_requests"], &summary["retries"]),
        (&json!(75), &json!(3), &json!(2))
    );
}

#[test]
fn a_connection_that_is_lost_is_repeated_only_when_a_repeat_is_safe() {
    let cut_once = || {
        Server::start(|_, before| match before {
            0 => crate::server::Reply::Cut,
            _ => accepted(),
        })
    };
    let server = cut_once();
    let folder = Folder::to(server.address, TAG);
    folder.requests([tag(1)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    let server = cut_once();
    let events = "{ events: [{ external_id: \"{{ subject.external_id }}\", name: n, time: \"{{ now }}\" }] }";
    let folder = Folder::to(server.address, &step("users.track", events));
    folder.requests([tag(1)]);
    let shot = folder.job();
    assert_eq!(shot.counts(), (1, [0, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(shot.json()["waiting_by"], json!({ "needs_attention": 1 }));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn accepted_is_what_the_service_took_and_never_what_it_counted() {
    let server = Server::start(|_, _| answer(201, r#"{"message":"success","deleted":0}"#));
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1)]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]));
    assert_eq!((&shot.json()["accepted"], &shot.json()["verified"]), (&json!(1), &json!(0)));
}

#[test]
fn a_record_that_brings_the_service_down_holds_up_nobody_else() {
    let server = Server::start(|request, _| match request.people().iter().any(|person| person == "u-3") {
        true => answer(500, ""),
        false => accepted(),
    });
    let workflow =
        step("users.track", "{ attributes: [{ external_id: \"{{ subject.external_id }}\", a: 1 }] }")
            + "    retry: { attempts: 4 }\n";
    let folder = Folder::to(server.address, &workflow);
    folder.requests((0..200).map(tag));

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [199, 0, 0, 1]));
}
