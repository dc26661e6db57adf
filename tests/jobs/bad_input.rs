//! Bad input: each mistake is told with its place, and one bad record never stops the others.

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder, TAG, deletion, request};
use crate::server::Server;

/// The failures of a job by line.
fn by_line(failures: &[Value]) -> Vec<(u64, String, String)> {
    let text = |failure: &Value, name: &str| failure[name].as_str().unwrap().to_owned();
    let of = |failure| (failure_line(failure), text(failure, "code"), text(failure, "message"));
    let mut lines: Vec<_> = failures.iter().map(of).collect();
    lines.sort();
    lines
}

fn failure_line(failure: &Value) -> u64 {
    failure["line"].as_u64().unwrap()
}

#[test]
fn lines_that_are_no_records_fail_with_their_line_and_the_others_are_carried_out() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    let mut lines: Vec<u8> = Vec::new();
    let mut line = |bytes: &[u8]| {
        lines.extend_from_slice(bytes);
        lines.push(b'\n');
    };
    line(deletion(1).to_string().as_bytes());
    line(b"{\"id\":\"r-2\",\"kind\":\"deletion\",\"subject\":{\"external_id\":\"u-2\"");
    line(b"");
    line(b"{\"id\":\"r-4\",\"kind\":\"deletion\",\"subject\":{\"external_id\":\"u-\xff\"}}");
    line(format!("{{\"id\":\"r-5\",\"pad\":\"{}\"}}", "x".repeat(10_500_000)).as_bytes());
    line(b"{\"id\":\"r-6\",\"kind\":\"deletion\",\"subject\":{\"external_id\":6}}");
    line(b"{\"id\":\"r-7\",\"kind\":\"delete\",\"subject\":{\"external_id\":\"u-7\"}}");
    line(b"{\"id\":\"r-8\",\"kind\":\"deletion\",\"subject\":{\"external_id\":\"\"}}");
    line(b"{\"id\":\"r-9\",\"kind\":\"deletion\",\"received_at\":\"yesterday\",\"subject\":{\"external_id\":\"u-9\"}}");
    line(b"{\"id\":\"r-10\",\"kind\":\"deletion\",\"subject\":{}}");
    line(deletion(11).to_string().as_bytes());
    folder.write("requests.ndjson", lines);

    let shot = folder.job();

    assert_eq!(shot.counts(), (1, [2, 0, 8, 0]), "{}", shot.stderr);
    assert_eq!(server.people(), ["u-1", "u-11"]);
    let failures = folder.failures(&shot);
    assert!(failures.iter().all(|it| failure_line(it) == 10 || it["request"].is_null()), "{failures:?}");
    let expected = [
        (2, "wrong_type", "not valid JSON"),
        (4, "wrong_type", "not valid UTF-8"),
        (5, "wrong_type", "longer than"),
        (6, "wrong_type", "`subject.external_id` is a number: write it in quotes"),
        (7, "wrong_type", "`kind` must be one of"),
        (8, "wrong_type", "`subject.external_id` is empty"),
        (9, "wrong_type", "`received_at` must be an RFC 3339 time"),
        (10, "template", "subject.external_id"),
    ];
    let lines = by_line(&failures);
    assert_eq!(lines.len(), expected.len());
    for ((line, code, message), (expected_line, expected_code, part)) in lines.iter().zip(expected) {
        assert_eq!((*line, code.as_str()), (expected_line, expected_code), "{message}");
        assert!(message.contains(part), "line {line}: {message}");
    }
}

#[test]
fn a_bad_last_line_without_a_line_end_is_not_lost() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.write("requests.ndjson", format!("{}\n{{\"id\":", deletion(1)));

    assert_eq!(folder.job().counts(), (1, [1, 0, 1, 0]));
}

