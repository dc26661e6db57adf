//! What is said, when, and what is not.

use serde_json::json;

use crate::portal::{ERASE, Fault, Stage, subtask};

const FIND: &str = "braze /users/export/ids";

#[test]
fn completed_is_said_after_the_erasure_was_seen_and_not_before() {
    let stage = Stage::new(ERASE);
    *stage.world.still_found.lock().unwrap() = 3;

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(shot.json()["verified"], 1);
    let expected = ["PUT status", FIND, "braze /users/delete", FIND, FIND, FIND, FIND, "PUT complete"];
    assert_eq!(stage.asked(), expected);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!(stage.comments(), ["Carried out and verified. Reference: 7f3c"]);
}

#[test]
fn nothing_is_said_of_the_end_while_a_run_waits() {
    let stage = Stage::new(&ERASE.replace("every: 20ms", "every: 1h").replace("at_most: 10m", "at_most: 5h"));
    *stage.world.still_found.lock().unwrap() = 1;

    let shot = stage.folder.run(&[
        "run",
        "flow.yaml",
        "--input",
        "requests.ndjson",
        "--output",
        "json",
        "--wait",
        "1ms",
    ]);

    assert_eq!(shot.counts(), (1, [0, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS"]);
    assert!(stage.comments().is_empty());
}

#[test]
fn a_run_that_fails_for_good_says_so_without_a_word_about_the_person() {
    let stage = Stage::new(ERASE);
    *stage.world.refuses_erasure.lock().unwrap() = true;

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "FAILED"]);
    assert_eq!(stage.comments(), ["Failed at erase: refused. Reference: 7f3c"]);
    assert_eq!(stage.times("braze /users/delete"), 1);
}

#[test]
fn a_request_of_a_file_is_reported_to_nobody_and_needs_no_credentials_of_onetrust() {
    let stage = Stage::new(ERASE);
    let settings = stage.folder.read("privaflow.yaml");
    let (braze, portal) = settings.split_once("  portal:").unwrap();
    let portal = portal.replace("PRIVAFLOW_TEST_KEY", "NOBODY_SET_THIS");
    stage.folder.write("privaflow.yaml", format!("{braze}  portal:{portal}"));
    let mut record = subtask();
    record.as_object_mut().unwrap().remove("source");
    stage.folder.requests([record]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert!(stage.portal.requests().is_empty());
}

/// The settings without the profile `portal`.
fn without_onetrust(stage: &Stage) {
    let settings = stage.folder.read("privaflow.yaml");
    let (braze, rest) = settings.split_once("  portal:").unwrap();
    let (_, retries) = rest.split_once("retries:").unwrap();
    stage.folder.write("privaflow.yaml", format!("{braze}retries:{retries}"));
}

#[test]
fn a_record_of_a_file_that_names_a_subtask_is_reported_only_by_a_workflow_that_says_so() {
    let stage = Stage::new(&ERASE.replace("report: default\n", ""));

    let shot = stage.folder.job();
    without_onetrust(&stage);
    let alone = stage.folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]);
    let validated = stage.folder.run(&["validate", "flow.yaml"]);

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!((shot.json()["verified"].as_u64(), stage.times("braze /users/delete")), (Some(1), 1));
    assert!(stage.portal.requests().is_empty());
    // Whoever carries a workflow out on a file need not hear what else would start it.
    assert_eq!((alone.code, alone.stderr.contains("warning")), (0, false), "{}", alone.stderr);
    assert_eq!(validated.code, 0);
    let warning = "warning: the settings have no profile of `onetrust`";
    assert!(validated.stdout.contains(warning), "{}", validated.stdout);
}

#[test]
fn a_subtask_that_is_to_be_reported_by_a_profile_that_is_not_there_erases_nobody() {
    let misspelt = Stage::new(&ERASE.replace("profile: portal", "profile: portals"));
    let missing = Stage::new(ERASE);
    without_onetrust(&missing);
    for (stage, code) in [(misspelt, "unknown_profile"), (missing, "no_profile")] {
        let shot = stage.folder.job();

        assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
        assert_eq!(stage.asked(), Vec::<String>::new());
        let failed = stage.folder.run(&["runs", "list", "--output", "json"]).json();
        assert_eq!((&failed["code"], &failed["step"]), (&json!(code), &json!("report-begin")));
    }
}

