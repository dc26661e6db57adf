//! Whoever was erased, or may have been, does not come back: not after a job is given up, and not from a backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use privaflow::job::{Event, JobId, Status};
use privaflow::journal::Store;
use serde_json::{Value, json};

use crate::folder::{ERASE, FIND_AND_ERASE, Folder, OPT_IN, deletion};
use crate::server::{Reply, Server, accepted, answer};

/// A service that answers every deletion, or none, although it carries it out.
fn service() -> (Server, Arc<AtomicBool>) {
    let is_mute = Arc::new(AtomicBool::new(false));
    let mute = Arc::clone(&is_mute);
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/users/delete" if mute.load(Ordering::SeqCst) => Reply::Cut,
        _ => accepted(),
    });
    (server, is_mute)
}

fn folder_to(server: &Server) -> Folder {
    let folder = Folder::to(server.address, ERASE);
    let settings = folder.read("privaflow.yaml");
    let retries = "retries: { default: { at_most: 300ms, base: 20ms, cap: 50ms } }\n";
    folder.write("privaflow.yaml", format!("{settings}{retries}"));
    folder.write("opt-in.yaml", OPT_IN);
    folder
}

/// What came of choices that people made on a day: the exit code, and how many were done, skipped, failed, waiting.
fn choices(folder: &Folder, of: &[(&str, u64)], status: &str, day: &str) -> (i32, [u64; 4]) {
    let record = |(id, person): &(&str, u64)| {
        let consents = json!([{ "purpose": "email", "status": status, "updated_at": day }]);
        let subject = json!({ "external_id": format!("u-{person}") });
        json!({ "id": id, "kind": "consent", "subject": subject, "consents": consents })
    };
    let name = format!("{}.ndjson", of[0].0);
    folder.write(&name, of.iter().map(|one| format!("{}\n", record(one))).collect::<String>());
    folder.run(&["run", "opt-in.yaml", "--input", &name, "--output", "json"]).counts()
}

