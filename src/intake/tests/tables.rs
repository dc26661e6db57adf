//! Tables of every dialect, well-formed and broken.

use super::*;
use crate::request::Warnings;

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