#[test]
fn the_work_goes_on_when_onetrust_refuses_that_it_begins_and_stops_when_it_refuses_the_credentials() {
    let stage = Stage::new(ERASE).fault("PUT status", &[Fault::Refuse(400)]);
    let shot = stage.folder.job();
    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["COMPLETED"]);

    let stage = Stage::new(ERASE).fault("PUT status", &[Fault::Refuse(401)]);
    let shot = stage.folder.job();
    assert_eq!(shot.counts(), (3, [0, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(stage.times("braze /users/delete"), 0);

    let shot = stage.folder.job();
    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
}

#[test]
fn a_limit_of_onetrust_is_waited_for_and_its_answer_counts_as_no_attempt() {
    let stage = Stage::new(&ERASE.replace("report: default", "report: { complete_by: status }"));
    let stage = stage.fault("PUT status", &[Fault::Limit]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.times("PUT status"), 3);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
}

#[test]
fn what_was_not_verified_is_left_to_a_person_with_a_comment_on_the_request() {
    let (steps, _) = ERASE.split_once("  - id: verify").unwrap();
    let stage = Stage::new(steps);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS"]);
    assert!(stage.comments()[0].contains("not_verified"), "{:?}", stage.comments());
    assert!(shot.stderr.contains("no subtask is ever completed"), "{}", shot.stderr);
}

#[test]
fn a_plan_shows_what_would_be_reported() {
    let stage = Stage::new(ERASE);

    let lines =
        stage.folder.run(&["plan", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]).lines();

    let shown: Vec<_> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(shown, ["report-begin", "find", "erase", "verify", "report-complete"]);
    assert_eq!(lines[0]["method"], "PUT");
    assert_eq!(lines[0]["body"], json!({"status": "IN_PROGRESS"}));
    assert!(lines[0]["url"].as_str().unwrap().ends_with("/api/datasubject/v2/subtasks/7f3c/status"));
    assert_eq!(lines[4]["needs"], json!(["erase", "find", "verify"]));
}

#[test]
fn a_subtask_of_a_kind_that_the_workflow_does_not_take_fails_and_nobody_is_touched() {
    let stage = Stage::new(ERASE);
    let mut record = subtask();
    record["kind"] = json!("access");
    stage.folder.requests([record]);

    let plan =
        stage.folder.run(&["plan", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]).lines();
    let shot = stage.folder.job();

    assert_eq!(plan[0]["step"], "report-failed", "{plan:?}");
    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(shot.json()["failed_by"], json!({"kind_mismatch": 1}));
    assert_eq!(stage.asked(), ["PUT status"]);
    assert_eq!(stage.comments(), ["Failed at none: kind_mismatch. Reference: 7f3c"]);
}

#[test]
fn the_shadow_tells_onetrust_nothing_however_a_run_ends() {
    let told = ["onetrust/subtask.status", "onetrust/request.comment"];
    let fails = format!(
        "{}on_failure:\n  - uses: onetrust/request.comment\n    with: {{ request_ref: \"{{{{ request.source.ref }}}}\", comment: Failed }}\n",
        ERASE.replace("steps:\n", "steps:\n  - assert: has(subject.phone)\n")
    );
    let leaves = ERASE.replace("size(steps.find.output.users) > 0", "has(subject.phone)");
    let cases = [
        (ERASE, [0, 1, 0, 0], json!({ (told[0]): 1, "braze/users.delete": 1 })),
        (&leaves, [0, 1, 0, 0], json!({ (told[0]): 1, (told[1]): 1 })),
        (&fails, [0, 0, 1, 0], json!({ (told[0]): 2, (told[1]): 1 })),
    ];
    for (workflow, counts, not_sent) in cases {
        let stage = Stage::new(workflow);
        let run = ["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--shadow"];

        let shot = stage.folder.run(&run);

        assert!(stage.asked().iter().all(|asked| asked == FIND), "{:?}", stage.asked());
        assert_eq!(shot.counts().1, counts, "{}", shot.stderr);
        assert_eq!(shot.json()["shadow"], not_sent);
    }
}