#[test]
fn an_older_opt_out_by_an_alias_makes_no_profile_of_whoever_was_erased() {
    let (server, _) = service();
    let alias = r#"user_aliases: "{{ subject.aliases }}""#;
    let folder = folder_to(&server);
    folder.write("flow.yaml", ERASE.replace(r#"external_ids: ["{{ subject.external_id }}"]"#, alias));
    let named = r#"user_alias: "{{ subject.aliases.[0] }}", _update_existing_only: false"#;
    folder.write("opt-in.yaml", OPT_IN.replace(r#"external_id: "{{ subject.external_id }}""#, named));
    let aliases = json!([{ "alias_label": "form", "alias_name": "n-1" }]);
    folder.requests([json!({ "id": "d-1", "kind": "deletion", "subject": { "aliases": aliases } })]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    // One says when it was made, and one does not.
    for day in [json!(LONG_AGO), Value::Null] {
        let consents = json!([{ "purpose": "email", "status": "unsubscribed", "updated_at": day }]);
        let change = json!({ "kind": "consent", "subject": { "aliases": aliases }, "consents": consents });
        folder.write("older.ndjson", format!("{change}\n"));
        let shot = folder.run(&["run", "opt-in.yaml", "--input", "older.ndjson", "--output", "json"]);

        assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
        let body = server.requests().last().unwrap().json();
        assert_eq!(body["attributes"][0]["_update_existing_only"], true, "{body}");
    }
}

/// Puts a backup back, and says what that said.
fn restored(folder: &Folder) -> String {
    let restored = folder.run(&["store", "restore", "copy", "--force"]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    restored.stderr
}

const LONG_AGO: &str = "2026-11-01T10:00:00Z";

#[test]
fn who_may_have_been_erased_by_a_job_that_was_given_up_stays_erased() {
    for command in [["jobs", "cancel", "job-1"], ["runs", "cancel", "job-1:0"]] {
        let (server, is_mute) = service();
        let folder = folder_to(&server);
        is_mute.store(true, Ordering::SeqCst);
        folder.requests([deletion(1)]);
        assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

        let given_up = folder.run(&command);

        assert!(
            given_up.stderr.contains("1 of the requests that are given up may have"),
            "{}",
            given_up.stderr
        );
        let old = choices(&folder, &[("c-1", 1), ("c-2", 2)], "opted_in", LONG_AGO);
        assert_eq!(old, (0, [1, 1, 0, 0]), "{command:?}");
        assert_eq!(choices(&folder, &[("c-3", 1)], "unsubscribed", LONG_AGO), (0, [1, 0, 0, 0]));
        assert_eq!(choices(&folder, &[("c-4", 1)], "opted_in", "2099-01-01T00:00:00Z").1[1], 0);
        let ledger = folder.run(&["ledger", "export"]).stdout;
        let presumed: Vec<Value> = ledger
            .lines()
            .filter(|line| line.contains(r#""fact":"presumed""#))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(presumed.len(), 1, "{ledger}");
        assert!(presumed[0].to_string().contains(r#""outcome":"unknown""#), "{ledger}");
        assert!(!ledger.contains("u-1"), "{ledger}");
    }
}

#[test]
fn a_kill_between_what_the_gate_learns_of_a_job_that_is_given_up_and_its_end_is_no_harm() {
    for again in ["cancel", "resume"] {
        // Given a job whose cancelling came no further than to tell the gate whom it may have erased
        let (server, is_mute) = service();
        let folder = folder_to(&server);
        is_mute.store(true, Ordering::SeqCst);
        folder.requests([deletion(1), deletion(2)]);
        assert_eq!(folder.job().counts(), (1, [0, 0, 0, 2]));
        let store = Store::open(&folder.path("store")).unwrap();
        let presumed = store.presumed(JobId(1), None, 1_790_000_000_000).unwrap().unwrap();
        assert_eq!(presumed.positions, [0, 1]);
        let (sender, mut durable) = tokio::sync::mpsc::unbounded_channel();
        store.writer(JobId(1), sender).append(Event::Presumed(presumed));
        assert_eq!(durable.blocking_recv(), Some(1));
        assert_eq!(store.job(JobId(1)).unwrap().status, Status::Open);
        drop(store);
        is_mute.store(false, Ordering::SeqCst);

        // When somebody cancels it again, or goes on with it instead
        let then = folder.run(&["jobs", again, "job-1", "--output", "json"]);

        // Then nothing is left of it, nobody was erased twice, and the gate keeps both as it does in either case
        let expected = if again == "cancel" { [0, 0, 2, 0] } else { [2, 0, 0, 0] };
        assert_eq!(then.counts().1, expected, "{}", then.stderr);
        let old = choices(&folder, &[("c-1", 1), ("c-2", 2), ("c-3", 3)], "opted_in", LONG_AGO);
        assert_eq!(old, (0, [1, 2, 0, 0]), "{again}");
        let listed = folder.run(&["gate", "list", "--output", "json"]).lines();
        assert_eq!(listed.len(), 2, "{listed:?}");
    }
}

#[test]
fn a_job_that_is_given_up_before_anything_was_taken_keeps_nobody_from_coming_back() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/delete" => answer(401, "{}"),
        _ => accepted(),
    });
    let folder = folder_to(&server);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (3, [0, 0, 0, 1]));

    let given_up = folder.run(&["jobs", "cancel", "job-1"]);

    assert!(!given_up.stderr.contains("may have erased"), "{}", given_up.stderr);
    assert_eq!(choices(&folder, &[("c-1", 1)], "opted_in", LONG_AGO), (0, [1, 0, 0, 0]));
}

#[test]
fn who_was_erased_after_the_backup_stays_erased_once_it_is_put_back() {
    let (server, _) = service();
    let folder = folder_to(&server);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    folder.requests([deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(folder.run(&["hold", "add", "external_id=u-3", "--reason", "case 1"]).code, 0);

    let said = restored(&folder);

    assert!(said.contains("1 erased identifier, 1 hold, 1 finished request"), "{said}");
    let old = choices(&folder, &[("c-1", 1), ("c-2", 2), ("c-3", 3)], "opted_in", LONG_AGO);
    assert_eq!(old, (0, [1, 2, 0, 0]));
    folder.requests([deletion(2), deletion(3)]);
    assert_eq!(folder.job().counts(), (1, [0, 1, 0, 1]));
    let ledger = folder.run(&["ledger", "export"]).stdout;
    assert!(ledger.contains(r#""erasures":1,"holds":1"#), "{ledger}");
}

#[test]
fn nobody_is_brought_back_by_a_store_that_does_not_know_who_was_erased() {
    let (server, _) = service();
    let folder = folder_to(&server);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    folder.requests([deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    // The disk is lost, and the store with it.
    std::fs::remove_dir_all(folder.path("store")).unwrap();

    let said = restored(&folder);

    assert!(said.contains("no store stood there") && said.contains("restored_gate"), "{said}");
    let old = choices(&folder, &[("c-1", 1), ("c-2", 2), ("c-3", 3)], "opted_in", LONG_AGO);
    assert_eq!(old, (1, [0, 1, 0, 2]));
    let waiting = folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).lines();
    assert!(waiting.iter().all(|run| run["code"] == "restored_gate"), "{waiting:?}");
    assert_eq!(choices(&folder, &[("c-4", 2)], "unsubscribed", LONG_AGO), (0, [1, 0, 0, 0]));
    let body = server.requests().last().unwrap().json();
    assert_eq!(body["attributes"][0]["_update_existing_only"], true);
    assert_eq!(folder.run(&["jobs", "resume", "job-2", "--output", "json"]).counts(), (1, [0, 1, 0, 2]));
    // The deletions of that time are carried out once more before it is acknowledged.
    folder.requests([deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    let acknowledged = folder.run(&["store", "restore", "--acknowledge"]);

    assert!(
        acknowledged.stderr.contains("2 requests that waited for this may go on"),
        "{}",
        acknowledged.stderr
    );
    let resumed = folder.run(&["jobs", "resume", "job-2", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [1, 2, 0, 0]), "{}", resumed.stderr);
}

#[test]
fn a_deletion_that_finds_nobody_tells_a_restored_store_who_was_erased() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/export/ids" => answer(201, r#"{"message":"success","users":[]}"#),
        _ => accepted(),
    });
    let folder = folder_to(&server);
    folder.write("find.yaml", FIND_AND_ERASE.replace("workflow: erase", "workflow: find-and-erase"));
    let once_more = |id: &str, person: u64| {
        let subject = json!({ "external_id": format!("u-{person}") });
        folder.write(id, format!("{}\n", json!({ "id": id, "kind": "deletion", "subject": subject })));
        folder.run(&["run", "find.yaml", "--input", id, "--output", "json"]).counts()
    };
    assert_eq!(once_more("before", 9), (0, [0, 1, 0, 0]));
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    std::fs::remove_dir_all(folder.path("store")).unwrap();
    restored(&folder);
    let all = [("c-1", 1), ("c-2", 2), ("c-9", 9)];
    assert_eq!(choices(&folder, &all, "opted_in", LONG_AGO), (1, [0, 0, 0, 3]));

    // Of the three, the first was erased in the time that nobody knows of.
    assert_eq!(once_more("again", 1), (0, [0, 1, 0, 0]));
    assert_eq!(folder.run(&["store", "restore", "--acknowledge"]).code, 0);
    let resumed = folder.run(&["jobs", "resume", "job-2", "--output", "json"]);

    assert_eq!(resumed.counts(), (0, [2, 1, 0, 0]), "{}", resumed.stderr);
    let sent = server.requests().iter().map(|request| request.json().to_string()).collect::<String>();
    assert!(sent.contains(r#""external_id":"u-2""#) && !sent.contains(r#""external_id":"u-1""#), "{sent}");
    let ledger = folder.run(&["ledger", "export"]).stdout;
    assert!(ledger.contains(r#""fact":"presumed""#), "{ledger}");
}

#[test]
fn nobody_passes_the_gate_by_another_spelling_or_without_a_date() {
    let (server, _) = service();
    let folder = folder_to(&server);
    let by_both = "workflow: by-both\non: { file: {} }\nsteps:\n  - uses: braze/users.track\n    with: { attributes: [{ \
        email: \"{{optional subject.email}}\", phone: \"{{optional subject.phone}}\", email_subscribe: opted_in }] }\n";
    folder.write("by-both.yaml", by_both);
    let mut erased = deletion(1);
    erased["subject"] =
        json!({ "external_id": "u-1", "email": "bob+x@bücher.example", "phone": "+15550000010" });
    folder.requests([erased]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    let mails = ["BOB+X@xn--bcher-kva.example.", "\u{200b}bob+x@B\u{dc}CHER\u{3002}example"];
    let phones = ["0015550000010", "15550000010", "+1 (555) 000-0010"];
    let subjects = mails
        .iter()
        .map(|mail| json!({ "email": mail }))
        .chain(phones.iter().map(|phone| json!({ "phone": phone })));
    let old = subjects.enumerate().map(|(number, subject)| {
        json!({ "id": format!("o-{number}"), "kind": "consent", "occurred_at": LONG_AGO, "subject": subject })
    });
    let undated = json!({ "id": "o-9", "kind": "consent", "subject": { "email": "bob+x@bücher.example" } });
    let other = json!({ "id": "o-10", "kind": "consent", "subject": { "email": "bob@bücher.example" } });
    folder.requests(old.chain([undated, other]));

    let shot = folder.run(&["run", "by-both.yaml", "--input", "requests.ndjson", "--output", "json"]);

    assert_eq!(shot.counts(), (0, [1, 6, 0, 0]), "{}", folder.run(&["runs", "list"]).stdout);
    assert_eq!(shot.json()["skipped_by"]["erased"], 6);
}

/// Ready-made and put-together letters look the same, and which of them somebody's keyboard makes nobody knows.
#[test]
fn nobody_passes_the_gate_by_letters_whose_marks_are_put_together_otherwise() {
    for (erased_as, changed_as) in [
        ("Ren\u{e9}@example.com", "rene\u{301}@example.com"),
        ("RENE\u{301}@example.com", "ren\u{e9}@example.com"),
    ] {
        let (server, _) = service();
        let folder = folder_to(&server);
        let by_mail = "workflow: by-mail\non: { file: {} }\nsteps:\n  - uses: braze/users.track\n    with: { attributes: \
            [{ email: \"{{ subject.email }}\", email_subscribe: opted_in }] }\n";
        folder.write("by-mail.yaml", by_mail);
        let mut erased = deletion(1);
        erased["subject"] = json!({ "external_id": "u-1", "email": erased_as });
        folder.requests([erased]);
        assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
        let old = [changed_as, "rene@example.com"].into_iter().enumerate().map(|(number, mail)| {
            json!({ "id": format!("o-{number}"), "kind": "consent", "occurred_at": LONG_AGO, "subject": { "email": mail } })
        });
        folder.requests(old);

        let shot = folder.run(&["run", "by-mail.yaml", "--input", "requests.ndjson", "--output", "json"]);

        assert_eq!(shot.counts(), (0, [1, 1, 0, 0]), "{changed_as:?}: {}", shot.stderr);
        assert_eq!(shot.json()["skipped_by"]["erased"], 1);
        let listed = folder.run(&["gate", "list", "--subject", changed_as, "--output", "json"]).lines();
        assert!(!listed.is_empty(), "{changed_as:?}");
    }
}

#[test]
fn who_may_have_been_erased_and_is_put_on_hold_then_stays_erased_until_the_hold_ends() {
    let (server, is_mute) = service();
    let folder = folder_to(&server);
    is_mute.store(true, Ordering::SeqCst);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));
    is_mute.store(false, Ordering::SeqCst);
    let deletions = || server.requests().iter().filter(|request| request.path == "/users/delete").count();
    let before = deletions();
    assert_eq!(folder.run(&["hold", "add", "external_id=u-1", "--reason", "case 1"]).code, 0);

    let old = choices(&folder, &[("c-1", 1), ("c-2", 2)], "opted_in", LONG_AGO);

    assert_eq!(old, (0, [1, 1, 0, 0]));
    // An opt-out passes, and whoever comes next has nobody to wait for.
    let events = |folder: &Folder| folder.run(&["ledger", "export"]).stdout.matches("on_hold").count();
    let told = events(&folder);
    for id in ["c-3", "c-4", "c-5"] {
        assert_eq!(choices(&folder, &[(id, 1)], "unsubscribed", LONG_AGO), (0, [1, 0, 0, 0]), "{id}");
    }
    assert_eq!((events(&folder), deletions()), (told, before));
    let story = folder.run(&["runs", "show", "job-1:0"]).stdout;
    assert!(story.contains("may have been made before") && story.contains("gate release"), "{story}");

    assert_eq!(folder.run(&["hold", "remove", "external_id=u-1"]).code, 0);
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);

    assert_eq!(resumed.counts(), (0, [1, 0, 0, 0]), "{}", resumed.stderr);
    assert_eq!(deletions(), before + 1);
    assert_eq!(choices(&folder, &[("c-6", 1)], "opted_in", LONG_AGO), (0, [0, 1, 0, 0]));
}

#[test]
fn who_is_put_on_hold_after_a_deletion_that_was_only_ever_refused_is_not_taken_for_erased() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/delete" => answer(401, "{}"),
        _ => accepted(),
    });
    let folder = folder_to(&server);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (3, [0, 0, 0, 1]));
    assert_eq!(folder.run(&["hold", "add", "external_id=u-1", "--reason", "case 1"]).code, 0);
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(resumed.json()["waiting_by"], json!({ "needs_attention": 1 }), "{}", resumed.stderr);

    assert_eq!(choices(&folder, &[("c-1", 1)], "opted_in", LONG_AGO), (0, [1, 0, 0, 0]));
}

#[test]
fn who_may_have_been_erased_stays_erased_when_the_deletion_is_refused_the_second_time() {
    let server = Server::start(|request, before| match (request.path.as_str(), before) {
        ("/users/delete", 0) => Reply::Cut,
        ("/users/delete", _) => answer(400, r#"{"message":"no"}"#),
        _ => accepted(),
    });
    let folder = folder_to(&server);
    folder.requests([deletion(1)]);

    assert_eq!(folder.job().counts(), (1, [0, 0, 1, 0]));

    assert_eq!(choices(&folder, &[("c-1", 1), ("c-2", 2)], "opted_in", LONG_AGO), (0, [1, 1, 0, 0]));
}
