//! Inputs of every kind, as real files.

use std::io::Write;
use std::path::{Path, PathBuf};

use encoding_rs::WINDOWS_1252;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::request::{Problem, Warnings};
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
fn tables_of_every_dialect_are_the_same_rows() {
    let expected = [json!({"id":"1","name":"a \"b\", c"}), json!({"id":"2","name":""})];
    let tables = [
        "id,name\n1,\"a \"\"b\"\", c\"\n2,\n",
        "\u{feff}id;name\r\n1;\"a \"\"b\"\", c\"\r\n2;\r\n",
        "\nid\tname\n\n\"1\"\ta \"b\", c\n2\t\"\"",
        "sep=;\r\n id ;\"name\"\r\n\"1\";\"a \"\"b\"\", c\"\r\n2;\"\"\r\n",
    ];
    for table in tables {
        assert_eq!(values(rows("a.csv", table)), expected, "{table}");
    }
}

#[test]
fn places_in_tables_are_right_with_line_ends_inside_cells() {
    let seen = rows("a.csv", "id,note\n1,\"a\nb\r\nc\"\n\n2,x\n3\n4,\"\"\n5,a,b\n\"6\",y");

    let cells = |found| Err(Problem::Cells { found, expected: 2 });
    assert_eq!(
        seen,
        [
            (0, 2, 8, Ok(json!({"id":"1","note":"a\nb\r\nc"}))),
            (1, 6, 20, Ok(json!({"id":"2","note":"x"}))),
            (2, 7, 24, cells(1)),
            (3, 8, 26, Ok(json!({"id":"4","note":""}))),
            (4, 9, 31, cells(3)),
            (5, 10, 37, Ok(json!({"id":"6","note":"y"}))),
        ]
    );
    assert_eq!(seen[2].3.as_ref().unwrap_err().to_string(), "the row has 1 columns, the header names 2");
}

#[test]
fn a_quote_that_was_never_closed_swallows_no_row_in_silence() {
    let seen = rows("a.csv", "id,note\n1,\"open\n2,x\n3,\"y\"\n4,z\n5,\"open\n6,x\n");

    let quotes = |first_line, last_line| Err(Problem::Quotes { first_line, last_line });
    assert_eq!(
        seen,
        [(0, 2, 8, quotes(2, 4)), (1, 5, 26, Ok(json!({"id":"4","note":"z"}))), (2, 6, 30, quotes(6, 8)),]
    );
    assert!(seen[0].3.as_ref().unwrap_err().to_string().contains("lines 2 to 4 could not be read"));
}

