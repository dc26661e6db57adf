//! `privaflow store`: the copy, the way back, and what is removed, as the program that people run.

use std::path::Path;
use std::process::{Command, Output};

use privaflow::job::{Ended, Event, IdEntry, JobId, Stopped, Verdict};
use privaflow::journal::{Arrival, MasterSource, Masters, NewJob, Reader, Store};
use privaflow::secret::Secret;
use serde_json::Value;

/// Settings may be missing: the store then stands in `.privaflow`.
const STORE: &str = ".privaflow";

fn store_in(folder: &Path) -> Store {
    Store::open(&folder.join(STORE)).expect("nobody owns it")
}

/// A job of one done request; over, or open.
fn job_in(store: &Store, name: &str, finished: bool) -> JobId {
    let job = NewJob {
        workflow_name: name.to_owned(),
        workflow_digest: [1; 32],
        workflow_text: format!("workflow: {name}\n"),
        input_path: "requests.ndjson".to_owned(),
        input_digest: [2; 32],
        format: Value::Null,
        started_ms: 1_700_000_000_000,
        sandbox: false,
        window: None,
    };
    let job = store.create_job(job).expect("it can be written");
    let (sender, mut durable) = tokio::sync::mpsc::unbounded_channel();
    let mut writer = store.writer(job, sender);
    let id = IdEntry { key: [job.0 as u8; 16], content: 7 };
    let (position, verdict) = (0, Verdict::Done);
    let done = Ended { position, verdict, accepted: true, verified: false, id, failure: None };
    writer.append(Event::Ended { ended: vec![done] });
    let (records, unmapped) = (Some(1), Vec::new());
    let last =
        writer.append(Event::Stopped(Stopped { at_ms: 2, elapsed_ms: 1, finished, records, unmapped }));
    while durable.blocking_recv().expect("it is written") < last {}
    job
}

fn jobs_in(folder: &Path) -> usize {
    Reader::open(&folder.join(STORE)).and_then(|reader| reader.jobs()).expect("it can be read").len()
}

fn privaflow<'w>(folder: &Path, words: impl IntoIterator<Item = &'w str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
    command.args(words).current_dir(folder).env_remove("PRIVAFLOW_LOG").output().expect("it can be started")
}

fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn a_store_in_use_is_copied_and_the_copy_put_back_warns_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    job_in(&store, "erase", false);

    let (out, err, code) = said(&privaflow(folder.path(), ["store", "backup", "copy"]));
    assert!(out.starts_with("copy holds 1 job and every finished id as of 20"), "{out}");
    assert!(err.contains("the folder .privaflow/keys is not in it") && code == Some(0), "{err}");
    job_in(&store, "consent", true);
    let (_, in_use, code) = said(&privaflow(folder.path(), ["store", "restore", "copy", "--force"]));
    let owner = format!("is in use by process {}", std::process::id());
    assert!(in_use.contains(&owner) && code == Some(2), "{in_use}");
    drop(store);

    let (_, refused, code) = said(&privaflow(folder.path(), ["store", "restore", "copy"]));
    assert!(refused.contains("has events that came after the backup") && code == Some(2), "{refused}");
    assert_eq!(jobs_in(folder.path()), 2);
    let (out, warned, code) = said(&privaflow(folder.path(), ["store", "restore", "copy", "--force"]));
    assert!(out.contains("the store that stood there is in .privaflow/replaced-"), "{out}");
    assert!(
        warned.contains("as the backup has them and perhaps further on since: job-1; `serve`")
            && code == Some(0),
        "{warned}"
    );
    assert_eq!(jobs_in(folder.path()), 1);
    let warning = "From the store that stood there it took over what came between: 1 finished";
    let told = [
        ["jobs", "list"].as_slice(),
        &["runs", "list"],
        &["runs", "show", "job-1:0"],
        &["runs", "retry", "--state", "failed"],
        &["runs", "retry", "job-1:0"],
    ];
    for words in told {
        let (_, later, _) = said(&privaflow(folder.path(), words.iter().copied()));
        assert!(later.contains(warning), "{words:?}: {later}");
    }
    let (out, ..) = said(&privaflow(folder.path(), ["store", "restore", "--acknowledge"]));
    let (_, quiet, _) = said(&privaflow(folder.path(), ["jobs", "list"]));
    assert_eq!((out.as_str(), quiet.as_str()), ("noted: commands warn no more\n", ""));
}

