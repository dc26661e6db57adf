//! People whose erasure was accepted, or may have been made, when their request was given up: they are looked for
//! like any other, and their certificate says no more than what is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use privaflow::sandbox::Identifiers;
use serde_json::{Value, json};

use crate::folder::{ERASE, FIND_AND_ERASE, Folder, deletion};
use crate::server::{Reply, Server, accepted, answer};
use crate::sought::{add, alive, person};
use crate::watching::{Braze, counts, looks};

/// Finds everybody, erases them, and waits.
fn erases_and_waits() -> String {
    format!("{FIND_AND_ERASE}  - wait: 1h\nwatch: {{ after: [1d, 2d], again: erase }}\ncertificate: true\n")
}

fn certificate(folder: &Folder, position: usize) -> Value {
    let text = folder.read(&format!("store/certificates/certificate-job-1-{position}.json"));
    serde_json::from_str(&text).unwrap()
}

/// What it came to, whether that was accepted, and whether it was verified.
fn result(certificate: &Value) -> (&str, Option<&str>, bool, bool) {
    let own = &certificate["results"][0];
    let is = |name: &str| own[name].as_bool().unwrap();
    (own["result"].as_str().unwrap(), own["reason"].as_str(), is("accepted"), is("verified"))
}

fn says(certificate: &Value, text: &str) -> bool {
    let story = certificate["story"].as_array().unwrap();
    story.iter().any(|line| line["text"].as_str().unwrap().contains(text))
}

const UNPROVED: (&str, Option<&str>, bool, bool) = ("failed", Some("cancelled"), true, false);

#[test]
fn who_was_erased_by_a_request_that_is_given_up_is_looked_for_by_all_that_the_search_had_shown() {
    for command in [["jobs", "cancel", "job-1"].as_slice(), &["runs", "cancel", "job-1:0", "job-1:1"]] {
        // Given people who were erased and of whom two are given up before their request was over
        let braze = Braze::with([]);
        let all = if command[0] == "jobs" { 1..=2 } else { 1..=3 };
        all.clone().for_each(|number| add(&braze, person(number)));
        let folder = Folder::to(braze.sandbox.address(), &erases_and_waits());
        folder.requests(all.map(deletion));
        let left = folder.job();
        assert_eq!((left.code, left.counts().1[3]), (1, left.json()["requests"].as_u64().unwrap()));
        assert_eq!(looks(&folder), [json!(null); 0]);

        let given_up = folder.run(command);

        assert!(given_up.stderr.contains("is looked at after 1d, 2d; until then"), "{}", given_up.stderr);
        let waiting = looks(&folder);
        assert!(waiting.len() == 2 && waiting.iter().all(|line| line["state"] == "waiting"), "{waiting:?}");
        let pages = [certificate(&folder, 0), certificate(&folder, 1)];
        assert!(pages.iter().all(|page| result(page) == UNPROVED), "{pages:?}");

        // When one comes back under an address that only the search had shown
        add(&braze, Identifiers { email: person(1).email, ..Identifiers::default() });
        let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

        // Then that one is told and not erased again, and of the other one it is verified that they are gone
        assert_eq!(alive(&braze), 1);
        assert_eq!(counts(&look.json()), [2, 1, 1, 0, 0, 0], "{command:?}: {}", look.stderr);
        let pages = [certificate(&folder, 0), certificate(&folder, 1)];
        assert_eq!(result(&pages[0]), UNPROVED, "{pages:?}");
        assert_eq!(result(&pages[1]), ("failed", Some("cancelled"), true, true), "{pages:?}");
        assert!(says(&pages[1], "has no such profile any more"), "{pages:?}");
        assert!(pages.iter().all(|page| page["request"].as_str().unwrap().starts_with("r-")), "{pages:?}");
        // And the last look takes with it what was kept
        folder.run(&["watch", "run", "--early", "--output", "json"]);
        let store = rusqlite::Connection::open(folder.path("store/journal.db")).unwrap();
        let count = |table: &str| -> i64 {
            store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!(count("sought"), 0);
        assert_eq!(looks(&folder).iter().filter(|line| line["state"] == "over").count(), 2);
    }
}

#[test]
fn whose_erasure_was_never_answered_is_looked_for_and_verified_only_by_a_look_that_found_nobody() {
    // Given a service that carries deletions out and does not say so
    let is_there = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&is_there);
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/users/delete" => Reply::Cut,
        "/users/export/ids" if seen.load(Ordering::SeqCst) => {
            answer(201, r#"{"message":"success","users":[{"external_id":"u-1","braze_id":"b-1"}]}"#)
        }
        "/users/export/ids" => answer(201, r#"{"message":"success","users":[]}"#),
        _ => accepted(),
    });
    let workflow = format!("{ERASE}watch: {{ after: [1d, 2d] }}\ncertificate: true\n");
    let folder = Folder::to(server.address, &workflow);
    let settings = folder.read("privaflow.yaml");
    let retries = "retries: { default: { at_most: 300ms, base: 20ms, cap: 50ms } }\n";
    folder.write("privaflow.yaml", format!("{settings}{retries}"));
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let given_up = folder.run(&["jobs", "cancel", "job-1"]);

    assert!(!given_up.stderr.contains("nobody looks any more"), "{}", given_up.stderr);
    assert!(given_up.stderr.contains("erased somebody, or may have: whether they are gone"));
    let unknown = ("failed", Some("cancelled"), false, false);
    assert_eq!(result(&certificate(&folder, 0)), unknown);

    // When the first look finds them and the second nobody
    let first = folder.run(&["watch", "run", "--early", "--output", "json"]);
    assert_eq!(counts(&first.json()), [1, 0, 1, 0, 0, 0], "{}", first.stderr);
    let page = certificate(&folder, 0);
    assert!(result(&page) == unknown && says(&page, "whom it erased, or may have"), "{page}");
    is_there.store(false, Ordering::SeqCst);
    let second = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&second.json()), [1, 1, 0, 0, 0, 0], "{}", second.stderr);
    let page = certificate(&folder, 0);
    assert_eq!(result(&page), ("failed", Some("cancelled"), false, true), "{page}");
}

