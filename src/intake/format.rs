//! What a file holds: by its name, by its first bytes, or as the workflow says.
//!
//! The workflow's word wins over the name, the name over the bytes. A file that would only give a
//! failure a line (a spreadsheet, one long list) is refused as a whole, with the way out.

use super::InputError;
use crate::workflow::Format;

/// What a file name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Named {
    Lines,
    Json,
    Table,
    Nothing,
}

fn named(name: &str) -> Named {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("ndjson" | "jsonl") => Named::Lines,
        Some("json") => Named::Json,
        Some("csv" | "tsv") => Named::Table,
        Some(_) | None => Named::Nothing,
    }
}

/// Decides the format from the start of the text. `name` is for messages, `path` for its ending.
pub(super) fn of(path: &str, name: &str, told: Option<Format>, start: &[u8]) -> Result<Format, InputError> {
    if start.starts_with(b"PK\x03\x04") {
        return Err(InputError::Archive { name: name.to_owned() });
    }
    let is_json = match (told, named(path)) {
        (Some(format), _) => return Ok(format),
        (None, Named::Lines) => return Ok(Format::Ndjson),
        (None, Named::Table) => return Ok(Format::Csv),
        (None, Named::Json) => true,
        (None, Named::Nothing) => false,
    };
    let start = start.trim_ascii_start();
    let first_line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match start.first() {
        Some(b'[') => Err(InputError::JsonList { name: name.to_owned() }),
        Some(b'{') if first_line.trim_ascii_end() == b"{" => {
            Err(InputError::JsonSpread { name: name.to_owned() })
        }
        Some(b'{') | None => Ok(Format::Ndjson),
        Some(_) if is_json => Ok(Format::Ndjson),
        Some(_) => Ok(Format::Csv),
    }
}

/// How a table separates its cells, and how many bytes of its start only say so (`sep=;`, which
/// spreadsheets write and read).
pub(super) fn separator(path: &str, start: &[u8]) -> (u8, usize) {
    if let Some([separator @ (b',' | b';' | b'\t' | b'|'), rest @ ..]) = start.strip_prefix(b"sep=") {
        let line_end = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        if line_end > 0 || rest.is_empty() {
            return (*separator, 5 + line_end);
        }
    }
    let count = |separator: u8| {
        let (mut count, mut is_quoted) = (0_usize, false);
        for byte in start.trim_ascii_start() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\n' if !is_quoted => break,
                byte if *byte == separator && !is_quoted => count += 1,
                _ => {}
            }
        }
        count
    };
    let is_tabbed = path.to_ascii_lowercase().trim_end_matches(".gz").ends_with(".tsv");
    let order = if is_tabbed { *b"\t,;" } else { *b",;\t" };
    let mut best = (order[0], 0);
    for separator in order {
        let columns = count(separator);
        if columns > best.1 {
            best = (separator, columns);
        }
    }
    (best.0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workflow_wins_over_the_name_and_the_name_over_the_bytes() {
        let of = |path: &str, told, start: &str| of(path, path, told, start.as_bytes()).unwrap();

        assert_eq!(of("a.csv", Some(Format::Ndjson), "x"), Format::Ndjson);
        assert_eq!(of("a.CSV.GZ", None, "{"), Format::Csv);
        assert_eq!(of("a.tsv", None, "{}"), Format::Csv);
        assert_eq!(of("a.jsonl", None, "[1]"), Format::Ndjson);
        assert_eq!(of("a.ndjson.gz", None, "x"), Format::Ndjson);
        assert_eq!(of("a.json", None, "x"), Format::Ndjson);
        assert_eq!(of("-", None, " \r\n\t {\"kind\":1}"), Format::Ndjson);
        assert_eq!(of("export.txt", None, "id;kind"), Format::Csv);
        assert_eq!(of("no-ending", None, ""), Format::Ndjson);
    }

    #[test]
    fn what_would_fail_line_by_line_is_refused_as_a_whole() {
        let of = |path: &str, start: &str| of(path, path, None, start.as_bytes()).unwrap_err().to_string();

        assert!(of("a.json", "\n [ {").contains("jq -c '.[]'"));
        assert!(of("-", "[{}]").contains("jq -c '.[]'"));
        assert!(of("a.json", "{\r\n  \"id\": 1").contains("jq -c ."));
        assert!(of("a.csv", "PK\u{3}\u{4}").contains("save it as CSV"));
    }

    #[test]
    fn the_separator_is_the_one_that_the_header_has_most_of() {
        let table: [(&str, &str, u8); 8] = [
            ("a.csv", "id,kind\n1;2;3;4", b','),
            ("a.csv", "id;kind;a,b\n", b';'),
            ("a.csv", "id\tkind\n", b'\t'),
            ("a.csv", "id\n", b','),
            ("a.tsv", "id\n", b'\t'),
            ("a.csv", "\"a;b;c;d\",x,y\n", b','),
            ("a.csv", "\"a\n;;;;\",x\n", b','),
            ("a.csv", "\n\nid;kind\n", b';'),
        ];
        for (path, start, expected) in table {
            assert_eq!(separator(path, start.as_bytes()), (expected, 0), "{start}");
        }
        assert_eq!(separator("a.csv", b"sep=|\r\nid|kind"), (b'|', 7));
        assert_eq!(separator("a.csv", b"sep=;\nid;kind"), (b';', 6));
        assert_eq!(separator("a.csv", b"sep=x;a"), (b';', 0));
    }
}