#[test]
fn jobs_that_a_restored_store_does_not_go_on_with_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    job_in(&store, "consent", true);
    said(&privaflow(folder.path(), ["store", "backup", "copy"]));
    job_in(&store, "erase", false);
    drop(store);

    let restored = privaflow(folder.path(), ["store", "restore", "copy", "--force", "--output", "json"]);
    let (_, later, _) = said(&privaflow(folder.path(), ["jobs", "list"]));

    let left = &json(&restored)["unfinished"]["jobs"][0];
    assert_eq!(
        (&left["job"], &left["workflow"], &left["over"]),
        (&"job-2".into(), &"erase".into(), &1.into())
    );
    for warning in [said(&restored).1, later] {
        let named =
            "until you run them again (what is done starts nothing again): job-2 of erase on requests.ndjson";
        assert!(warning.contains(named) && warning.contains("No job is open."), "{warning}");
    }
}

#[test]
fn old_jobs_are_removed_and_open_ones_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    let (old, open) = (job_in(&store, "erase", true), job_in(&store, "consent", false));
    drop(store);

    let kept: Value = json(&privaflow(folder.path(), ["store", "prune", "--output", "json"]));
    let pruned: Value =
        json(&privaflow(folder.path(), ["store", "prune", "--older-than", "0s", "--output", "json"]));

    assert_eq!(kept["jobs"], serde_json::json!([]));
    assert_eq!((&pruned["jobs"], &pruned["events"]), (&serde_json::json!([old.to_string()]), &2.into()));
    let reader = Reader::open(&folder.path().join(STORE)).expect("it is there");
    assert_eq!(reader.jobs().expect("it can be read")[0].id, open);
}

#[test]
fn what_is_no_store_and_no_backup_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("letter"), "dear reader").expect("it can be written");

    let errors = [
        ["store", "backup", "copy"].as_slice(),
        &["store", "prune"],
        &["store", "restore", "--acknowledge"],
        &["store", "restore", "letter"],
        &["store", "restore", "nothing"],
    ]
    .map(|words| said(&privaflow(folder.path(), words.iter().copied())));

    for (number, (out, err, code)) in errors.into_iter().enumerate() {
        let expected = match number {
            0..3 => "error: there is no store `.privaflow`",
            3 => "error: `letter` is no whole backup made by `privaflow store backup`",
            _ => "error: there is no file `nothing`",
        };
        assert!(err.starts_with(expected) && out.is_empty() && code == Some(2), "{err}");
    }
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn the_master_key_of_the_settings_is_rotated_and_without_it_nothing_opens_and_nothing_is_lost() {
    const ONE: &str = "the first master key, which is long enough";
    const TWO: &str = "the second master key, which is long enough";
    let folder = tempfile::tempdir().expect("a folder");
    let source = MasterSource::new("env ONE".to_owned(), || Ok(Secret::new(ONE.to_owned())));
    let masters = Masters { wanted: Some(source), previous: None };
    let store = Store::open_with(&folder.path().join(STORE), masters).expect("it is new");
    let arrival = Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [1; 32],
        turn: None,
        due_ms: None,
        received_ms: 0,
        record: b"{}".to_vec(),
    };
    store.accept(vec![arrival], None).expect("there is room");
    drop(store);
    let settings = |text: &str| std::fs::write(folder.path().join("privaflow.yaml"), text).expect("a file");
    let with = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
        command
            .args(words)
            .current_dir(folder.path())
            .env_remove("PRIVAFLOW_LOG")
            .env("ONE", ONE)
            .env("TWO", TWO);
        said(&command.output().expect("it can be started"))
    };

    settings("keys: { master: { env: NOT_SET } }");
    let (_, unset, unset_code) = with(&["store", "prune"]);
    settings("keys: { master: { env: TWO } }");
    let (_, wrong, wrong_code) = with(&["store", "prune"]);
    settings("keys: { master: { env: TWO }, previous: { env: ONE } }");
    let (rotated, _, code) = with(&["keys", "rotate", "--output", "json"]);
    let (_, again, again_code) = with(&["keys", "rotate"]);
    settings("keys: { master: { env: TWO } }");
    let (_, err, pruned) = with(&["store", "prune"]);

    assert!(unset.contains("`NOT_SET` is not set; it holds the master key"), "{unset}");
    assert!(
        wrong.contains("wrapped with another master key than that of env TWO; nothing is lost"),
        "{wrong}"
    );
    assert!(again.contains("wrapped with the master key of env TWO already"), "{again}");
    assert_eq!(
        [unset_code, wrong_code, code, again_code, pruned],
        [Some(2), Some(2), Some(0), Some(2), Some(0)]
    );
    assert_eq!(rotated.trim(), r#"{"keys":1,"master":"env TWO"}"#, "{err}");
    assert!(![unset, wrong, again, rotated].concat().contains("long enough"));
}