#[test]
fn the_page_of_each_of_many_says_that_its_erasure_was_not_answered() {
    let server = Server::start(|_, _| Reply::Cut);
    let workflow = format!("{ERASE}watch: {{ after: [1d] }}\ncertificate: true\n");
    let folder = Folder::to(server.address, &workflow);
    let settings = folder.read("privaflow.yaml");
    let retries = "retries: { default: { at_most: 100ms, base: 20ms, cap: 50ms } }\n";
    folder.write("privaflow.yaml", format!("{settings}{retries}"));
    folder.requests((1..=10).map(deletion));
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 10]));

    assert_eq!(folder.run(&["jobs", "cancel", "job-1"]).code, 0);

    for position in [0, 9] {
        let page = certificate(&folder, position);
        assert!(says(&page, "given up before its erasure was answered"), "{page}");
        assert_eq!(result(&page), ("failed", Some("cancelled"), false, false));
    }
}

#[test]
fn of_whom_was_forgotten_after_their_erasure_it_is_said_that_nobody_will_look() {
    let braze = Braze::with([]);
    add(&braze, person(1));
    let folder = Folder::to(braze.sandbox.address(), &erases_and_waits());
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let forgotten = folder.run(&["forget", "external_id=u-1"]);

    assert!(
        forgotten.stderr.contains("nobody will look whether they are gone at the service"),
        "{}",
        forgotten.stderr
    );
    assert!(forgotten.stderr.contains("no more than that: job-1:0;"), "{}", forgotten.stderr);
    assert_eq!(looks(&folder), [json!(null); 0]);
    assert_eq!(folder.run(&["ledger", "certificate", "job-1:0"]).code, 0);
    let page: Value = serde_json::from_str(&folder.read("certificate-job-1-0.json")).unwrap();
    assert_eq!(result(&page), ("failed", Some("forgotten"), true, false), "{page}");
    assert!(says(&page, "nobody will look whether they are gone"), "{page}");
}

#[test]
fn a_page_that_a_look_made_untrue_is_written_by_whoever_comes_next() {
    // Given somebody who was erased and is certified to be gone
    let braze = Braze::with([1]);
    let workflow = format!("{ERASE}watch: {{ after: [1d, 2d] }}\ncertificate: true\n");
    let folder = Folder::to(braze.sandbox.address(), &workflow);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    let before = certificate(&folder, 0);

    // When a look finds them again, and what is to be written then never comes to the disk
    braze.comes_back(1);
    let (pages, aside) = (folder.path("store/certificates"), folder.path("aside"));
    std::fs::rename(&pages, &aside).unwrap();
    std::fs::write(&pages, "no folder").unwrap();
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);
    assert_eq!(counts(&look.json()), [1, 0, 1, 0, 0, 0], "{}", look.stderr);
    std::fs::remove_file(&pages).unwrap();
    std::fs::rename(&aside, &pages).unwrap();
    assert_eq!(certificate(&folder, 0), before);

    // Then the next command that has the store for itself writes it, once
    assert_eq!(folder.run(&["gate", "list"]).code, 0);
    assert_eq!(folder.run(&["watch", "run"]).code, 0);
    let page = certificate(&folder, 0);
    assert!(says(&page, "1 there again"), "{page}");
    assert_eq!(folder.run(&["watch", "run"]).code, 0);
    assert_eq!(certificate(&folder, 0), page);
}
