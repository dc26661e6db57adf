//! What we hand to people loads without a mistake: every shipped workflow and the example of settings.
//!
//! What the workflows do to a person is tested whole, against the sandbox; here only the text is read.
//! `readme.rs` does the same for the README.

use std::fs;
use std::path::{Path, PathBuf};

use privaflow::config::Settings;
use privaflow::source::Source;
use privaflow::workflow::{Known, Workflow, load};

#[test]
fn every_shipped_workflow_is_without_mistakes() {
    for path in workflows() {
        let (workflow, mistakes) = read(&path);

        assert!(mistakes.is_empty(), "{}:\n{}", path.display(), mistakes.join("\n"));
        assert!(workflow.is_some(), "{} did not load", path.display());
    }
}

#[test]
fn the_settings_of_the_examples_are_without_mistakes() {
    let text = fs::read_to_string("examples/privaflow.yaml").expect("the file is there");

    let reading = Settings::read(&text, Path::new(""));

    assert!(reading.mistakes.is_empty(), "{:#?}", reading.mistakes);
    assert!(reading.settings.is_some_and(|settings| settings.profiles.contains_key("braze-production")));
}

#[test]
fn a_shipped_workflow_is_named_after_its_file_and_can_be_run_on_one() {
    for path in workflows() {
        let workflow = read(&path).0.expect("it loads, as another test says");

        assert_eq!(Some(workflow.name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
        assert!(workflow.on.file.is_some(), "{}: `on` has no `file`", path.display());
        let only_reads = workflow.name == "access-export";
        assert_ne!(workflow.writes, only_reads, "{}: whether it writes", path.display());
    }
}

#[test]
fn only_the_deletion_is_irreversible() {
    for path in workflows() {
        let workflow = read(&path).0.expect("it loads, as another test says");

        assert_eq!(workflow.irreversible, workflow.name == "user-deletion", "{}", path.display());
    }
}

#[test]
fn the_purposes_and_statuses_of_the_tables_are_known_words() {
    let (workflow, _) = read(&PathBuf::from("workflows/consent-groups.yaml"));
    let words = workflow.and_then(|workflow| workflow.words).expect("it reads consents");

    for word in ["Newsletter", "a4e8b3d5-1c72-4f69-b0e7-92d3f6a1c833", "HARD_OPT_OUT"] {
        assert!(words.contains(word), "`{word}` would be counted as unmapped");
    }
    assert!(!words.contains("PENDING"), "an unmapped status must be counted");
}

fn workflows() -> Vec<PathBuf> {
    let shipped = fs::read_dir("workflows").expect("the folder is there").flatten().map(|entry| entry.path());
    shipped.chain([PathBuf::from("examples/consent-from-csv.yaml")]).collect()
}

fn read(path: &PathBuf) -> (Option<Workflow>, Vec<String>) {
    let text = fs::read_to_string(path).expect("the file is there");
    let source = Source::new(path.display().to_string(), &text);
    let (workflow, mistakes) = load(&source, &Known::default());
    (workflow, mistakes.iter().map(|mistake| format!("{mistake:?}")).collect())
}