/// A store as the release wrote it whose format was the fourth, with one job that is over.
fn store_of_the_fourth_format(folder: &Path) {
    std::fs::create_dir(folder.join(STORE)).expect("a folder");
    let earlier = rusqlite::Connection::open(folder.join(STORE).join("journal.db")).expect("a database");
    for migration in [
        include_str!("../src/journal/migrations/001-jobs-events-segments.sql"),
        include_str!("../src/journal/migrations/002-marks-and-second-tries.sql"),
        include_str!("../src/journal/migrations/003-inbox.sql"),
        include_str!("../src/journal/migrations/004-ledger.sql"),
        "INSERT INTO jobs (workflow_name, workflow_digest, workflow_text, input_path, input_digest, format, \
         started_ms, sandbox, status) VALUES ('erase', zeroblob(32), '', 'a', zeroblob(32), 'null', 1, 0, 2)",
        "PRAGMA user_version = 4",
    ] {
        earlier.execute_batch(migration).expect("it can be written");
    }
}

#[test]
fn a_store_of_an_earlier_release_is_copied_as_it_is_and_then_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    store_of_the_fourth_format(folder.path());
    let format = |file: &str| -> i64 {
        let connection = rusqlite::Connection::open(folder.path().join(file)).expect("a database");
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
    };

    let refused = said(&privaflow(folder.path(), ["jobs", "list"]));
    for lists in [&["gate", "list"][..], &["gate", "list", "--subject", "external_id=u-1"], &["hold", "list"]]
    {
        assert_eq!(said(&privaflow(folder.path(), lists.iter().copied())), refused, "{lists:?}");
    }
    let (copied, _, code) = said(&privaflow(folder.path(), ["store", "backup", "copy"]));
    assert_eq!((code, format("copy"), format(".privaflow/journal.db")), (Some(0), 4, 4), "{copied}");
    let pruned = said(&privaflow(folder.path(), ["store", "prune", "--older-than", "36500d"]));
    let listed = said(&privaflow(folder.path(), ["jobs", "list"]));

    assert!(refused.1.contains("has format 4 of an earlier release"), "{}", refused.1);
    assert_eq!((refused.2, pruned.2, listed.2), (Some(2), Some(0), Some(0)), "{}{}", pruned.1, listed.1);
    assert!(listed.0.contains("erase"), "{}", listed.0);
    for lists in [["gate", "list"], ["hold", "list"]] {
        let listed = said(&privaflow(folder.path(), lists));
        assert_eq!(listed.2, Some(0), "{}", listed.1);
    }
    let back = said(&privaflow(folder.path(), ["store", "restore", "copy", "--force"]));
    assert_eq!(back.2, Some(0), "{}", back.1);
    assert!(said(&privaflow(folder.path(), ["jobs", "list"])).0.contains("erase"));
}
