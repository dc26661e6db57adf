//! Who must not be erased is not, whatever asks for it; who was erased and is let through the gate may be
//! changed again.

use serde_json::json;

use crate::folder::{ERASE, Folder, deletion};
use crate::server::Server;

/// Sets a state of whoever it is.
const OPT_IN: &str = r#"
workflow: opt-in
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: opted_in }] }
"#;

fn started() -> (Server, Folder) {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    (server, folder)
}

#[test]
fn what_was_accepted_stays_accepted_of_whom_a_hold_keeps_from_being_erased_once_more() {
    // Given somebody who was erased by a file that asks a person and erases again
    let server = Server::accepting();
    let again = ERASE.split_once("steps:\n").unwrap().1.replace("id: erase", "id: again");
    let folder =
        Folder::to(server.address, &format!("{ERASE}  - {{ id: ask, approve: Once more? }}\n{again}"));
    folder.requests([deletion(1)]);
    let asked = folder.job();
    assert_eq!(
        (asked.counts(), &asked.json()["accepted"]),
        ((1, [0, 0, 0, 1]), &json!(1)),
        "{}",
        asked.stderr
    );

    // When they are put on hold and it goes on
    assert_eq!(folder.run(&["hold", "add", "u-1", "--reason", "case 4711"]).code, 0);
    assert_eq!(folder.run(&["runs", "approve", "job-1:0", "--no-resume"]).code, 0);
    let held = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);

    // Then nobody says that nothing was accepted
    assert_eq!(server.people(), ["u-1"]);
    assert_eq!((held.counts(), &held.json()["accepted"]), ((1, [0, 0, 0, 1]), &json!(1)), "{}", held.stderr);
    let waiting = folder.run(&["runs", "list", "--output", "json"]).json();
    assert_eq!((&waiting["code"], &waiting["accepted"]), (&json!("on_hold"), &json!(true)), "{waiting}");
    assert_eq!(folder.run(&["ledger", "certificate", "job-1:0"]).code, 0);
    let page: serde_json::Value = serde_json::from_str(&folder.read("certificate-job-1-0.json")).unwrap();
    assert_eq!(page["results"][0]["accepted"], true, "{page}");
}

#[test]
fn somebody_on_the_hold_list_is_not_erased_until_they_are_taken_off() {
    let (server, folder) = started();
    let added = folder.run(&["hold", "add", " A@Example.com", "--reason", "case 4711"]);
    assert_eq!((added.code, added.stdout.as_str()), (0, "hold 1 is on the list\n"), "{}", added.stderr);
    let mut held = deletion(1);
    held["subject"]["email"] = json!("a@example.com");
    folder.requests([held, deletion(2)]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [1, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(server.people(), ["u-2"]);
    let waiting = folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).lines();
    assert_eq!((&waiting[0]["reason"], &waiting[0]["code"]), (&json!("needs_attention"), &json!("on_hold")));
    let story = folder.run(&["runs", "show", "job-1:0"]).stdout;
    assert!(story.contains("case 4711") && story.contains("privaflow hold list"), "{story}");
    // Going on does not help, and neither does somebody else's removal.
    assert_eq!(folder.run(&["jobs", "resume", "job-1", "--output", "json"]).counts(), (1, [1, 0, 0, 1]));
    for format in [&["--output", "json"][..], &[]] {
        let nobody = folder.run(&[&["hold", "remove", "b@example.com"], format].concat());
        assert_eq!((nobody.code, nobody.stdout.as_str()), (2, ""), "{}", nobody.stderr);
        assert!(nobody.stderr.contains("privaflow hold list") && !nobody.stderr.contains("example.com"));
    }

    let removed = folder.run(&["hold", "remove", "a@example.com", "--output", "json"]).json();
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);

    assert_eq!(removed, json!({ "removed": [1], "let_go": ["job-1:0"] }));
    assert_eq!(resumed.counts(), (0, [2, 0, 0, 0]), "{}", resumed.stderr);
    assert_eq!(server.people(), ["u-2", "u-1"]);
    let ledger = folder.run(&["ledger", "export"]).stdout;
    for fact in [r#""change":"added""#, r#""change":"removed""#, r#""answer":"let_go""#] {
        assert!(ledger.contains(fact), "{fact}: {ledger}");
    }
    assert!(!ledger.contains("example.com"), "{ledger}");
}

