//! Whoever was erased, or may have been, does not come back: not after a job is given up, and not from a backup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder, deletion};
use crate::server::{Reply, Server, accepted};

/// Sets a state of whoever it is.
const OPT_IN: &str = r#"
workflow: opt-in
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }] }
"#;

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
    folder.requests(of.iter().map(record));
    folder.run(&["run", "opt-in.yaml", "--input", "requests.ndjson", "--output", "json"]).counts()
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
fn a_job_that_is_given_up_before_anything_left_keeps_nobody_from_coming_back() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/delete" => crate::server::answer(503, "{}"),
        _ => accepted(),
    });
    let folder = folder_to(&server);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let given_up = folder.run(&["jobs", "cancel", "job-1"]);

    assert!(!given_up.stderr.contains("may have erased"), "{}", given_up.stderr);
    assert_eq!(choices(&folder, &[("c-1", 1)], "opted_in", LONG_AGO), (0, [1, 0, 0, 0]));
}
