//! What people read on a terminal, as snapshots: the help, tables, plans, messages. Times, ports and
//! temporary paths are taken out.
//!
//! The real binary is run in folders of its own. Where a job must leave something behind, it talks to
//! `privaflow sandbox` in a second process, as it would to Braze.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const DELETIONS: [&str; 4] =
    ["run", "workflows/user-deletion.yaml", "--input", "examples/deletion-requests.ndjson"];
const CONSENTS: [&str; 4] = ["run", "consent-global", "--input", "examples/consent-changes.ndjson"];

#[test]
fn every_command_explains_itself() {
    let mut all = String::new();
    for command in [
        "",
        "init",
        "validate",
        "plan",
        "run",
        "jobs",
        "jobs list",
        "jobs show",
        "jobs resume",
        "jobs cancel",
        "jobs retry",
        "jobs approve",
        "runs",
        "runs list",
        "runs show",
        "runs retry",
        "runs cancel",
        "watch",
        "watch list",
        "watch run",
        "canary",
        "canary run",
        "canary show",
        "store",
        "store backup",
        "store restore",
        "store prune",
        "profiles",
        "profiles list",
        "profiles test",
        "actions",
        "actions list",
        "actions show",
        "sandbox",
    ] {
        let words = command.split(' ').filter(|word| !word.is_empty()).chain(["--help"]);
        let output = privaflow(Path::new("."), words);
        assert!(output.status.success(), "{output:?}");
        let help = text(&output.stdout);
        // Every page ends with the same options; they are shown once.
        let own = match (command, help.split_once("\nOptions of every command:")) {
            ("", _) | (_, None) => help.as_str(),
            (_, Some((own, _))) => own,
        };
        all.push_str(&format!("$ privaflow {command}\n{own}\n"));
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn the_actions_are_listed_and_shown() {
    let list = said(Path::new("."), ["actions", "list"]);
    let delete = said(Path::new("."), ["actions", "show", "braze/users.delete"]);
    let group = said(Path::new("."), ["actions", "show", "braze/subscription.status.set"]);
    let slip = said(Path::new("."), ["actions", "show", "users.delete"]);
    let find = said(Path::new("."), ["actions", "show", "privaflow/find_profiles"]);
    insta::assert_snapshot!("actions", [list, delete, group, slip, find].join("\n"));

    for line in lines(&privaflow(Path::new("."), ["actions", "list", "--output", "json"])) {
        assert!(line["action"].is_string() && line["permission"].is_string(), "{line}");
    }
}

#[test]
fn an_empty_folder_becomes_a_working_one_by_init_and_its_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();

    let first = said(folder, ["init"]);
    let again = said(folder, ["init"]);
    insta::assert_snapshot!("init", [first.as_str(), again.as_str()].join("\n"));

    let hint = first.lines().find_map(|line| line.strip_prefix("!   privaflow ")).expect("a hint");
    let tried = privaflow(folder, hint.split(' '));
    assert_eq!(tried.status.code(), Some(0), "{tried:?}");
    assert!(!folder.join(".privaflow").exists(), "the sandbox leaves nothing behind");

    let found = [
        said(folder, ["validate"]),
        said(folder, ["profiles", "list"]),
        said(folder, ["jobs", "list"]),
        said(folder, ["jobs", "show", "job-1"]),
        said(folder, DELETIONS),
    ];
    insta::assert_snapshot!("first_look", found.join("\n"));
    assert!(privaflow(folder, ["jobs", "list", "--output", "json"]).stdout.is_empty());
    let profiles = lines(&privaflow(folder, ["profiles", "list", "--output", "json"]));
    assert_eq!(profiles[0]["missing"], "BRAZE_API_KEY is not set");
}

#[test]
fn a_folder_that_init_makes_is_named_in_its_hint() {
    let folder = tempfile::tempdir().expect("a folder");

    let output = privaflow(folder.path(), ["init", "privacy", "--output", "json"]);

    assert_eq!(lines(&output)[0]["file"], "privacy/privaflow.yaml");
    assert!(text(&output.stderr).contains("cd privacy && privaflow run"));
}

#[test]
fn a_plan_shows_what_is_sent_and_folds_what_is_not() {
    let plan = |workflow: &str, input: &str| {
        let (workflow, input) = (format!("workflows/{workflow}.yaml"), format!("examples/{input}.ndjson"));
        said(Path::new("."), ["plan", &workflow, "--input", &input])
    };
    insta::assert_snapshot!("plan_deletion", plan("user-deletion", "broken-requests"));
    insta::assert_snapshot!("plan_groups", plan("consent-groups", "consent-changes"));
}

#[test]
fn a_plan_of_a_search_shows_what_is_asked_first_and_what_hangs_on_the_answers() {
    let plan = privaflow(
        Path::new("."),
        [
            "plan",
            "workflows/user-deletion.yaml",
            "--input",
            "examples/deletion-requests.ndjson",
            "--output",
            "json",
        ],
    );
    let calls = lines(&plan);
    let of = |step: &str| calls.iter().find(|call| call["step"] == step).expect("it is planned");

    assert_eq!(of("find#0")["body"]["external_ids"], serde_json::json!(["u-1001"]));
    assert_eq!(of("find#1")["body"]["email_address"], "ada.lindqvist@example.com");
    assert_eq!((&of("find#2")["body"], &of("find#2")["needs"][0]), (&Value::Null, &"find".into()));
    assert_eq!(of("erase")["needs"], serde_json::json!(["find"]));
    assert_eq!(of("verify")["needs"], serde_json::json!(["erase"]));
    assert!(
        calls.iter().all(|call| call["url"].as_str().is_some_and(|url| url.contains("<braze-production>")))
    );
}

#[test]
fn a_step_that_no_answer_can_turn_on_is_skipped_in_a_plan() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = r#"
workflow: careful
on: { file: {} }
steps:
  - id: find
    if: has(subject.external_id)
    uses: privaflow/find_profiles
  - id: aliases
    if: size(subject.aliases) > 0 && size(steps.find.output.braze_ids) > 0
    uses: privaflow/verify_erased
    with: { found: "{{ steps.find.output }}" }
  - id: nobody
    if: has(subject.phone)
    uses: privaflow/find_profiles
"#;
    fs::write(folder.path().join("careful.yaml"), workflow).expect("it can be written");
    let request = r#"{"kind":"deletion","subject":{"external_id":"u-1"}}"#;
    fs::write(folder.path().join("requests.ndjson"), request).expect("it can be written");

    let words = ["plan", "careful.yaml", "--input", "requests.ndjson", "--output", "json"];
    let calls = lines(&privaflow(folder.path(), words));

    let skipped =
        |step: &str| calls.iter().find(|call| call["step"] == step).map(|call| call["skipped"].clone());
    assert_eq!((skipped("aliases"), skipped("nobody")), (Some(true.into()), Some(true.into())), "{calls:?}");
}

