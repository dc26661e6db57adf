//! `runs list`: what became of each request, newest jobs first, by what one looks for.

use serde_json::{Value, json};

use crate::folder::{Folder, Shot, TAG, deletion, request};
use crate::server::{Server, accepted, answer};

/// Refuses the body when `u-bad` is in it, so that only that person fails.
pub fn refusing_one() -> Server {
    Server::start(|request, _| match request.people().iter().any(|person| person == "u-bad") {
        true => answer(400, r#"{"message":"no such attribute"}"#),
        false => accepted(),
    })
}

/// A job of three: one is done, one fails, one is a duplicate of the first.
pub fn three(server: &Server) -> Folder {
    let folder = Folder::to(server.address, TAG);
    folder.requests([
        request("other", "r-1", "u-1"),
        request("other", "r-2", "u-bad"),
        request("other", "r-1", "u-1"),
    ]);
    assert_eq!(folder.job().counts(), (1, [1, 1, 1, 0]));
    folder
}

fn listed(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let shot = list(folder, &[arguments, &["--output", "json"]].concat());
    shot.lines()
}

#[track_caller]
fn list(folder: &Folder, arguments: &[&str]) -> Shot {
    let shot = folder.run(&[&["runs", "list"], arguments].concat());
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    shot
}

fn runs(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["run"].as_str().unwrap()).collect()
}

#[test]
fn every_request_has_a_line_with_its_state_and_reason() {
    let server = refusing_one();
    let folder = three(&server);

    let mut lines = listed(&folder, &[]);
    lines.sort_by_key(|line| line["run"].as_str().unwrap().to_owned());

    let facts: Vec<_> = lines
        .iter()
        .map(|line| ["run", "request", "line", "state", "reason", "accepted"].map(|name| line[name].clone()))
        .collect();
    assert_eq!(
        facts,
        [
            [json!("job-1:0"), json!("r-1"), json!(1), json!("done"), json!(null), json!(true)],
            [json!("job-1:1"), json!("r-2"), json!(2), json!("failed"), json!("refused"), json!(false)],
            [json!("job-1:2"), json!("r-1"), json!(3), json!("skipped"), json!("duplicate"), json!(false)],
        ]
    );
    assert_eq!((&lines[1]["step"], &lines[1]["workflow"]), (&json!("tag"), &json!("tag")));
    assert!(lines.iter().all(|line| line["at"].as_str().unwrap().ends_with('Z')));
    let table = list(&folder, &[]).stdout;
    assert!(table.starts_with("RUN") && table.contains("job-1:1") && table.contains("refused"), "{table}");
}

#[test]
fn each_filter_narrows_the_list() {
    let server = refusing_one();
    let folder = three(&server);
    folder.write("more.ndjson", format!("{}\n", request("other", "r-9", "u-9")));
    folder.run(&["run", "flow.yaml", "--input", "more.ndjson"]);

    let found = |arguments: &[&str]| {
        let lines = listed(&folder, arguments);
        runs(&lines).iter().map(|run| (*run).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&["--state", "done"]), ["job-2:0", "job-1:0"], "newest jobs first");
    assert_eq!(found(&["--state", "failed"]), ["job-1:1"]);
    assert_eq!(found(&["--reason", "duplicate"]), ["job-1:2"]);
    assert_eq!(found(&["--job", "job-2"]), ["job-2:0"]);
    assert_eq!(found(&["--request", "r-9"]), ["job-2:0"]);
    assert_eq!(found(&["--request", "r-1", "--state", "skipped"]), ["job-1:2"]);
    assert_eq!(found(&["--workflow", "another"]), [""; 0]);
    assert_eq!(found(&["--code", "refused"]).len() + found(&["--code", "bad_value"]).len(), 1);
    let wrong = folder.run(&["runs", "list", "--reason", "refuse"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("did you mean `refused`?"), "{}", wrong.stderr);
}

#[test]
fn a_list_that_is_cut_says_so() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    folder.requests((0..101).map(|number| request("other", &format!("r-{number}"), &format!("u-{number}"))));
    assert_eq!(folder.job().code, 0);

    let cut = list(&folder, &["--output", "json"]);
    assert_eq!(cut.lines().len(), 100);
    assert!(cut.stderr.contains("--limit 0"), "{}", cut.stderr);

    let exact = list(&folder, &["--output", "json", "--limit", "101"]);
    assert_eq!((exact.lines().len(), exact.stderr.as_str()), (101, ""));
    assert_eq!(listed(&folder, &["--limit", "0"]).len(), 101);
}

#[test]
fn without_the_input_verdicts_are_still_there_and_the_list_says_what_is_not() {
    let server = refusing_one();
    let folder = three(&server);
    folder.write("requests.ndjson", "{}\n");

    let shot = list(&folder, &["--output", "json"]);

    let lines = shot.lines();
    assert_eq!(lines.len(), 3);
    assert!(shot.stderr.contains("its input was edited since"), "{}", shot.stderr);
    let failed = lines.iter().find(|line| line["state"] == "failed").unwrap();
    assert_eq!((&failed["request"], &failed["line"]), (&json!("r-2"), &json!(2)), "the journal has those");
    let done = lines.iter().find(|line| line["state"] == "done").unwrap();
    assert_eq!((&done["request"], &done["line"]), (&json!(null), &json!(null)));
    assert_eq!(listed(&folder, &["--request", "r-2"]).len(), 1);
}

#[test]
fn requests_that_wait_are_listed_first_with_what_they_wait_for() {
    let server = Server::start(|_, _| answer(401, "{}"));
    let folder = Folder::to(server.address, TAG);
    folder.requests([request("bad", "r-0", "u-0"), request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().code, 3);

    let lines = listed(&folder, &[]);
    assert_eq!(runs(&lines), ["job-1:1", "job-1:0"]);
    assert_eq!((&lines[0]["state"], &lines[0]["reason"]), (&json!("waiting"), &json!("retry")));
    assert_eq!(lines[0]["request"], "r-1");

    let held = Folder::to(
        server.address,
        &format!("{}guard: {{ max_subjects: {{ per_job: 1 }} }}\n", crate::folder::ERASE),
    );
    held.requests([deletion(1), deletion(2)]);
    assert_eq!(held.job().code, 1);
    let lines = listed(&held, &["--state", "waiting", "--reason", "guard"]);
    assert_eq!(runs(&lines), ["job-1:0", "job-1:1"]);
}

#[test]
fn an_id_that_may_be_personal_is_shown_as_its_digest_and_found_all_the_same() {
    let server = refusing_one();
    let folder = Folder::to(server.address, TAG);
    folder.requests([
        request("other", "jane@example.com", "u-1"),
        request("other", "joe@example.com", "u-bad"),
    ]);
    folder.job();

    let all = list(&folder, &["--output", "json"]);
    assert!(!all.stdout.contains("example.com"), "{}", all.stdout);
    assert!(all.lines().iter().all(|line| line["request"].as_str().unwrap().starts_with("sha256:")));
    for id in ["jane@example.com", "joe@example.com"] {
        assert_eq!(listed(&folder, &["--request", id]).len(), 1);
    }
}

#[test]
fn where_no_job_was_run_the_list_is_empty() {
    let folder = Folder::to("127.0.0.1:9", TAG);

    let shot = list(&folder, &[]);

    assert!(shot.stderr.contains("no job was run"), "{}", shot.stderr);
}
