//! Deletions that the service carries out and somebody on the way answers with 502 or 503: nobody knows whether they
//! were made, so whoever may be erased does not come back by an older choice, whatever becomes of the process.

use serde_json::json;

use crate::folder::{ERASE, Folder, OPT_IN, Shot};
use crate::running::{Running, deletions};
use crate::server::{Server, accepted, answer};

/// A service before which so many deletions are answered with this status.
fn behind(status: u16, deletions: usize) -> Server {
    Server::start(move |request, before| match request.path.as_str() {
        "/users/delete" if before < deletions => answer(status, "{}"),
        _ => accepted(),
    })
}

/// Where what fails is tried again so.
fn folder_to(server: &Server, retries: &str) -> Folder {
    let folder = Folder::to(server.address, ERASE);
    let settings = folder.read("privaflow.yaml");
    folder.write("privaflow.yaml", format!("{settings}retries: {{ default: {retries} }}\n"));
    folder.write("opt-in.yaml", OPT_IN);
    deletions(&folder, "a.ndjson", 1..=3);
    let consents =
        json!([{ "purpose": "email", "status": "opted_in", "updated_at": "2026-11-01T10:00:00Z" }]);
    let record = |person: usize| {
        let subject = json!({ "external_id": format!("u-{person}") });
        format!("{}\n", json!({ "kind": "consent", "subject": subject, "consents": consents }))
    };
    folder.write("older.ndjson", (1..=3).map(record).collect::<String>());
    folder
}

/// Older choices of the same people, in a job of their own.
fn older(folder: &Folder) -> Shot {
    folder.run(&["run", "opt-in.yaml", "--input", "older.ndjson", "--output", "json"])
}

fn changes(server: &Server) -> usize {
    server.requests().iter().filter(|request| request.path == "/users/track").count()
}

#[test]
fn whom_a_deletion_may_have_erased_that_a_gateway_declined_stays_erased_when_the_process_ends() {
    for (status, signal) in [(503, "TERM"), (502, "TERM"), (503, "KILL"), (502, "KILL")] {
        // Given a job whose deletion is to be sent again much later
        let server = behind(status, 1);
        let folder = folder_to(&server, "{ at_most: 24h, base: 6h, cap: 6h }");
        let arguments = ["run", "flow.yaml", "--input", "a.ndjson", "--output", "json", "--log", "debug"];
        let job = Running::of(folder.command(&arguments));
        job.says(&format!("was answered: HTTP {status}"));
        job.signal(signal);
        job.end();

        // When the same people's older choices come in another job
        let older = older(&folder);

        // Then the deletion is answered first, and they come too late
        assert_eq!(older.counts(), (0, [0, 3, 0, 0]), "{status} {signal}: {}", older.stderr);
        assert!(older.stderr.contains("job-1 was left with requests in the air"), "{}", older.stderr);
        assert_eq!((changes(&server), server.requests().len()), (0, 2), "{status} {signal}");
        let again = folder.run(&["run", "flow.yaml", "--input", "a.ndjson", "--output", "json"]);
        assert_eq!(again.counts(), (0, [3, 0, 0, 0]), "{}", again.stderr);
    }
}

#[test]
fn whom_a_deletion_may_have_erased_that_was_declined_to_the_end_is_written_to_by_nobody_and_counts_as_erased()
{
    for status in [502, 503] {
        let server = behind(status, usize::MAX);
        let folder = folder_to(&server, "{ at_most: 300ms, base: 20ms, cap: 50ms }");
        let job = folder.run(&["run", "flow.yaml", "--input", "a.ndjson", "--output", "json"]);
        assert_eq!(job.counts(), (1, [0, 0, 0, 3]), "{}", job.stderr);

        let waits = older(&folder);
        assert_eq!((waits.counts(), changes(&server)), ((1, [0, 0, 0, 3]), 0), "{}", waits.stderr);
        let given_up = folder.run(&["jobs", "cancel", "job-1"]);
        let late = folder.run(&["jobs", "resume", "job-2", "--output", "json"]);

        assert!(
            given_up.stderr.contains("3 of the requests that are given up may have"),
            "{}",
            given_up.stderr
        );
        assert_eq!((late.counts(), changes(&server)), ((0, [0, 3, 0, 0]), 0), "{}", late.stderr);
    }
}
