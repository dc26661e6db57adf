//! Every workflow in `tests/workflows` beside the exact text it must produce.
//!
//! Files in `good` can be carried out (their text is empty or warns), files in `bad` cannot. Run with
//! `UPDATE=1` to write the texts anew, then read the difference.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise, in its helpers too")]

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
        retries: Some(vec!["default".to_owned(), "patient".to_owned()]),
        hooks: Some(vec!["consent-events".to_owned()]),
        hooks_of_any_profile: vec!["consent-events".to_owned()],
        channels: Some(vec!["ops-mail".to_owned(), "ops-chat".to_owned()]),
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
        "bad_condition",
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
        "unknown_channel",
        "unknown_field",
        "unknown_helper",
        "unknown_hook",
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

#[test]
fn any_profile_name_is_accepted_without_settings() {
    let text = "workflow: w\non: { file: {} }\nprofiles: { braze: whatever }\nsteps:\n  - uses: braze/users.delete\n    with: { external_ids: [a] }\n";

    assert_eq!(workflow::validate_text("w.yaml", text, &Known::default()), []);
    assert_eq!(workflow::validate_text("w.yaml", text, &settings())[0].code, "unknown_profile");
}

#[test]
fn a_system_without_a_profile_and_one_with_two_are_told_once() {
    let step = "  - uses: braze/users.delete\n    with: { external_ids: [a] }\n";
    let text = format!("workflow: w\non: {{ file: {{}} }}\nsteps:\n{step}{step}");
    let two = settings().profiles.unwrap().into_iter().chain([("braze-test".to_owned(), "braze".to_owned())]);

    for profiles in [Vec::new(), two.collect()] {
        let mistakes =
            workflow::validate_text("w.yaml", &text, &Known { profiles: Some(profiles), ..Known::default() });

        assert_eq!(mistakes.iter().map(|mistake| mistake.code).collect::<Vec<_>>(), ["no_profile"]);
    }
}

#[test]
fn a_file_that_is_too_large_or_holds_too_many_values_is_refused() {
    let long = format!("workflow: w\ndescription: {}\n", "x".repeat(1 << 20));
    let many = format!("workflow: w\nvars: {{ a: [{}] }}\n", "1,".repeat(60_000));

    assert_eq!(workflow::validate_text("w.yaml", &long, &settings())[0].code, "too_long");
    assert_eq!(workflow::validate_text("w.yaml", &many, &settings())[0].code, "too_many_nodes");
}

#[test]
fn steps_are_numbered_and_named_in_the_order_of_the_file() {
    let (path, name) = files("good").into_iter().find(|(_, name)| name == "every-kind-of-step.yaml").unwrap();
    let source = Source::new(name, std::fs::read_to_string(path).unwrap());
    let workflow = workflow::load(&source, &settings()).0.unwrap();

    let mut seen = Vec::new();
    number(&workflow.steps, &mut seen);

    assert_eq!(seen.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..22).collect::<Vec<_>>());
    assert_eq!(seen[0].1, "step-1");
    assert_eq!(seen[7].1, "loop");
    assert_eq!(seen[8].1, "track");
    assert_eq!(seen[11].1, "step-12");
}

fn number(steps: &[workflow::Step], seen: &mut Vec<(u32, String)>) {
    for step in steps {
        seen.push((step.number, step.label.clone()));
        if let workflow::StepKind::ForEach { steps, .. } = &step.kind {
            number(steps, seen);
        }
    }
}

#[test]
fn what_a_workflow_does_to_people_is_known() {
    let load = |wanted: &str| {
        let (path, name) = files("good").into_iter().find(|(_, name)| name == wanted).unwrap();
        workflow::load(&Source::new(name, std::fs::read_to_string(path).unwrap()), &settings()).0.unwrap()
    };
    let deletion = load("user-deletion.yaml");
    let consent = load("every-kind-of-step.yaml");

    assert!(deletion.writes && deletion.irreversible);
    assert!(consent.writes && !consent.irreversible);
    assert_eq!(deletion.words, None);
    let words = consent.words.unwrap();
    for word in ["Marketing e-mail", "SMS", "group-1", "text", "other", "failed"] {
        assert!(words.contains(word), "{word} in {words:?}");
    }
    assert!(!words.contains("crm"));
}

mod mutated {
    //! Files with random damage: no panic, places inside the file, and what comes out as a workflow
    //! is YAML to a second reader too.

    use super::*;
    use proptest::prelude::*;

    const PIECES: [&str; 36] = [
        "", "\n", " ", "  ", "\t", "\r\n", ":", ": ", "-", "- ", "{", "}", "[", "]", "{{", "}}", "\"", "'",
        "\\", "|", ">", "#", " #", "&a ", "*a", "!x ", "!!str ", "<<: *a", "---\n", "...\n", "%", "@", "é",
        "🦀", "\u{feff}", "\0",
    ];

    fn corpus() -> Vec<String> {
        ["good", "bad"]
            .iter()
            .flat_map(|folder| files(folder))
            .map(|(path, _)| std::fs::read_to_string(path).unwrap())
            .filter(|text| text.len() < 4_000)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn damage_is_answered_with_mistakes_and_never_with_a_panic(
            which in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, 0..PIECES.len()), 1..5),
        ) {
            let corpus = corpus();
            let mut text: Vec<char> = which.get(&corpus).chars().collect();
            for (place, removed, piece) in damage {
                let start = place.index(text.len() + 1);
                let end = (start + removed).min(text.len());
                text.splice(start..end, PIECES[piece].chars());
            }
            let source = Source::new("w.yaml", text.into_iter().collect::<String>());

            let (workflow, mistakes) = workflow::load(&source, &settings());

            let shown = source::render(&mistakes, &source, Colour::Plain);
            prop_assert_eq!(shown.is_empty(), mistakes.is_empty());
            for mistake in &mistakes {
                let line = source::json(mistake, &source)["line"].as_u64().unwrap();
                prop_assert!(line as usize <= source.text.matches('\n').count() + 1);
                prop_assert!(mistake.at.start <= mistake.at.end && mistake.at.start <= source.text.len());
            }
            if workflow.is_some() {
                prop_assert!(serde_yaml::from_str::<serde_yaml::Value>(&source.text).is_ok());
            } else {
                prop_assert!(mistakes.iter().any(|mistake| mistake.severity == Severity::Error));
            }
        }
    }
}