#[test]
fn a_plan_calls_nothing_skipped_that_an_answer_could_turn_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflow = r#"
workflow: careful
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id] }
  - if: steps.find.status == "done"
    set: { late: "true" }
  - id: by_variable
    if: has(vars.late) && vars.late == true
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
  - id: by_answer
    if: has(steps.find.output.users) && size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;
    fs::write(folder.path().join("careful.yaml"), workflow).expect("it can be written");
    let request = r#"{"kind":"deletion","subject":{"external_id":"u-1"}}"#;
    fs::write(folder.path().join("requests.ndjson"), request).expect("it can be written");

    let words = ["plan", "careful.yaml", "--input", "requests.ndjson", "--output", "json"];
    let calls = lines(&privaflow(folder.path(), words));

    let needs: Vec<_> = calls.iter().map(|call| (call["step"].as_str(), call["needs"][0].as_str())).collect();
    let expected =
        [(Some("find"), None), (Some("by_variable"), Some("find")), (Some("by_answer"), Some("find"))];
    assert_eq!(needs, expected, "{calls:?}");
}

#[test]
fn a_consent_workflow_verifies_what_it_set_where_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    for workflow in ["consent-global", "consent-groups"] {
        let text = fs::read_to_string(format!("workflows/{workflow}.yaml")).expect("it is there");
        let text = text.replace("  verify: false", "  verify: true");
        fs::write(folder.path().join("verified.yaml"), text).expect("it can be written");
        let input = Path::new("examples/consent-changes.ndjson").canonicalize().expect("it is there");
        let input = input.to_str().expect("a path");
        let words = ["run", "verified.yaml", "--input", input, "--sandbox", "--output", "json"];

        let output = privaflow(folder.path(), words);

        let summary: Value = serde_json::from_slice(&output.stdout).expect("a document");
        assert_eq!(output.status.code(), Some(0), "{workflow}: {output:?}");
        assert!(summary["verified"].as_u64() > Some(0), "{workflow}: {summary}");
        // Groups of somebody known by an alias alone cannot be read.
        let unread = u64::from(workflow == "consent-groups");
        let proven = summary["accepted"].as_u64().map(|accepted| accepted - unread);
        assert_eq!(summary["verified"].as_u64(), proven, "{workflow}: {summary}");
    }
}

#[test]
fn clean_examples_end_done_or_skipped_in_every_workflow() {
    for (workflow, input) in [
        ("workflows/user-deletion.yaml", "examples/deletion-requests.ndjson"),
        ("workflows/consent-global.yaml", "examples/consent-changes.ndjson"),
        ("workflows/consent-groups.yaml", "examples/consent-changes.ndjson"),
        ("workflows/consent-groups-track.yaml", "examples/consent-changes.ndjson"),
        ("examples/consent-from-csv.yaml", "examples/consent-changes.csv"),
    ] {
        let output = privaflow(Path::new("."), ["run", workflow, "--input", input, "--sandbox"]);

        assert_eq!(output.status.code(), Some(0), "{workflow}: {output:?}");
        let stderr = text(&output.stderr);
        let said: Vec<&str> =
            stderr.lines().filter(|line| !line.contains(" looked for, all gone (by ")).collect();
        assert_eq!(said, [""; 0], "{workflow}");
    }
}

