//! `--subject`: the requests of a person, found by digests of what identifies them.

use serde_json::{Value, json};

use crate::folder::{Folder, TAG};
use crate::server::{Server, accepted, answer};

fn folder(server: &Server) -> Folder {
    let folder = Folder::to(server.address, TAG);
    let record = |id: &str, subject: Value| json!({ "id": id, "kind": "other", "subject": subject });
    folder.requests([
        record("r-1", json!({ "external_id": "u-1", "email": "Jane@Example.com", "phone": "+16502530000" })),
        record("r-2", json!({ "external_id": "u-bad", "email": "joe@example.com" })),
        record("r-3", json!({ "external_id": "u-3", "email": "someone@example.com" })),
    ]);
    assert_eq!(folder.job().counts(), (1, [2, 0, 1, 0]));
    folder
}

fn server() -> Server {
    Server::start(|request, _| match request.people().iter().any(|person| person == "u-bad") {
        true => answer(400, r#"{"message":"no such attribute"}"#),
        false => accepted(),
    })
}

fn requests_of(folder: &Folder, subject: &str) -> Vec<String> {
    let shot = folder.run(&["runs", "list", "--output", "json", "--subject", subject]);
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    for talk in [&shot.stdout, &shot.stderr] {
        assert!(!talk.to_lowercase().contains(&subject.trim().to_lowercase()), "it is shown nowhere: {talk}");
    }
    shot.lines().iter().map(|line| line["run"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_person_is_found_by_whatever_identifies_them_while_the_input_is_there() {
    let folder = folder(&server());

    for subject in ["jane@example.com", " JANE@example.com", "+1 650-253-0000", "u-1"] {
        assert_eq!(requests_of(&folder, subject), ["job-1:0"], "{subject}");
    }
    assert_eq!(requests_of(&folder, "joe@example.com"), ["job-1:1"]);
    assert_eq!(requests_of(&folder, "nobody@example.com"), [""; 0]);
    let typed = folder.run_on(&["runs", "list", "--output", "json", "--subject", "-"], b"joe@example.com\n");
    assert_eq!(typed.lines()[0]["run"], "job-1:1");
}

#[test]
fn requests_that_failed_are_found_without_the_input_and_it_is_said_that_others_are_not() {
    let folder = folder(&server());
    std::fs::remove_file(folder.path("requests.ndjson")).unwrap();

    assert_eq!(requests_of(&folder, "joe@example.com"), ["job-1:1"]);
    assert_eq!(requests_of(&folder, "u-bad"), ["job-1:1"]);
    assert_eq!(requests_of(&folder, "jane@example.com"), [""; 0]);
    let said = folder.run(&["runs", "list", "--subject", "jane@example.com"]).stderr;
    assert!(said.contains("job-1") && said.contains("its input is not there any more"), "{said}");
}

#[test]
fn every_request_of_a_long_file_of_which_all_failed_is_found_without_the_input() {
    let fails = "workflow: fails\non: { file: {} }\nsteps: [fail: always]\n";
    let folder = Folder::to(server().address, fails);
    // More than are written down ahead of the disk.
    let people = 20_000;
    let record = |n| json!({ "id": format!("r-{n}"), "kind": "other", "subject": { "external_id": format!("u-{n}") } });
    folder.requests((0..people).map(record));
    assert_eq!(folder.job().counts(), (1, [0, 0, people, 0]));
    std::fs::remove_file(folder.path("requests.ndjson")).unwrap();

    for n in [0, 255, 256, 16_383, 16_384, people - 1] {
        assert_eq!(requests_of(&folder, &format!("u-{n}")), [format!("job-1:{n}")]);
    }
}

#[test]
fn the_store_holds_no_identifier_of_anybody() {
    let folder = folder(&server());

    let bytes = folder.store_bytes().to_lowercase();

    for personal in ["example.com", "u-bad", "6502530000"] {
        assert!(!bytes.contains(personal), "{personal}");
    }
}
