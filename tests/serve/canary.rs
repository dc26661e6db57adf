//! A person who does not exist, taken through the pipe that carries everybody else.

use std::net::SocketAddr;

use privaflow::sandbox::Identifiers;
use serde_json::{Value, json};

use crate::folder::{ERASE, FIND_AND_ERASE, Folder};
use crate::server::{Server, accepted, answer};
use crate::serving::{Serving, jobs, put_deletions, until};
use crate::watching::Braze;

fn folder(braze: &Braze, workflow: &str, more: &str) -> Folder {
    folder_to(braze.sandbox.address(), workflow, more)
}

fn folder_to(address: SocketAddr, workflow: &str, more: &str) -> Folder {
    let folder = Folder::to(address, workflow);
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
    // Braze takes it, and deletes nobody: there is no such profile of that address.
    let by_address = r#"email_addresses: [{ email: "{{ subject.email }}", prioritization: [unidentified] }]"#;
    let other = ERASE.replace(r#"external_ids: ["{{ subject.external_id }}"]"#, by_address);
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

/// Who is left alone, whatever is known by the canary's address.
fn stranger(external_id: Option<&str>) -> Identifiers {
    let email = Some("privaflow-canary@example.com".to_owned());
    Identifiers { external_id: external_id.map(str::to_owned), email, ..Identifiers::default() }
}

#[test]
fn a_real_profile_under_the_canary_s_address_stops_it_before_anybody_is_made_or_erased() {
    for external_id in [Some("real-9"), None] {
        // Given somebody real who has the canary's address
        let braze = Braze::with([]);
        assert!(braze.sandbox.add_profile(&stranger(external_id)));
        let folder = folder(&braze, FIND_AND_ERASE, "");

        // When it is sent
        let shot = folder.run(&["canary", "run", "--output", "json"]);
        let said = folder.run(&["canary", "run"]).stdout;

        // Then it says why, and they are still there
        let beat = shot.json();
        let told = (shot.code, &beat["step"], &beat["why"], &beat["cleaned_up"]);
        assert_eq!(told, (1, &json!("create"), &json!("somebody_else"), &Value::Null), "{}", shot.stderr);
        assert!(said.contains("not the canary's") && !said.contains("real-9"), "{said}");
        assert_eq!(braze.sandbox.profiles().iter().filter(|profile| !profile.deleted).count(), 1);
        assert_eq!(folder.run(&["jobs", "list", "--canary", "--output", "json"]).lines().len(), 0);
    }
}

#[test]
fn somebody_who_is_found_only_while_the_workflow_runs_is_not_erased_either() {
    // Given a Braze that answers for the address first with the canary's own profile, then with somebody else's
    let own = json!({ "braze_id": "b-own", "external_id": "privaflow-canary-1" });
    let is_made = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |request, _| {
        use std::sync::atomic::Ordering::SeqCst;
        if request.path == "/users/track" {
            is_made.store(1, SeqCst);
        }
        if request.path != "/users/export/ids" {
            return accepted();
        }
        let by_address = request.json().get("email_address").is_some();
        // The one of the workflow is the second by the address since it was made.
        let looked = if by_address && is_made.load(SeqCst) > 0 { is_made.fetch_add(1, SeqCst) } else { 0 };
        let users = match (is_made.load(SeqCst), looked) {
            (0, _) => json!([]),
            (_, 2..) => json!([{ "braze_id": "b-real", "email": "privaflow-canary@example.com" }]),
            _ => json!([own]),
        };
        answer(201, json!({ "users": users, "message": "success" }).to_string())
    });
    let folder = folder_to(server.address, FIND_AND_ERASE, "");

    let shot = folder.run(&["canary", "run", "--output", "json"]);

    // Then nobody but the canary is erased, and it says why
    let beat = shot.json();
    let told = (shot.code, &beat["step"], &beat["why"], &beat["cleaned_up"]);
    assert_eq!(told, (1, &json!("act"), &json!("somebody_else"), &json!(true)), "{}", shot.stderr);
    let deleted: Vec<Value> =
        server.requests().iter().filter(|it| it.path == "/users/delete").map(|it| it.json()).collect();
    assert_eq!(deleted, [json!({ "external_ids": ["privaflow-canary-1"] })]);
}

#[test]
fn a_profile_that_an_answer_calls_the_canary_s_and_that_is_another_s_by_itself_is_not_erased() {
    let (own, real) = ("privaflow-canary-1", "b-real");
    for (by_itself, why) in [
        (json!([{ "braze_id": real, "external_id": "u-9" }]), "somebody_else"),
        (json!([{ "braze_id": real }]), "somebody_else"),
        (json!([{ "braze_id": "b-2", "external_id": own }]), "somebody_else"),
        (
            json!([{ "braze_id": real, "external_id": own }, { "braze_id": real, "external_id": "u-9" }]),
            "somebody_else",
        ),
        (json!([]), "never_seen"),
    ] {
        // Given a Braze that answers for the canary's name with somebody else's Braze id, once it is made
        let is_made = std::sync::atomic::AtomicBool::new(false);
        let server = Server::start(move |request, _| {
            use std::sync::atomic::Ordering::SeqCst;
            if request.path == "/users/track" {
                is_made.store(true, SeqCst);
            }
            if request.path != "/users/export/ids" {
                return accepted();
            }
            let users = match (is_made.load(SeqCst), request.json().get("braze_id")) {
                (false, _) => json!([]),
                (true, None) => json!([{ "braze_id": real, "external_id": own }]),
                (true, Some(_)) => by_itself.clone(),
            };
            answer(201, json!({ "users": users, "message": "success" }).to_string())
        });
        let folder = folder_to(server.address, FIND_AND_ERASE, "  within: 1s\n");

        let shot = folder.run(&["canary", "run", "--output", "json"]);

        // Then nothing is sent in, and not even its own name is erased: it leads to them
        let beat = shot.json();
        let told = (shot.code, &beat["step"], &beat["why"], &beat["cleaned_up"]);
        assert_eq!(told, (1, &json!("appear"), &json!(why), &json!(false)), "{}", shot.stderr);
        assert!(server.requests().iter().all(|it| it.path != "/users/delete"), "{why}");
        assert_eq!(folder.run(&["jobs", "list", "--canary", "--output", "json"]).lines().len(), 0);
    }
}

#[test]
fn the_job_of_a_canary_that_failed_is_given_up_and_hinders_nobody() {
    let braze = Braze::with([]);
    let folder = folder(&braze, ERASE, "");
    let hold = ["hold", "add", "external_id=privaflow-canary-1", "--reason", "nobody is to be erased"];
    assert_eq!(folder.run(&hold).code, 0);

    let serving = Serving::start(&folder);
    until("one failed", || shown(&folder).1["last"][0]["why"].is_string());

    let beat = &shown(&folder).1["last"][0];
    assert_eq!((&beat["step"], &beat["cleaned_up"]), (&json!("act"), &json!(true)), "{beat}");
    assert_eq!(serving.stop().0, 0);
    let listed = folder.run(&["jobs", "list", "--canary", "--output", "json"]).lines();
    assert!(listed.iter().all(|job| job["status"] == "cancelled") && !listed.is_empty(), "{listed:?}");
    assert_eq!(braze.people(), [""; 0]);
}
