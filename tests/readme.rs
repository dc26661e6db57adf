//! The README is true: its commands print what it shows, its workflow, records and settings work.
//!
//! Blocks are found by their language. Every `$` line of a `console` block is run in the project's
//! folder, and what follows it is what it must print; only the figures of calls, requests and time may differ.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use privaflow::config::Settings;
use serde_json::Value;

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let mut count = 0;
    for block in blocks("console") {
        for command in block.split("$ ").filter(|text| !text.is_empty()) {
            let (line, shown) = command.split_once('\n').expect("a command is a line");
            let words = line.strip_prefix("cargo run --release -- ").or(line.strip_prefix("privaflow "));
            let words = words.unwrap_or_else(|| panic!("`{line}` does not run privaflow"));

            let output = privaflow(words.split(' '), Path::new("."));

            assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
            assert_eq!(without_figures(&text(&output.stdout)), without_figures(shown), "{line}");
            count += 1;
        }
    }
    assert!(count >= 3, "the README shows {count} commands");
}

#[test]
fn the_workflow_of_the_readme_erases_the_person_of_the_readme() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "erase-by-id.yaml", &yaml("workflow:"));
    write(folder.path(), "requests.ndjson", record(0));

    let summary = run(folder.path(), "erase-by-id.yaml");

    assert_eq!((&summary["done"], &summary["verified"]), (&1.into(), &1.into()), "{summary}");
}

#[test]
fn the_steps_of_the_readme_find_erase_and_verify_the_person_of_the_readme() {
    let folder = tempfile::tempdir().expect("a folder");
    let steps = yaml("steps:\n  - id: find\n    uses: privaflow/find_profiles");
    write(folder.path(), "whole.yaml", &format!("workflow: whole\non: {{ file: {{}} }}\n{steps}"));
    write(folder.path(), "requests.ndjson", record(0));

    let summary = run(folder.path(), "whole.yaml");

    assert_eq!((&summary["done"], &summary["verified"]), (&1.into(), &1.into()), "{summary}");
}

#[test]
fn the_consent_of_the_readme_is_carried_out_by_a_shipped_workflow() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = fs::read_to_string("workflows/consent-groups.yaml").expect("the file is there");
    write(folder.path(), "consent-groups.yaml", &workflow);
    write(folder.path(), "requests.ndjson", record(1));

    let summary = run(folder.path(), "consent-groups.yaml");

    assert_eq!((&summary["done"], &summary["accepted"]), (&1.into(), &1.into()), "{summary}");
}

#[test]
fn the_settings_of_the_readme_are_without_mistakes() {
    let reading = Settings::read(&yaml("profiles:"), Path::new(""));

    assert!(reading.mistakes.is_empty(), "{:#?}", reading.mistakes);
    assert!(reading.settings.is_some_and(|settings| settings.profiles.contains_key("braze-production")));
}

#[test]
fn the_directory_of_the_readme_is_without_mistakes() {
    let reading =
        Settings::read(&(yaml("profiles:\n  onetrust-production:") + &yaml("directory:")), Path::new(""));

    assert!(reading.mistakes.is_empty(), "{:#?}", reading.mistakes);
    assert!(reading.settings.is_some_and(|settings| settings.directory.is_some()));
}

#[test]
fn every_command_that_the_readme_names_exists() {
    let readme = readme();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `privaflow "));
    let mut count = 0;
    for row in rows {
        let (first, others) = row
            .split_once('|')
            .map_or((row, ""), |(commands, _)| commands.split_once('`').unwrap_or((commands, "")));
        let is_word = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase());
        let words: Vec<&str> = first.split(' ').take_while(is_word).collect();
        let parent = words.first().copied().expect("a command has a name");
        let more = others.split('`').filter(|text| !text.is_empty()).filter(is_word);
        for command in std::iter::once(words.clone()).chain(more.map(|word| vec![parent, word])) {
            let output = privaflow(command.iter().copied().chain(["--help"]), Path::new("."));

            assert!(output.status.success(), "{command:?}: {output:?}");
            count += 1;
        }
    }
    assert!(count >= 13, "the README names {count} commands");
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = text(&privaflow(["--help"].into_iter(), Path::new(".")).stdout);
    let (_, codes) = help.split_once("Exit codes:\n").expect("the help lists them");
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once(' ').expect("a code and its meaning");

        assert!(readme().contains(&format!("| {code} | {}", meaning.trim())), "{line}");
    }
}

/// Runs a workflow of a folder on its requests in the sandbox, and gives the summary.
fn run(folder: &Path, workflow: &str) -> Value {
    let arguments = ["run", workflow, "--input", "requests.ndjson", "--sandbox", "--output", "json"];
    let output = privaflow(arguments.into_iter(), folder);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn privaflow<'w>(words: impl Iterator<Item = &'w str>, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
    let command = command.args(words).current_dir(folder).env_remove("PRIVAFLOW_LOG");
    command.output().expect("it can be started")
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("it can be written");
}

/// A summary without its line of figures: how long it takes, and how calls that are ready at the same
/// time fall into requests and later looks, differs between two runs.
fn without_figures(text: &str) -> String {
    let figures = |line: &&str| line.contains(" HTTP request") && line.ends_with(" s");
    text.trim_end().lines().filter(|line| !figures(line)).map(|line| format!("{line}\n")).collect()
}

/// The record of the README with this number.
fn record(number: usize) -> &'static str {
    let all: &'static str = Box::leak(blocks("json").concat().into_boxed_str());
    all.lines().nth(number).expect("it shows two records")
}

fn yaml(start: &str) -> String {
    blocks("yaml").into_iter().find(|block| block.starts_with(start)).expect("the README shows it")
}

/// The fenced blocks of a language, without the indent of their fence.
fn blocks(language: &str) -> Vec<String> {
    let (mut blocks, mut open): (Vec<String>, Option<(usize, bool)>) = (Vec::new(), None);
    for line in readme().lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, open) {
            (Some(named), None) => {
                open = Some((line.len() - line.trim_start().len(), named == language));
                if named == language {
                    blocks.push(String::new());
                }
            }
            (Some(_), Some(_)) => open = None,
            (None, Some((indent, true))) => {
                if let Some(block) = blocks.last_mut() {
                    block.push_str(line.get(indent..).unwrap_or(""));
                    block.push('\n');
                }
            }
            (None, _) => {}
        }
    }
    blocks
}

fn readme() -> String {
    fs::read_to_string("README.md").expect("the file is there")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