#[test]
fn an_unknown_member_is_warned_of_once_however_often_the_file_is_read() {
    let arguments =
        ["run", "workflows/user-deletion.yaml", "--input", "examples/broken-requests.ndjson", "--sandbox"];

    let output = privaflow(Path::new("."), arguments);

    let warned = text(&output.stderr);
    assert!(
        warned.contains("`subject.shoe_size` is no member of a record and was ignored (in 1 record)"),
        "{warned}"
    );
}

#[test]
fn jobs_are_listed_shown_held_approved_and_cancelled() {
    let braze = Braze::start();
    let folder = braze.folder.path();
    let mut all = vec![said(folder, CONSENTS), said(folder, CONSENTS)];
    let workflow = folder.join("workflows/user-deletion.yaml");
    let text = fs::read_to_string(&workflow).expect("init wrote it");
    fs::write(&workflow, text.replace("per_job: 500", "per_job: 5")).expect("it can be written");
    all.push(said(folder, DELETIONS));
    all.extend([["jobs", "show", "job-2"], ["jobs", "resume", "job-2"]].map(|words| said(folder, words)));
    all.push(said(folder, ["jobs", "approve", "job-2"]));
    fs::write(folder.join("key"), "not-the-key").expect("it can be written");
    all.push(said(folder, ["jobs", "resume", "job-2", "--log", "off"]));
    all.push(said(folder, ["jobs", "cancel", "job-2"]));
    all.push(said(folder, ["jobs", "cancel", "job-2"]));
    all.push(said(folder, ["jobs", "show", "job-1"]));
    all.push(said(folder, ["jobs", "list"]));
    insta::with_settings!({ filters => [
        (r"\d+\.\d s", "[time]"),
        (r"\d+ HTTP requests?", "[number of] HTTP requests"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[started]           "),
    ] }, { insta::assert_snapshot!("jobs", all.join("\n")) });

    let jobs = lines(&privaflow(folder, ["jobs", "list", "--output", "json"]));
    assert_eq!((&jobs[0]["status"], &jobs[1]["status"]), (&"finished".into(), &"cancelled".into()));
    assert_eq!(jobs[1]["failed"], 13);
}

/// `privaflow sandbox` in a process of its own, and a folder whose settings lead to it.
struct Braze {
    process: Child,
    folder: TempDir,
}

impl Braze {
    fn start() -> Braze {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("key"), "the-key").expect("it can be written");
        let mut process = command(folder.path(), ["sandbox", "--token-file", "key", "--no-limits"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let host = line.trim().strip_prefix("listening on ").expect("an address");
        let settings = format!(
            "profiles:\n  braze-production: {{ system: braze, scheme: http, host: \"{host}\", token: {{ file: key }} }}\n"
        );
        fs::write(folder.path().join("privaflow.yaml"), settings).expect("it can be written");
        assert!(privaflow(folder.path(), ["init"]).status.success());
        Braze { process, folder }
    }
}

#[cfg(unix)]
#[test]
fn a_folder_of_workflows_that_leads_back_to_itself_is_read_once_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflows = folder.path().join("workflows");
    std::fs::create_dir_all(workflows.join("team")).expect("it can be made");
    let hello = "workflow: w\non: { file: {} }\nsteps:\n  - log: hello\n";
    std::fs::write(workflows.join("team/w.yaml"), hello).expect("it can be written");
    std::os::unix::fs::symlink("..", workflows.join("team/back")).expect("it can be linked");

    let output = privaflow(folder.path(), ["validate", "workflows"]);

    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("1 workflow checked, no mistakes\n", Some(0))
    );
    let warning = "warning: workflows/team/back leads to workflows again, which is read only once\n";
    assert_eq!(text(&output.stderr), warning);
}

impl Drop for Braze {
    fn drop(&mut self) {
        // The process is gone already when a test failed early; there is nothing more to do then.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A command, its exit code, and what it wrote to standard output and standard error.
fn said<'w>(folder: &Path, words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    let output = privaflow(folder, words.iter().copied());
    let code = output.status.code().expect("it ended by itself");
    let mut all = format!("$ privaflow {}  # exit code {code}\n{}", words.join(" "), text(&output.stdout));
    for line in text(&output.stderr).lines() {
        all.push_str(format!("! {line}").trim_end());
        all.push('\n');
    }
    all
}

fn privaflow<'w>(folder: &Path, words: impl IntoIterator<Item = &'w str>) -> Output {
    command(folder, words).output().expect("it can be started")
}

fn command<'w>(folder: &Path, words: impl IntoIterator<Item = &'w str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
    command.args(words).current_dir(folder);
    for name in ["PRIVAFLOW_LOG", "COLUMNS", "BRAZE_API_KEY", "ONETRUST_CLIENT_ID"] {
        command.env_remove(name);
    }
    command
}

/// Standard output as objects, one a line.
fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