#[test]
fn rows_that_are_too_long_are_bad_records_and_need_no_memory() {
    let (long, commas) = ("x".repeat(9_000_000), ",".repeat(9_000_000));
    let table = format!("id,note\n1,\"{long}\"\n2,{commas}\n3,{long}\n4,ok\n5,\"{long}");

    let seen = rows("a.csv", &table);

    let too_long = |row: &Result<Value, Problem>| matches!(row, Err(Problem::TooLong { .. }));
    assert_eq!(seen.iter().map(|(_, line, _, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert!(seen[..3].iter().all(|(_, _, _, row)| too_long(row)));
    assert_eq!(seen[3].3, Ok(json!({"id":"4","note":"ok"})));
    assert!(seen[4].3.is_err());
}

#[test]
fn columns_named_like_members_make_the_same_request_as_a_line() {
    let table = "id;kind;received_at;subject.external_id;subject.email;subject.phone;consents.7.status;consents.2.purpose_id;consents.2.status;subject.aliases.0.alias_name;subject.aliases.0.alias_label;fields.State;fields.a.b;source.system;;extra\n\
        r1;consent;2026-11-20T10:00:00Z;u;a@example.com;;DENIED;p;ACTIVE;n;l;GA;x;onetrust;ignored;1\n\
        r2;deletion;;u;;;;;;;;;;;;\n";
    let lines = [
        r#"{"id":"r1","kind":"consent","received_at":"2026-11-20T10:00:00Z","subject":{"external_id":"u","email":"a@example.com","aliases":[{"alias_name":"n","alias_label":"l"}]},"consents":[{"purpose_id":"p","status":"ACTIVE"},{"status":"DENIED"}],"fields":{"State":"GA","a.b":"x"},"source":{"system":"onetrust"}}"#,
        r#"{"id":"r2","kind":"deletion","subject":{"external_id":"u"}}"#,
    ];
    let file = given("a.csv", table);
    let mut records = open(&file).records().unwrap();
    records.columns().unwrap().require_record().unwrap();
    let chunk = records.next_chunk(10, 1 << 20).unwrap().unwrap();
    let mut warnings = Warnings::new();

    for (record, line) in chunk.records().zip(lines) {
        let (row, line) = (
            record.request(&mut warnings).unwrap(),
            crate::request::Request::parse(line.as_bytes(), &mut Warnings::new()).unwrap(),
        );
        assert_eq!((row.id, row.digest), (line.id, line.digest));
        assert_eq!(row.scope, line.scope);
    }
    assert_eq!(warnings.unknown_members().collect::<Vec<_>>(), [("extra".to_owned(), 1)]);
}

#[test]
fn a_column_that_is_missing_or_there_twice_is_named() {
    let columns = |header: &str| {
        let file = given("a.csv", format!("{header}\n"));
        let records = open(&file).records().unwrap();
        let shown = file.path.display().to_string();
        let columns = records.columns().unwrap();
        let clean =
            |result: Result<(), InputError>| result.map_err(|e| e.to_string().replace(&shown, "a.csv"));
        (clean(columns.require(["Email", "Id"])), clean(columns.require_record()))
    };

    assert_eq!(columns("Id,Email,kind"), (Ok(()), Ok(())));
    assert_eq!(
        columns("Id,email,Kind").0.unwrap_err(),
        "`a.csv` has no column `Email`, did you mean `email`?: its columns are `Id`, `email`, `Kind`"
    );
    assert!(columns("Id,Email,Kind").1.unwrap_err().contains("no column `kind`, did you mean `Kind`?"));
    assert_eq!(
        columns("Id,Email,kind,Email"),
        (
            Err("`a.csv` has two columns `Email`: rename or remove one of them".to_owned()),
            Err("`a.csv` has two columns `Email`: rename or remove one of them".to_owned()),
        )
    );
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

/// Hands out the bytes in pieces of the given sizes, as pipes and decompressors do.
struct Pieces {
    bytes: std::collections::VecDeque<u8>,
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl std::io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().unwrap_or(1).min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

enum Either {
    Lines(lines::Lines),
    Table(table::Table),
}

/// Everything a reader of lines or rows sees when its text comes in such pieces.
fn seen_in_pieces(
    text: &[u8],
    format: Format,
    sizes: Vec<usize>,
    max_records: usize,
    max_bytes: usize,
) -> Vec<Seen> {
    let bytes = text.to_vec().into();
    let text: decoded::Text = Box::new(Pieces { bytes, sizes: sizes.into_iter().cycle() });
    let mut seen = Vec::new();
    let mut chunk = chunk::Chunk::new(0, None);
    let mut reader = match format {
        Format::Ndjson => Either::Lines(lines::Lines::new(text)),
        Format::Csv => match table::Table::new("x", text, b',', 0) {
            Ok(table) => Either::Table(table),
            Err(_) => return seen,
        },
    };
    loop {
        let is_more = match &mut reader {
            Either::Lines(lines) => lines.next_into(&mut chunk).unwrap(),
            Either::Table(table) => {
                chunk.columns = table.columns().cloned();
                table.next_into(&mut chunk).unwrap()
            }
        };
        if !is_more || chunk.len() >= max_records || chunk.bytes.len() >= max_bytes {
            for record in chunk.records() {
                let row = record.row().map(Value::Object).map_err(|error| error.problem);
                seen.push((record.position(), record.line(), record.offset(), row));
            }
            chunk = chunk::Chunk::new(seen.len() as u64, None);
        }
        if !is_more {
            return seen;
        }
    }
}

proptest! {
    #[test]
    fn neither_chunks_nor_pieces_change_the_lines(
        lines in proptest::collection::vec("(\\{\"a\":\"[a-zé\\\\n]{0,9}\"\\}|[ \t]{0,2}|x\r?)\r?", 0..12),
        has_end: bool,
        sizes in proptest::collection::vec(1_usize..9, 1..5),
        max_records in 1_usize..5, max_bytes in 1_usize..40,
    ) {
        let text = lines.join("\n") + if has_end { "\n" } else { "" };
        let whole = seen_in_pieces(text.as_bytes(), Format::Ndjson, vec![1 << 20], 1 << 20, 1 << 20);

        let pieces = seen_in_pieces(text.as_bytes(), Format::Ndjson, sizes, max_records, max_bytes);

        prop_assert_eq!(&pieces, &whole);
        let expected: Vec<_> = text.split('\n').filter(|line| !line.trim_matches([' ', '\t', '\r']).is_empty()).collect();
        prop_assert_eq!(whole.len(), expected.len());
        for ((_, line, offset, _), expected) in whole.iter().zip(expected) {
            prop_assert!(text[*offset as usize..].starts_with(expected));
            prop_assert_eq!(text[..*offset as usize].matches('\n').count() as u64 + 1, *line);
        }
    }

    #[test]
    fn neither_chunks_nor_pieces_change_the_rows(
        text in "[ab,\"\n\r é]{0,60}",
        sizes in proptest::collection::vec(1_usize..9, 1..5),
        max_records in 1_usize..5, max_bytes in 1_usize..40,
    ) {
        let text = format!("h1,h2\n{text}");
        let whole = seen_in_pieces(text.as_bytes(), Format::Csv, vec![1 << 20], 1 << 20, 1 << 20);

        let pieces = seen_in_pieces(text.as_bytes(), Format::Csv, sizes, max_records, max_bytes);

        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn well_formed_tables_are_read_like_the_csv_crate_reads_them(
        cells in proptest::collection::vec(("[ab,;\"\n\ré ]{0,8}", "[ab,;\"\n\ré ]{0,8}"), 0..12),
        is_crlf: bool, is_quoted: bool,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if is_crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if is_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        writer.write_record(["h1", "h2"]).unwrap();
        for (one, two) in &cells {
            writer.write_record([one, two]).unwrap();
        }
        let text = writer.into_inner().unwrap();

        let seen = seen_in_pieces(&text, Format::Csv, vec![1 << 20], 1 << 20, 1 << 20);

        let mut reader = csv::Reader::from_reader(text.as_slice());
        let read: Vec<_> = reader.records().map(|row| {
            let row = row.unwrap();
            json!({"h1": &row[0], "h2": &row[1]})
        }).collect();
        prop_assert_eq!(seen.len(), cells.len());
        prop_assert_eq!(values(seen), read);
    }
}
