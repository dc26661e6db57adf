//! A person who does not exist, taken through the pipe that carries everybody else.

use serde_json::{Value, json};

use crate::folder::{ERASE, Folder};
use crate::server::{Server, accepted};
use crate::serving::{Serving, jobs, put_deletions, until};
use crate::watching::Braze;

fn folder(braze: &Braze, workflow: &str, more: &str) -> Folder {
    let folder = Folder::to(braze.sandbox.address(), workflow);
    let settings = folder.read("privaflow.yaml");
    let canary = format!(
        "canary:\n  workflow: erase\n  profile: braze-production\n  subject: {{ external_id: privaflow-canary-1, email: privaflow-canary@example.com }}\n{more}"
    );
    folder.write("privaflow.yaml", format!("{settings}{canary}"));
    folder
}

/// The exit code of `canary show`, and what it says.
fn shown(folder: &Folder) -> (i32, Value) {
    let shot = folder.run(&["canary", "show", "--output", "json"]);
    (shot.code, shot.json())
}

#[test]
fn serve_takes_a_canary_through_the_pipe_and_it_counts_nowhere_but_in_the_ledger() {
    let braze = Braze::with(1..=2);
    let folder = folder(&braze, ERASE, "");
    put_deletions(&folder, 1..=2);

    let serving = Serving::start(&folder);
    until("a canary came through", || shown(&folder).1["last_good_at"].is_string());
    until("the others are erased", || jobs(&folder).first().is_some_and(|job| job["status"] == "finished"));

    let (code, state) = shown(&folder);
    assert_eq!((code, &state["last"][0]["good"]), (0, &json!(true)), "{state}");
    assert_eq!(serving.ready().1["parts"]["canary"]["trouble"], Value::Null);
    assert!(serving.ready().1["parts"]["canary"]["last_good_at"].is_string());
    assert_eq!(serving.stop().0, 0);
    assert_eq!(braze.people(), [""; 0]);
    let listed = jobs(&folder);
    assert_eq!((listed.len(), &listed[0]["requests"]), (1, &json!(2)), "{listed:?}");
    assert_eq!(folder.run(&["jobs", "list", "--canary", "--output", "json"]).lines().len(), 2);
    let reader = privaflow::journal::Reader::open(&folder.path("store")).unwrap();
    assert_eq!(reader.irreversible("braze-production", 0).unwrap(), 2, "the guard counts people who exist");
    let entries: String = reader
        .ledger(0, 1000)
        .unwrap()
        .into_iter()
        .map(|entry| String::from_utf8(entry.entry).unwrap())
        .collect();
    assert!(entries.contains(r#""fact":"canary""#) && !entries.contains("privaflow-canary"), "{entries}");
}

#[test]
fn a_canary_that_a_killed_process_left_is_gone_on_with_and_leaves_nobody() {
    let braze = Braze::with([]);
    let folder = folder(&braze, &ERASE.replace("steps:", "steps:\n  - wait: 2s"), "");
    let serving = Serving::start(&folder);
    until("it is in a job", || {
        folder.run(&["jobs", "list", "--canary", "--output", "json"]).lines().len() == 1
    });
    serving.running.kill();
    assert_eq!(braze.people(), ["privaflow-canary-1"]);

    let serving = Serving::start(&folder);
    until("it came through", || shown(&folder).1["last_good_at"].is_string());

    assert_eq!(serving.stop().0, 0);
    assert_eq!(braze.people(), [""; 0]);
    assert_eq!(folder.run(&["jobs", "list", "--canary", "--output", "json"]).lines().len(), 1);
}

#[test]
fn a_workflow_that_erases_nobody_in_truth_is_found_out_and_the_person_is_not_left() {
    let braze = Braze::with([]);
    let other = ERASE.replace("{{ subject.external_id }}", "{{ subject.external_id }}-x");
    let folder = folder(&braze, &other, "  within: 1s\n");

    let shot = folder.run(&["canary", "run", "--output", "json"]);

    let beat = shot.json();
    assert_eq!(
        (shot.code, &beat["step"], &beat["why"]),
        (1, &json!("verify"), &json!("still_there")),
        "{}",
        shot.stderr
    );
    assert_eq!(braze.people(), [""; 0]);
    assert_eq!(shown(&folder).0, 1);
    folder.write("flow.yaml", ERASE);
    let again = folder.run(&["canary", "run"]);
    assert_eq!(
        (again.code, again.stdout.contains("good: made, erased and gone")),
        (0, true),
        "{}",
        again.stderr
    );
    assert_eq!(shown(&folder).1["last"].as_array().unwrap().len(), 2);
}

#[test]
fn a_pipe_that_carries_nothing_any_more_is_said_in_the_channels() {
    let braze = Braze::with([]);
    let taker = Server::start(|_, _| accepted());
    let channel =
        format!("notify: {{ ops: {{ webhook: {{ url: 'http://{}/' }}, window: 1ms }} }}\n", taker.address);
    let canary = "  every: 1s\n  alert_after: 2s\n  to: [ops]\n";
    let folder = folder(&braze, ERASE, &format!("{canary}{channel}"));
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);

    let serving = Serving::start(&folder);

    serving.running.says("no canary came through workflow erase since");
    taker.wait_for(1);
    let told = taker.requests()[0].json().to_string();
    assert!(told.contains("canary") && told.contains("silent"), "{told}");
    assert!(!told.contains("privaflow-canary"), "{told}");
    assert_eq!(serving.ready().1["parts"]["canary"]["trouble"], "silent");
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    until("one came through", || shown(&folder).1["last_good_at"].is_string());
    serving.stop();
}

#[test]
fn a_canary_that_waits_for_a_person_is_told_at_once() {
    let braze = Braze::with([]);
    let folder = folder(&braze, ERASE, "");
    assert_eq!(folder.run(&["canary", "run"]).code, 0);
    let hold = ["hold", "add", "external_id=privaflow-canary-1", "--reason", "nobody is to be erased"];
    assert_eq!(folder.run(&hold).code, 0);

    let shot = folder.run(&["canary", "run", "--output", "json"]);

    let beat = shot.json();
    let told = (shot.code, &beat["step"], &beat["why"]);
    assert_eq!(told, (1, &json!("act"), &json!("needs_attention")), "{}", shot.stderr);
    assert_eq!(braze.people(), [""; 0]);
}
