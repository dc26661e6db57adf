//! The request files in `examples/` are what their names say: clean ones have only records, the broken
//! one has the mistakes that people make, and the table becomes records by the map beside it.
//!
//! What a workflow then does with them is tested against the sandbox.

use std::fs;
use std::path::Path;

use privaflow::intake::{Input, Reading};
use privaflow::request::{Request, Warnings};
use privaflow::source::Source;
use privaflow::template::{Extra, Scope};
use privaflow::workflow::{Known, load};
use serde_json::{Value, json};

#[test]
fn the_clean_files_hold_only_records() {
    for (name, count) in [("deletion-requests", 14), ("consent-changes", 16)] {
        let path = format!("examples/{name}.ndjson");
        let records = records(Path::new(&path));

        let broken: Vec<&String> = records.iter().filter_map(|record| record.as_ref().err()).collect();
        assert!(broken.is_empty(), "{path}: {broken:?}");
        assert_eq!(records.len(), count, "{path}");
    }
}

#[test]
fn the_broken_file_has_records_beside_lines_that_are_none() {
    let records = records(Path::new("examples/broken-requests.ndjson"));

    let broken: Vec<&String> = records.iter().filter_map(|record| record.as_ref().err()).collect();
    assert_eq!((records.len(), broken.len()), (14, 8), "{broken:#?}");
}

#[test]
fn the_table_becomes_records_and_an_empty_cell_is_an_absent_member() {
    let name = "examples/consent-from-csv.yaml";
    let text = fs::read_to_string(name).expect("the file is there");
    let workflow = load(&Source::new(name, &text), &Known::default()).0.expect("it has no mistakes");
    let trigger = workflow.on.file.expect("it is run on files");
    let map = trigger.map.as_ref().expect("it maps rows");

    let input = Input::open(Path::new("examples/consent-changes.csv"), &Reading::of(&trigger));
    let mut records = input.and_then(|input| input.records()).expect("it is a table");
    let chunk = records.next_chunk(100, 1 << 20).expect("it can be read").expect("it has rows");
    let mut subjects = Vec::new();
    for record in chunk.records() {
        let mut scope = Scope::default();
        scope.set("row", Value::Object(record.row().expect("cells by column")));
        let value = map.render(&scope, &Extra::default()).expect("the map renders").expect("a record");
        let request = Request::from_value(value, &mut Warnings::new()).expect("it is a record");
        subjects.push(request.scope["subject"].clone());
    }

    assert_eq!(subjects.len(), 7);
    assert_eq!(subjects[1], json!({ "external_id": "u-4002", "first_name": "Zoë", "aliases": [] }));
    assert_eq!(subjects[2]["email"], "nur.mail@example.de");
    assert_eq!(subjects[2].get("external_id"), None);
}

/// Every record of a file of JSON lines, or what is wrong with it.
fn records(path: &Path) -> Vec<Result<Request, String>> {
    let input = Input::open(path, &Reading::default()).expect("the file is there");
    let mut records = input.records().expect("it can be read");
    let mut all = Vec::new();
    while let Some(chunk) = records.next_chunk(5, 1 << 20).expect("it can be read") {
        for record in chunk.records() {
            all.push(record.request(&mut Warnings::new()).map_err(|bad| format!("{bad:?}")));
        }
    }
    all
}