#[test]
fn a_hold_that_has_ended_keeps_nobody() {
    let (server, folder) = started();
    let past = folder.run(&["hold", "add", "external_id=u-1", "--reason", "over", "--until", "2026-01-01"]);
    let other = folder.run(&["hold", "add", "email=u-1", "--reason", "somebody else"]);
    assert_eq!((past.code, other.code), (0, 0), "{}", past.stderr);
    folder.requests([deletion(1)]);

    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    assert_eq!(server.people(), ["u-1"]);
    let listed = folder.run(&["hold", "list", "--output", "json"]).lines();
    let in_force: Vec<_> = listed.iter().map(|hold| hold["in_force"].as_bool().unwrap()).collect();
    assert_eq!(in_force, [false, true]);
    assert_eq!(listed[0]["until"], "2026-01-01T00:00:00.000Z");
}

#[test]
fn a_reason_that_names_somebody_is_refused() {
    let (_, folder) = started();

    let refused = folder.run(&["hold", "add", "u-1", "--reason", "a@example.com sued"]);

    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("case number"), "{}", refused.stderr);
    assert!(folder.run(&["hold", "list"]).stderr.contains("nobody is on the list"));
}

#[test]
fn the_gate_shows_what_it_keeps_and_lets_through_whom_a_person_releases() {
    let (server, folder) = started();
    let mut request = deletion(1);
    request["subject"]["email"] = json!("a@example.com");
    folder.requests([request, deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    folder.write("opt-in.yaml", OPT_IN);
    let opt_in = |id: &str| {
        let record = json!({ "id": id, "kind": "consent", "occurred_at": "2026-11-20T10:00:00Z", "subject": { "external_id": "u-1" } });
        folder.requests([record]);
        folder.run(&["run", "opt-in.yaml", "--input", "requests.ndjson", "--output", "json"]).counts()
    };
    assert_eq!(opt_in("c-1"), (0, [0, 1, 0, 0]));

    let all = folder.run(&["gate", "list", "--output", "json"]);
    let own = folder.run(&["gate", "list", "--subject", "A@example.com", "--output", "json"]).lines();
    let later = folder.run(&["gate", "list", "--since", "2099-01-01"]);
    assert_eq!((all.lines().len(), own.len()), (3, 1), "{}", all.stdout);
    assert_eq!((&own[0]["workspace"], &own[0]["released_at"]), (&json!("braze-production"), &json!(null)));
    assert!(all.lines().contains(&own[0]) && later.stderr.contains("the gate keeps nothing of that"));
    assert!(!all.stdout.contains("u-1") && !all.stdout.contains("example.com"));

    let released = folder.run(&["gate", "release", "u-1", "--reason", "came back, ticket 12"]);

    assert_eq!(
        (released.code, released.stdout.as_str()),
        (0, "2 identifiers released, all that 1 erasure covered\n"),
        "{}",
        released.stderr
    );
    assert_eq!(opt_in("c-2"), (0, [1, 0, 0, 0]));
    // Whoever else was erased by the same job stays shut out, and nobody is let through by mistake.
    let unknown = folder.run(&["gate", "release", "u-9", "--reason", "ticket 13"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    assert!(unknown.stderr.contains("the gate keeps nothing of that"), "{}", unknown.stderr);
    let again = folder.run(&["gate", "release", "u-1", "a@example.com", "--reason", "ticket 13"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "all that the gate keeps of this was released before\n")
    );
    let shut = folder.run(&["gate", "list", "--output", "json"]).lines();
    assert_eq!(shut.iter().filter(|entry| entry["released_at"].is_null()).count(), 1, "{shut:?}");
    assert_eq!(server.people(), ["u-1", "u-2", "u-1"]);
    let own = folder.run(&["gate", "list", "--subject", "email=a@example.com", "--output", "json"]).lines();
    assert_eq!(own[0]["reason"], "came back, ticket 12");
    assert!(folder.run(&["ledger", "export"]).stdout.contains(r#""fact":"released""#));
    // The next erasure closes it again.
    let again = json!({ "id": "d-9", "kind": "deletion", "subject": { "external_id": "u-1" } });
    folder.requests([again]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(opt_in("c-3"), (0, [0, 1, 0, 0]));
}
