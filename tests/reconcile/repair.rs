//! The repair: an ordinary job that writes what was lost, loses to what is newer, and survives a kill.

use std::os::unix::fs::PermissionsExt;

use privaflow::sandbox::{Effect, Fault, Faults};
use serde_json::json;

use crate::people::{asked, at, braze_holding, consent, counts, folder, hold, reconcile};
use crate::running::Running;

const PURPOSE: &str = "Marketing e-mail";

#[test]
fn a_record_that_was_carried_out_before_is_repaired_all_the_same() {
    // given: our own job wrote the opt-out, and somebody else undid it
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 5)]);
    assert_eq!(here.job().counts(), (0, [1, 0, 0, 0]));
    hold(&braze, "consent-global", [consent(0, PURPOSE, "ACTIVE", 1)]);

    let shot = reconcile(&here, &["--repair"]);

    assert_eq!((shot.code, counts(&shot)), (0, [1, 0, 0, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "unsubscribed");
}

#[test]
fn a_repair_loses_to_a_newer_consent() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "ACTIVE", 9)]);
    assert_eq!(here.job().counts(), (0, [1, 0, 0, 0]));
    // What OneTrust is said to say is older than what was carried out.
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 3)]);

    let shot = reconcile(&here, &["--repair"]);

    let job = &shot.lines()[1];
    assert_eq!(job["skipped_by"], json!({ "superseded": 1 }), "{}", shot.stdout);
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "opted_in");
}

#[test]
fn only_what_was_lost_is_written_again() {
    // given: of one record e-mail was lost one way and push the other
    let braze = braze_holding("consent-global", 1, []);
    let both = |email: &str, push: &str| {
        json!({ "kind": "consent", "subject": { "external_id": "u-0" }, "consents": [
            { "purpose": PURPOSE, "status": email, "updated_at": at(1) },
            { "purpose": "Push notifications", "status": push, "updated_at": at(2) }] })
    };
    hold(&braze, "consent-global", [both("ACTIVE", "WITHDRAWN")]);
    let here = folder(&braze, "consent-global");
    here.requests([both("WITHDRAWN", "ACTIVE")]);

    let shot = reconcile(&here, &["--repair"]);

    assert_eq!((shot.code, counts(&shot)), (1, [1, 0, 1, 0, 0, 0]), "{}", shot.stderr);
    let profile = &braze.sandbox.profiles()[0];
    assert_eq!((profile.email_subscribe, profile.push_subscribe), ("unsubscribed", "unsubscribed"));
}

#[test]
fn the_file_of_what_was_lost_is_private_and_is_an_input_of_run() {
    let braze = braze_holding("consent-global", 1, [consent(0, PURPOSE, "ACTIVE", 1)]);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 2)]);

    let shot = reconcile(&here, &["--out", "lost.ndjson"]);
    let run = here.run(&["run", "flow.yaml", "--input", "lost.ndjson", "--output", "json"]);

    assert_eq!(shot.code, 1);
    let mode = std::fs::metadata(here.path("lost.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(run.counts(), (0, [1, 0, 0, 0]), "{}", run.stderr);
    assert_eq!(run.stderr, "");
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "unsubscribed");
}

#[test]
fn records_that_a_workflow_maps_are_repaired_though_the_repair_is_not_mapped_again() {
    let braze = braze_holding("consent-global", 1, []);
    let text = std::fs::read_to_string("workflows/consent-global.yaml").unwrap();
    let map = "on:\n  file:\n    kinds: [consent]\n    format: csv\n    map:\n      kind: consent\n      \
               subject: { external_id: \"{{ row.id }}\" }\n      \
               consents: [{ purpose: Marketing e-mail, status: \"{{ row.status }}\", updated_at: \"{{ row.at }}\" }]\n";
    let here = folder(&braze, "consent-global");
    let text = text.replacen("on:\n  file: { kinds: [consent] }", map.trim_end(), 1);
    assert!(text.contains("format: csv"), "the shipped workflow reads otherwise now");
    here.write("flow.yaml", text);
    here.write("requests.csv", format!("id,status,at\nu-0,WITHDRAWN,{}\n", at(1)));

    let shot =
        here.run(&["reconcile", "flow.yaml", "--input", "requests.csv", "--output", "json", "--repair"]);

    assert_eq!((shot.code, counts(&shot)), (0, [1, 0, 0, 0, 0, 0]), "{}{}", shot.stdout, shot.stderr);
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "unsubscribed");
}

#[test]
fn a_repair_that_was_killed_is_gone_on_with_by_the_same_command() {
    // given: Braze takes the write, and its answer is long in coming
    let braze = braze_holding("consent-global", 40, []);
    let here = folder(&braze, "consent-global");
    here.requests((0..40).map(|number| consent(number, PURPOSE, "WITHDRAWN", 1)));
    let stall = Fault::new(Effect::Stall { for_ms: 600_000 }).on("/users/track");
    braze.sandbox.set_faults(Faults { faults: vec![stall] });
    let start = ["reconcile", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--repair"];
    let running = Running::of(here.command(&start));
    while asked(&braze, "/users/track") == 0 {
        std::thread::yield_now();
    }

    // when
    running.kill();
    braze.sandbox.set_faults(Faults::default());
    let again = here.run(&start);

    // then: the job that was begun is over, and nothing is left to be found
    assert!(again.stderr.contains("going on with a repair"), "{}", again.stderr);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(braze.sandbox.profiles().iter().all(|profile| profile.email_subscribe == "unsubscribed"));
    let left = std::fs::read_dir(here.path("store/reconcile")).unwrap().count();
    assert_eq!(left, 0, "the records of a repair that is over name people");
}

#[test]
fn a_workflow_that_erases_is_not_compared() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "user-deletion");
    here.requests([crate::folder::deletion(0)]);

    let shot = reconcile(&here, &[]);

    assert_eq!(shot.code, 2);
    assert!(shot.stderr.contains("cannot be undone"), "{}", shot.stderr);
}

#[test]
fn a_process_that_owns_the_store_carries_the_repair_out() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 1)]);
    let serving = Running::of(here.command(&["serve", "--listen", "127.0.0.1:0"]));
    serving.says("listening on");

    let shot = reconcile(&here, &["--repair"]);

    assert_eq!((shot.code, counts(&shot)), (0, [1, 0, 0, 0, 0, 0]), "{}", shot.stderr);
    assert!(shot.stderr.contains("owns the store"), "{}", shot.stderr);
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "unsubscribed");
    serving.signal("TERM");
    assert_eq!(serving.end().code, 0);
}
