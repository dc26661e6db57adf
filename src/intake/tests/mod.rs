//! Inputs of every kind, as real files.

mod pieces;
mod tables;

use std::io::Write;
use std::path::{Path, PathBuf};

use encoding_rs::WINDOWS_1252;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::request::Problem;
use crate::workflow::Format;

/// A file with a name of its choice, gone at the end of the test.
struct Given {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn given(name: &str, bytes: impl AsRef<[u8]>) -> Given {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Given { _folder: folder, path }
}

fn open(given: &Given) -> Input {
    Input::open(&given.path, &Reading::default()).unwrap()
}

fn refused(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let given = given(name, bytes);
    let shown = given.path.display().to_string();
    let input = Input::open(&given.path, &Reading::default());
    input.and_then(|input| input.records().map(drop)).unwrap_err().to_string().replace(&shown, name)
}

/// (position, line, offset, the row or what is wrong with it)
type Seen = (u64, u64, u64, Result<Value, Problem>);

fn all(input: &Input, max_records: usize, max_bytes: usize) -> Vec<Seen> {
    let mut records = input.records().unwrap();
    let mut seen = Vec::new();
    while let Some(chunk) = records.next_chunk(max_records, max_bytes).unwrap() {
        assert!(!chunk.is_empty() && chunk.len() <= max_records);
        assert_eq!(chunk.first_position(), seen.len() as u64);
        for record in chunk.records() {
            let row = record.row().map(Value::Object).map_err(|error| error.problem);
            seen.push((record.position(), record.line(), record.offset(), row));
        }
    }
    assert!(records.next_chunk(1, 1).unwrap().is_none());
    seen
}

fn rows(name: &str, bytes: impl AsRef<[u8]>) -> Vec<Seen> {
    all(&open(&given(name, bytes)), 1000, 1 << 20)
}

fn values(seen: Vec<Seen>) -> Vec<Value> {
    seen.into_iter().map(|(_, _, _, row)| row.unwrap()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lines_are_counted_with_blank_ones_and_positions_without() {
    let seen = rows("a.ndjson", "\u{feff}\n{\"a\":1}\r\n \t\r\n{\"a\":2}\n\n{\"a\":3}");

    assert_eq!(
        seen,
        [(0, 2, 1, Ok(json!({"a":1}))), (1, 4, 14, Ok(json!({"a":2}))), (2, 6, 23, Ok(json!({"a":3}))),]
    );
}

#[test]
fn a_line_that_is_no_record_stops_nothing() {
    let seen = rows("a.ndjson", b"{\"a\":\"\xe9\"}\nhello\n{\"a\":\"\\u0000\\u2028\"}\n[1]\n");

    let problems: Vec<_> = seen.iter().map(|(_, line, _, row)| (*line, row.as_ref().err())).collect();
    assert_eq!(problems[0], (1, Some(&Problem::NotUtf8)));
    assert_eq!(problems[1], (2, Some(&Problem::NotJson { reason: "expected value".to_owned() })));
    assert_eq!(problems[2], (3, None));
    assert_eq!(problems[3], (4, Some(&Problem::NotAnObject)));
}

#[test]
fn a_line_of_ten_megabytes_is_one_bad_record_and_reading_goes_on() {
    let long = "x".repeat(10_000_000);
    let text = format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\r\n{{\"a\":2}}\n{{\"a\":\"{long}");

    let seen = rows("a.ndjson", &text);

    let too_long = Problem::TooLong { limit_bytes: MOST_LINE_BYTES };
    assert_eq!(too_long.to_string(), "the line is longer than 8 MB");
    assert_eq!(
        seen,
        [
            (0, 1, 0, Ok(json!({"a":1}))),
            (1, 2, 8, Err(too_long.clone())),
            (2, 3, 10_000_018, Ok(json!({"a":2}))),
            (3, 4, 10_000_026, Err(too_long)),
        ]
    );
}

#[test]
fn a_line_just_within_the_limit_is_read() {
    let line = format!("{{\"a\":\"{}\"}}", "x".repeat(MOST_LINE_BYTES - 8));

    assert_eq!(line.len(), MOST_LINE_BYTES);
    assert!(rows("a.ndjson", &line)[0].3.is_ok());
}

#[test]
fn an_empty_file_has_no_records_whatever_its_name() {
    for name in ["a.ndjson", "a.json", "a.csv", "a", "a.csv.gz"] {
        for text in ["", "\n", " \r\n\n", "\u{feff}"] {
            let file = given(name, text);
            assert!(all(&open(&file), 10, 10).is_empty(), "{name} {text:?}");
            assert!(open(&file).records().unwrap().columns().is_none());
        }
    }
    assert!(rows("a.csv", "id,kind\n").is_empty());
}

#[test]
fn compression_is_seen_by_the_bytes_and_the_digest_is_of_the_file() {
    let text = b"{\"a\":1}\n{\"a\":2}\n";
    let two_members = [gzip(&text[..8]), gzip(&text[8..])].concat();

    for (name, bytes) in [("a.ndjson", text.to_vec()), ("a.ndjson", gzip(text)), ("x.gz", two_members)] {
        let file = given(name, &bytes);
        let input = open(&file);

        assert_eq!(values(all(&input, 9, 9)), [json!({"a":1}), json!({"a":2})]);
        assert_eq!(input.digest(), <[u8; 32]>::from(Sha256::digest(&bytes)));
        assert_eq!(input.size_bytes(), bytes.len() as u64);
    }
}

#[test]
fn a_file_cut_short_gives_what_it_holds_and_then_says_so() {
    let text: String = (0..20_000).map(|n| format!("{{\"a\":\"{:x}\"}}\n", n * 2_654_435_761_u64)).collect();
    let whole = gzip(text.as_bytes());
    let file = given("a.ndjson.gz", &whole[..whole.len() - 100]);
    let mut records = open(&file).records().unwrap();

    let mut count = 0;
    let error = loop {
        match records.next_chunk(1000, 1 << 20) {
            Ok(Some(chunk)) => count += chunk.len(),
            Ok(None) => panic!("the end was taken for whole"),
            Err(error) => break error,
        }
    };

    assert!(count > 10_000, "{count}");
    assert!(error.to_string().ends_with("could not be read to its end: it may be cut short or damaged"));
    assert!(records.next_chunk(1, 1).unwrap().is_none());
}

#[test]
fn a_file_that_changes_under_the_reader_is_noticed() {
    let file = given("a.ndjson", "{\"a\":1}\n");
    let mut records = open(&file).records().unwrap();
    records.next_chunk(1, 1).unwrap();

    std::fs::OpenOptions::new().append(true).open(&file.path).unwrap().write_all(b"{}\n").unwrap();

    while let Some(chunk) = records.next_chunk(9, 9).transpose() {
        if let Err(error) = chunk {
            assert!(error.to_string().contains("was changed while it was read"), "{error}");
            return;
        }
    }
    panic!("nobody noticed");
}

#[test]
fn what_comes_by_standard_input_can_be_read_twice() {
    let input = Input::spooled(&b"{\"a\":1}\n{\"a\":2}"[..], &Reading::default()).unwrap();

    assert_eq!((input.name().as_str(), input.format()), ("standard input", Format::Ndjson));
    assert_eq!(input.digest(), <[u8; 32]>::from(Sha256::digest(b"{\"a\":1}\n{\"a\":2}")));
    assert_eq!(all(&input, 1, 1), all(&input, 10, 1000));
    let table = Input::spooled(&gzip(b"id;kind\n1;deletion")[..], &Reading::default()).unwrap();
    assert_eq!(values(all(&table, 9, 9)), [json!({"id":"1","kind":"deletion"})]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_like_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "{\"a\":1}\n").unwrap()
    });

    let input = Input::open(&path, &Reading::default()).unwrap();
    writer.join().unwrap();

    assert_eq!(values(all(&input, 9, 9)), [json!({"a":1})]);
}

#[test]
fn what_is_no_file_is_told_apart() {
    let open = |path: &Path| Input::open(path, &Reading::default()).unwrap_err().to_string();
    let folder = tempfile::tempdir().unwrap();

    assert_eq!(
        open(Path::new("nowhere.csv")),
        "there is no file `nowhere.csv`: check the path, or give `-` to read standard input"
    );
    assert!(
        open(folder.path()).ends_with("is a folder: name one file, or pipe several with `cat` and give `-`")
    );
}

#[test]
fn a_whole_file_of_the_wrong_kind_is_refused_with_the_way_out() {
    assert_eq!(
        refused("a.json", "[\n{}]"),
        "`a.json` is one JSON list: write one object a line, for example with `jq -c '.[]'`"
    );
    assert!(refused("a.json", "{\n  \"kind\": 1\n}").contains("`jq -c .`"));
    assert!(refused("a.csv", b"PK\x03\x04\x14\x00").contains("save it as CSV (UTF-8)"));
    assert!(refused("a.csv", b"id,E-Mail,Pr\xe9nom\n1,2,3").contains("for example windows-1252"));
    assert!(refused("a.csv", "id,kind\r1,deletion\r").contains("carriage returns alone"));
    assert!(refused("a.csv", "\"id,kind\n1,deletion\n").contains("its first line must name the columns"));
}

#[test]
fn other_encodings_are_read_and_unknown_ones_named() {
    let text = "id;name\n1;Zoë “€”\n";
    let reading = |label: &str| Reading { format: None, encoding: Some(label.to_owned()) };
    let expected = [json!({"id":"1","name":"Zoë “€”"})];

    let latin = given("a.csv", WINDOWS_1252.encode(text).0);
    assert_eq!(values(all(&Input::open(&latin.path, &reading("windows-1252")).unwrap(), 9, 9)), expected);
    assert_eq!(
        rows("a.csv", WINDOWS_1252.encode(text).0)[0].3,
        Err(Problem::CellNotUtf8 { column: "name".to_owned() })
    );
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(values(rows("a.csv", wide)), expected);
    let marked = given("a.csv", format!("\u{feff}{text}"));
    assert_eq!(values(all(&Input::open(&marked.path, &reading("latin1")).unwrap(), 9, 9)), expected);
    assert_eq!(
        Input::open(&marked.path, &reading("windows1252")).unwrap_err().to_string(),
        "unknown encoding `windows1252`: did you mean `windows-1252`?"
    );
}

#[test]
fn bytes_that_an_encoding_does_not_have_are_refused_and_not_replaced() {
    let odd = b"\xff\xfe{\0\"\0a\0\"\0:\0\"\0\x00\xd8\"\0}\0\n\0{\0}\0";

    let seen = rows("a.ndjson", odd);

    assert_eq!((&seen[0].3, &seen[1].3), (&Err(Problem::NotUtf8), &Ok(json!({}))));
}

#[test]
fn a_large_file_in_another_encoding_loses_nothing_at_the_seams() {
    let lines: Vec<String> = (0..60_000).map(|n| format!("{{\"n\":\"é{n}ü\"}}")).collect();
    let file = given("a.ndjson", WINDOWS_1252.encode(&lines.join("\n")).0);
    let reading = Reading { format: None, encoding: Some("windows-1252".to_owned()) };

    let seen = values(all(&Input::open(&file.path, &reading).unwrap(), 777, 1 << 20));

    assert_eq!(seen.len(), lines.len());
    for (line, value) in lines.iter().zip(seen) {
        assert_eq!(*line, value.to_string());
    }
}

#[test]
fn progress_counts_towards_the_size_of_the_file() {
    let text: String = (0..50_000).map(|n| format!("{{\"a\":{n}}}\n")).collect();
    let file = given("a.ndjson", &text);
    let input = open(&file);
    let mut records = input.records().unwrap();

    let mut seen = vec![0];
    while let Some(chunk) = records.next_chunk(10_000, 1 << 20).unwrap() {
        seen.push(chunk.input_bytes());
    }

    assert!(seen.is_sorted() && seen.len() == 6, "{seen:?}");
    assert_eq!(seen.last(), Some(&input.size_bytes()));
}

#[test]
fn nothing_of_a_person_is_printed() {
    let file = given("a.ndjson", "{\"email\":\"mallory@example.com\"}\n");
    let input = open(&file);
    let mut records = input.records().unwrap();
    let chunk = records.next_chunk(1, 1).unwrap().unwrap();
    let record = chunk.record(0).unwrap();

    assert!(!format!("{input:?} {records:?} {chunk:?} {record:?}").contains("mallory"));
}

#[test]
fn readers_and_chunks_can_be_handed_to_other_threads() {
    fn is_send<T: Send + 'static>() {}
    fn is_shared<T: Send + Sync + 'static>() {}

    is_send::<Records>();
    is_shared::<Input>();
    is_shared::<Chunk>();
}

#[test]
fn a_window_is_read_from_memory_as_often_as_needed_and_is_named_by_its_number() {
    let text = || zeroize::Zeroizing::new(b"{\"kind\":\"deletion\"}\n{\"kind\":\"access\"}\n".to_vec());
    let window = |number| Input::of_window(crate::job::WindowId(number), text());

    let input = window(7);

    assert_eq!(
        (input.path(), input.name().as_str(), input.format()),
        ("inbox:7", "`inbox:7`", Format::Ndjson)
    );
    for _ in 0..2 {
        let mut records = input.records().unwrap();
        let chunk = records.next_chunk(10, 1 << 20).unwrap().unwrap();
        assert_eq!((chunk.len(), chunk.record(1).unwrap().line()), (2, 2));
        assert!(chunk.records().all(|record| record.is_request()));
        assert!(records.next_chunk(10, 1 << 20).unwrap().is_none());
    }
    assert_eq!(input.digest(), window(7).digest());
    assert_ne!(input.digest(), window(8).digest(), "the same records in another window are another input");
}
