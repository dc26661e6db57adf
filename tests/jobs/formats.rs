//! The same people in every format come to the same calls.

use std::io::Write;

use serde_json::{Value, json};

use crate::folder::{Folder, TAG};
use crate::server::Server;

/// Reads rows through a map; `{}` stands for more keys of `on.file`.
const ROWS: &str = r#"
workflow: rows
on:
  file:
    map:
      id: "{{ row.id }}"
      kind: other
      subject: { external_id: "{{ row.user }}", first_name: "{{ row.name }}" }{}
steps:
  - id: tag
    uses: braze/users.track
    with:
      attributes:
        - { external_id: "{{ subject.external_id }}", tag: "{{ request.id }}", name: "{{ subject.first_name }}" }
"#;

const NAMES: [&str; 3] = ["Zoë \"Z\" Müller", "O'Neil; Anne,\tMarie", "{{ request.id }}"];

/// What must arrive, whatever the format was.
fn expected() -> Value {
    let people = NAMES.iter().zip(1..);
    json!(
        people
            .map(
                |(name, n)| json!({ "external_id": format!("u-{n}"), "tag": format!("r-{n}"), "name": name })
            )
            .collect::<Vec<_>>()
    )
}

fn table(separator: char, line_end: &str) -> String {
    let mut text = ["id", "user", "name"].join(&separator.to_string()) + line_end;
    for (name, n) in NAMES.iter().zip(1..) {
        text += &format!("r-{n}{separator}u-{n}{separator}\"{}\"{line_end}", name.replace('"', "\"\""));
    }
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The objects that arrived for this file.
#[track_caller]
fn sent(workflow: &str, name: &str, contents: &[u8]) -> Value {
    let server = Server::accepting();
    let folder = Folder::to(server.address, workflow);
    folder.write(name, contents);
    let shot = folder.run(&["run", "flow.yaml", "--input", name, "--output", "json"]);
    assert_eq!(shot.counts(), (0, [3, 0, 0, 0]), "{name}: {}", shot.stderr);
    server.requests()[0].json()["attributes"].clone()
}

#[test]
fn every_way_to_write_the_same_table_comes_to_the_same_calls() {
    let rows = ROWS.replace("{}", "");
    for (name, contents) in [
        ("rows.csv", table(',', "\n").into_bytes()),
        ("rows.csv", table(';', "\r\n").into_bytes()),
        ("rows.tsv", table('\t', "\n").into_bytes()),
        ("rows.csv", format!("\u{feff}{}", table(';', "\n")).into_bytes()),
        ("rows.csv", table(',', "\n").trim_end().to_owned().into_bytes()),
        ("rows.csv.gz", gzip(table(',', "\n").as_bytes())),
        (
            "rows.csv.gz",
            [gzip(b"id,user,name\n"), gzip(table(',', "\n").split_once('\n').unwrap().1.as_bytes())].concat(),
        ),
    ] {
        assert_eq!(sent(&rows, name, &contents), expected(), "{name}");
    }
}

#[test]
fn windows_1252_is_read_as_such_when_the_workflow_says_so() {
    let rows = ROWS.replace("{}", "\n    encoding: windows-1252");
    let text = table(';', "\r\n");
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1252.encode(&text);
    assert!(!lossy && std::str::from_utf8(&bytes).is_err());

    assert_eq!(sent(&rows, "rows.csv", &bytes), expected());
}

#[test]
fn rows_as_ndjson_go_through_the_same_map() {
    let lines: String = NAMES
        .iter()
        .zip(1..)
        .map(|(name, n)| {
            format!("{}\n", json!({ "id": format!("r-{n}"), "user": format!("u-{n}"), "name": name }))
        })
        .collect();

    assert_eq!(sent(&ROWS.replace("{}", ""), "rows.ndjson", lines.as_bytes()), expected());
}

fn records() -> String {
    let record = |n: usize| json!({ "id": format!("r-{n}"), "kind": "other", "subject": { "external_id": format!("u-{n}") } });
    (1..4).map(|n| format!("{}\n", record(n))).collect()
}

#[test]
fn records_are_read_the_same_with_a_mark_carriage_returns_blank_lines_and_gzip() {
    let plain = sent(TAG, "requests.ndjson", records().as_bytes());
    assert_eq!(plain.as_array().unwrap().len(), 3);
    for contents in [
        format!("\u{feff}{}", records()).into_bytes(),
        records().replace('\n', "\r\n").into_bytes(),
        records().replace('\n', "\n\n  \n").into_bytes(),
        gzip(records().as_bytes()),
    ] {
        assert_eq!(sent(TAG, "requests.ndjson", &contents), plain);
    }
}

#[test]
fn standard_input_is_read_like_a_file_and_the_same_input_is_the_same_job() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    let arguments = ["run", "flow.yaml", "--input", "-", "--output", "json"];

    let first = folder.run_on(&arguments, records().as_bytes());
    let again = folder.run_on(&arguments, records().as_bytes());
    folder.write("requests.ndjson", records());
    let file = folder.job();

    assert_eq!(first.counts(), (0, [3, 0, 0, 0]), "{}", first.stderr);
    assert_eq!((again.stdout, file.stdout), (first.stdout.clone(), first.stdout));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_gzip_file_that_is_cut_short_says_so_and_keeps_what_was_done() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    let whole = gzip(records().as_bytes());
    folder.write("requests.ndjson.gz", &whole[..whole.len() - 9]);

    let shot = folder.run(&["run", "flow.yaml", "--input", "requests.ndjson.gz", "--output", "json"]);

    assert!([1, 2].contains(&shot.code), "{}", shot.code);
    assert!(shot.stderr.contains("cut short or damaged"), "{}", shot.stderr);
}
