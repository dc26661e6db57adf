//! The brake on what cannot be undone, and what people decide about jobs.

use serde_json::json;

use crate::folder::{ERASE, Folder, TAG, deletion, request};
use crate::server::Server;

#[test]
fn more_than_500_erasures_wait_for_a_person_and_go_on_when_approved() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests((0..501).map(deletion));

    let held = folder.job();
    assert_eq!(held.counts(), (1, [0, 0, 0, 501]));
    assert_eq!(held.json()["waiting_by"], json!({ "guard": 501 }));
    assert!(held.stderr.contains("privaflow jobs approve job-1"), "{}", held.stderr);

    let again = folder.job();
    assert_eq!((again.counts(), server.requests().len()), (held.counts(), 0));
    let early = folder.run(&["jobs", "resume", "job-1"]);
    assert_eq!(early.code, 2);
    assert!(early.stderr.contains("jobs approve job-1"), "{}", early.stderr);

    let approved = folder.run(&["jobs", "approve", "job-1", "--output", "json"]);
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert!(server.requests().is_empty(), "an approval sends nothing");

    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [501, 0, 0, 0]));
    assert_eq!(server.sizes(), [vec![50; 10], vec![1]].concat());
}

#[test]
fn exactly_500_erasures_go_ahead() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests((0..500).map(deletion));

    assert_eq!(folder.job().counts(), (0, [500, 0, 0, 0]));
}

#[test]
fn a_person_who_stands_twice_counts_once_for_the_guard() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &format!("{ERASE}guard: {{ max_subjects: {{ per_job: 2 }} }}\n"));
    let again = json!({ "id": "r-again", "kind": "deletion", "subject": { "external_id": "u-1" } });
    folder.requests([deletion(1), again, deletion(2)]);

    assert_eq!(folder.job().counts(), (0, [3, 0, 0, 0]));
}

#[test]
fn the_workflow_sets_its_own_limits() {
    let server = Server::accepting();
    let guard = "guard: { max_subjects: { per_job: 3, per_hour: 4 } }\n";
    let folder = Folder::to(server.address, &format!("{ERASE}{guard}"));

    let erase = |file: &str, numbers: std::ops::Range<usize>| {
        let lines: String = numbers.map(|number| format!("{}\n", deletion(number))).collect();
        folder.write(file, lines);
        folder.run(&["run", "flow.yaml", "--input", file, "--output", "json"]).counts()
    };
    assert_eq!(erase("four", 0..4), (1, [0, 0, 0, 4]), "beyond the job's limit");
    assert_eq!(erase("three", 10..13), (0, [3, 0, 0, 0]), "within both limits");
    assert_eq!(erase("two", 20..22), (1, [0, 0, 0, 2]), "beyond the hour's limit");
    assert_eq!(erase("one", 30..31), (0, [1, 0, 0, 0]), "within what is left of the hour");
    assert_eq!(server.people().len(), 4);
}

#[test]
fn jobs_are_listed_and_shown_as_text_and_as_json() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &format!("{ERASE}guard: {{ max_subjects: {{ per_job: 1 }} }}\n"));
    folder.requests([deletion(1)]);
    let first = folder.job();
    folder.requests([deletion(2), deletion(3)]);
    assert_eq!(folder.job().code, 1);

    let list = folder.run(&["jobs", "list", "--output", "json"]);
    let lines = list.lines();
    assert_eq!(list.code, 0);
    let mut statuses: Vec<_> =
        lines.iter().map(|line| (line["job"].as_str().unwrap(), line["status"].as_str().unwrap())).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [("job-1", "finished"), ("job-2", "held")]);

    let table = folder.run(&["jobs", "list"]).stdout;
    assert!(
        table.contains("job-1") && table.contains("held") && table.contains("requests.ndjson"),
        "{table}"
    );
    assert_eq!(folder.run(&["jobs", "show", "job-1", "--output", "json"]).stdout, first.stdout);
    let shown = folder.run(&["jobs", "show", "job-2"]).stdout;
    assert!(shown.contains("waiting     2  guard 2"), "{shown}");
}

#[test]
fn a_cancelled_job_sends_nothing_and_counts_what_was_open_as_failed() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &format!("{ERASE}guard: {{ max_subjects: {{ per_job: 1 }} }}\n"));
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().code, 1);

    assert_eq!(folder.run(&["jobs", "cancel", "job-1"]).code, 0);
    let shown = folder.run(&["jobs", "show", "job-1", "--output", "json"]);
    assert_eq!(shown.json()["failed_by"], json!({ "cancelled": 2 }), "{}", shown.stdout);
    let listed = folder.failures(&shown);
    let lines: Vec<_> = listed.iter().map(|line| (&line["line"], &line["code"])).collect();
    assert_eq!(lines, [(&json!(1), &json!("cancelled")), (&json!(2), &json!("cancelled"))]);
    assert_eq!(folder.run(&["jobs", "resume", "job-1"]).code, 1);
    assert_eq!(folder.run(&["jobs", "approve", "job-1"]).code, 2);
    assert!(server.requests().is_empty());
}

#[test]
fn people_of_a_cancelled_job_can_be_erased_by_another_job() {
    let server = Server::accepting();
    let guarded = format!("{ERASE}guard: {{ max_subjects: {{ per_job: 1 }} }}\n");
    let folder = Folder::to(server.address, &guarded);
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().code, 1);
    assert_eq!(folder.run(&["jobs", "cancel", "job-1"]).code, 0);

    folder.write("flow.yaml", guarded.replace("per_job: 1", "per_job: 2"));

    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
}

#[test]
fn a_file_that_changed_too_much_since_the_last_job_waits_for_a_person() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, &format!("{TAG}guard: {{ max_change: 20% }}\n"));
    let tag = |file: &str, numbers: std::ops::Range<usize>| {
        let record = |number| request("other", &format!("r-{number}"), &format!("u-{number}"));
        let lines: String = numbers.map(|number| format!("{}\n", record(number))).collect();
        folder.write(file, lines);
        folder.run(&["run", "flow.yaml", "--input", file, "--output", "json"])
    };
    assert_eq!(tag("first", 0..10).counts(), (0, [10, 0, 0, 0]), "there is nothing to compare it to");
    assert_eq!(tag("like", 10..22).counts(), (0, [12, 0, 0, 0]), "a fifth more");
    let sent = server.people().len();

    let more = tag("more", 30..45);
    assert_eq!(more.counts(), (1, [0, 0, 0, 15]), "a quarter more than twelve");
    assert_eq!(more.json()["waiting_by"], json!({ "guard": 15 }));
    assert!(more.stderr.contains("15 requests") && more.stderr.contains("had 12"), "{}", more.stderr);
    assert!(more.stderr.contains("20%") && more.stderr.contains("jobs approve job-3"), "{}", more.stderr);
    let fewer = tag("fewer", 50..59);
    assert_eq!(fewer.counts(), (1, [0, 0, 0, 9]), "a quarter fewer than twelve");
    let shown = folder.run(&["jobs", "show", "job-4"]).stderr;
    assert!(shown.contains("9 requests") && shown.contains("had 12"), "{shown}");
    assert_eq!(server.people().len(), sent);

    assert_eq!(folder.run(&["jobs", "approve", "job-3"]).code, 0);
    let resumed = folder.run(&["jobs", "resume", "job-3", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [15, 0, 0, 0]), "{}", resumed.stderr);
    assert_eq!(tag("again", 60..75).counts(), (0, [15, 0, 0, 0]), "the approved job is the last one now");
}
