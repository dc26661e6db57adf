//! Every workflow in `tests/workflows` beside the exact text it must produce.
//!
//! Files in `good` can be carried out (their text is empty or warns), files in `bad` cannot. Run with
//! `UPDATE=1` to write the texts anew, then read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use privaflow::source::{self, Colour, Severity, Source};
use privaflow::workflow::{self, Known};

fn settings() -> Known {
    let profile = |name: &str, system: &str| (name.to_owned(), system.to_owned());
    Known {
        profiles: Some(vec![
            profile("braze-production", "braze"),
            profile("onetrust-production", "onetrust"),
        ]),
    }
}

/// The workflow files of a folder, with the name that messages show.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (path, name)
        })
        .collect();
    files.sort();
    files
}

/// Compares what each file of a folder produces with the text beside it.
fn check(folder: &str, can_be_carried_out: bool) {
    let mut wrong = String::new();
    for (path, name) in files(folder) {
        let source = Source::new(name.clone(), std::fs::read_to_string(&path).unwrap());
        let (workflow, mistakes) = workflow::load(&source, &settings());
        let shown = source::render(&mistakes, &source, Colour::Plain);
        let beside = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&beside, &shown).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if shown != expected {
            write!(wrong, "\n=== {name} should say\n{expected}--- but says\n{shown}").unwrap();
        }
        if workflow.is_some() != can_be_carried_out {
            write!(wrong, "\n=== {name} can be carried out: {}", workflow.is_some()).unwrap();
        }
        let has_error = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
        assert_eq!(has_error, workflow.is_none(), "{name}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_good_workflow_can_be_carried_out() {
    check("good", true);
}

#[test]
fn every_bad_workflow_is_answered_with_place_and_way_out() {
    check("bad", false);
}

#[test]
fn there_is_a_bad_workflow_for_every_mistake_that_a_file_can_hold() {
    let mut codes: Vec<&str> = files("bad")
        .iter()
        .flat_map(|(path, name)| {
            workflow::validate_text(name, &std::fs::read_to_string(path).unwrap(), &settings())
        })
        .map(|mistake| mistake.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();

    for code in [
        "alias_bomb",
        "bad_duration",
        "bad_expression",
        "bad_id",
        "bad_name",
        "bad_template",
        "bad_value",
        "bad_yaml",
        "duplicate_id",
        "duplicate_key",
        "exclusive_fields",
        "missing_field",
        "missing_key",
        "not_available",
        "several_documents",
        "several_kinds",
        "step_in_loop",
        "step_not_yet_run",
        "too_deep",
        "too_many_items",
        "unknown_action",
        "unknown_field",
        "unknown_helper",
        "unknown_key",
        "unknown_name",
        "unknown_profile",
        "unknown_step",
        "unknown_step_id",
        "unquoted_template",
        "wrong_system",
        "wrong_type",
    ] {
        assert!(codes.contains(&code), "no file for {code}; there are {codes:?}");
    }
}