#[test]
fn a_bad_row_of_a_table_fails_alone() {
    let workflow = ERASE.replace(
        "file: {}",
        r#"file: { map: { id: "{{ row.id }}", kind: deletion, subject: { external_id: "{{ row.user }}" } } }"#,
    );
    let server = Server::accepting();
    let folder = Folder::to(server.address, &workflow);
    folder.write("rows.csv", "id,user\nr-1,u-1\nr-2\nr-3,\nr-4,u-4\n");

    let shot = folder.run(&["run", "flow.yaml", "--input", "rows.csv", "--output", "json"]);

    assert_eq!(shot.counts(), (1, [2, 0, 2, 0]), "{}", shot.stderr);
    assert_eq!(server.people(), ["u-1", "u-4"]);
    let lines: Vec<u64> = folder.failures(&shot).iter().map(failure_line).collect();
    assert_eq!(lines, [3, 4]);
}

#[test]
fn a_table_without_a_column_that_the_workflow_reads_is_refused_whole() {
    let workflow = ERASE.replace(
        "file: {}",
        r#"file: { map: { kind: deletion, subject: { external_id: "{{ row.user_id }}" } } }"#,
    );
    let server = Server::accepting();
    let folder = Folder::to(server.address, &workflow);
    folder.write("rows.csv", "id,userid\nr-1,u-1\n");

    let shot = folder.run(&["run", "flow.yaml", "--input", "rows.csv"]);

    assert_eq!((shot.code, shot.stdout.as_str()), (2, ""));
    assert!(shot.stderr.contains("no column `user_id`, did you mean `userid`?"), "{}", shot.stderr);
    assert!(server.requests().is_empty());
}

#[test]
fn an_empty_file_is_well_and_warned_about() {
    let folder = Folder::to("127.0.0.1:9", ERASE);
    for contents in ["", "\n\n"] {
        folder.write("requests.ndjson", contents);

        let shot = folder.job();

        assert_eq!(shot.counts(), (0, [0, 0, 0, 0]));
        assert!(shot.stderr.contains("warning: ") && shot.stderr.contains("empty"), "{:?}", shot.stderr);
    }
}

#[test]
fn what_is_not_there_is_named_and_nothing_is_done() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1)]);
    for (arguments, says) in [
        (["flow.yml", "requests.ndjson"], "there is no workflow file flow.yml"),
        (["eraze", "requests.ndjson"], "there is no workflow `eraze` in .; did you mean `erase`?"),
        (["flow.yaml", "request.ndjson"], "there is no file `request.ndjson`"),
        (["flow.yaml", "store"], "is a folder"),
    ] {
        std::fs::create_dir_all(folder.path("store")).unwrap();
        let shot = folder.run(&["run", arguments[0], "--input", arguments[1]]);

        assert_eq!((shot.code, shot.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(shot.stderr.contains(says), "{}", shot.stderr);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_workflow_with_a_mistake_is_shown_with_its_place_and_not_run() {
    let folder = Folder::with(&ERASE.replace("subject.external_id", "subject.externalid"));
    folder.requests([deletion(1)]);

    let shot = folder.sandbox();

    assert_eq!((shot.code, shot.stdout.as_str()), (2, ""));
    assert!(shot.stderr.contains("flow.yaml:7:") && shot.stderr.contains("did you mean"), "{}", shot.stderr);
}

#[test]
fn a_workflow_is_found_by_its_name() {
    let folder = Folder::to(Server::accepting().address, ERASE);
    folder.requests([deletion(1)]);

    let shot = folder.run(&["run", "erase", "--input", "requests.ndjson", "--output", "json"]);

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]));
}

#[test]
fn an_unknown_member_is_warned_about_once_however_often_it_stands() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    folder.requests((0..700).map(|number| {
        let mut record = request("other", &format!("r-{number}"), &format!("u-{number}"));
        record["colour"] = json!("blue");
        record
    }));

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [700, 0, 0, 0]));
    assert_eq!(shot.stderr.matches("`colour`").count(), 1, "{}", shot.stderr);
    assert!(shot.stderr.contains("700 records"), "{}", shot.stderr);
}

#[test]
fn the_same_unusable_file_again_says_the_same() {
    let folder = Folder::to("127.0.0.1:9", ERASE);
    folder.write("requests.ndjson", "not JSON\n\nnot JSON\n");

    let first = folder.job();
    let second = folder.job();

    assert_eq!(first.counts(), (1, [0, 0, 2, 0]));
    assert_eq!((second.code, second.stdout), (1, first.stdout));
}
