//! The shipped workflows for access, rectification and "do not sell", with the real program over real
//! sockets: what is handed over is what Braze holds, and what is corrected was seen to be there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/folder.rs"]
mod folder;
#[path = "access/strangers.rs"]
mod strangers;

use folder::{Braze, Folder, KEY, Shot};
use privaflow::sandbox::onetrust::{NewRequest, Options};
use privaflow::sandbox::{AliasName, Identifiers, OneTrust};
use serde_json::{Value, json};

const EMAIL: &str = "marker-7Q@example.com";

/// Somebody with two profiles: one known by an id, and one from before, known by an alias.
struct Stage {
    folder: Folder,
    braze: Braze,
}

impl Stage {
    fn new(workflow: &str) -> Stage {
        let alias = AliasName { alias_name: "m-77".to_owned(), alias_label: "crm".to_owned() };
        let person = |(external_id, aliases)| {
            let email = Some(EMAIL.to_owned());
            Identifiers { external_id, email, aliases, ..Identifiers::default() }
        };
        Stage::of(workflow, [(Some("u-1".to_owned()), vec![]), (None, vec![alias])].map(person))
    }

    /// The same with other people.
    fn of(workflow: &str, people: impl IntoIterator<Item = Identifiers>) -> Stage {
        let text = std::fs::read_to_string(format!("workflows/{workflow}.yaml")).unwrap();
        let braze = Braze::start();
        let folder = Folder::to(braze.sandbox.address(), &quick(&text));
        let settings = folder.read("privaflow.yaml");
        let answers = "  answers: { system: folder, path: answers }\n";
        let portal = "  onetrust-production: { system: onetrust, scheme: http, host: 127.0.0.1:1, token: { env: PRIVAFLOW_TEST_KEY } }\n";
        folder.write("privaflow.yaml", format!("{settings}{answers}{portal}"));
        for person in people {
            assert!(braze.sandbox.add_profile(&person));
        }
        Stage { folder, braze }
    }

    fn job(&self, kind: &str, fields: Value) -> Shot {
        self.folder.requests([json!({
            "id": "SL244HWD6D:7f3c", "kind": kind, "subject": { "email": EMAIL }, "fields": fields,
        })]);
        self.folder.job()
    }

    /// The only file with this ending that was handed over.
    fn answer(&self, ending: &str) -> String {
        let entries = std::fs::read_dir(self.folder.path("answers")).unwrap();
        let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        let mut found = paths.iter().filter(|path| path.extension().is_some_and(|own| own == ending));
        let path = found.next().unwrap_or_else(|| panic!("{paths:?}"));
        assert!(found.next().is_none(), "{paths:?}");
        std::fs::read_to_string(path).unwrap()
    }
}

/// The same with pauses that a test need not wait for.
fn quick(text: &str) -> String {
    text.replace("every: 1m", "every: 10ms")
}

#[test]
fn everything_about_a_person_is_handed_over_as_json_and_as_a_page() {
    let stage = Stage::new("access-export");

    let shot = stage.job("access", json!({}));

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    let answer: Value = serde_json::from_str(&stage.answer("json")).unwrap();
    let profiles = answer.as_array().unwrap();
    assert_eq!(profiles.len(), 2);
    assert!(profiles.iter().all(|profile| profile["profile"]["email"] == EMAIL), "{answer}");
    assert!(profiles.iter().any(|profile| profile["profile"]["external_id"] == "u-1"));
    let page = stage.answer("html");
    assert!(page.starts_with("<!doctype html>") && page.contains(EMAIL) && page.contains("m-77"), "{page}");
    assert!(!shot.stderr.contains(EMAIL) && !shot.stdout.contains(EMAIL));
    assert!(!stage.folder.store_bytes().contains("marker-7Q"));
}

/// Two customers and somebody without an id, who share an e-mail.
fn household(workflow: &str) -> Stage {
    let stage = Stage::new(workflow);
    for external_id in [Some("u-2".to_owned()), None] {
        let email = Some(EMAIL.to_owned());
        stage.braze.sandbox.add_profile(&Identifiers { external_id, email, ..Identifiers::default() });
    }
    stage
}

/// Requests that name people of the household, or an id that only its e-mail could stand for.
fn of_the_household() -> [Value; 4] {
    [
        json!({ "external_id": "u-1", "email": EMAIL }),
        json!({ "email": EMAIL }),
        json!({ "external_id": "u-1" }),
        json!({ "external_id": "u-gone", "email": EMAIL }),
    ]
}

#[test]
fn where_an_address_is_shared_nothing_is_handed_over_before_a_person_has_looked() {
    for subject in of_the_household() {
        let stage = household("access-export");
        stage.folder.requests([json!({ "id": "a", "kind": "access", "subject": subject })]);

        let shot = stage.folder.job();

        assert_eq!(shot.counts(), (1, [0, 0, 0, 1]), "{subject}: {}", shot.stderr);
        assert!(!stage.folder.path("answers").exists(), "{subject}");
        let run = stage.folder.run(&["runs", "show", "job-1:0"]).stdout;
        assert!(run.contains("runs approve") && run.contains("trust:"), "{run}");
    }
}

#[test]
fn an_address_of_one_other_customer_is_not_taken_for_the_one_who_asks() {
    let stage = Stage::new("access-export");
    stage.folder.requests([
        json!({ "id": "a", "kind": "access", "subject": { "external_id": "u-gone", "email": EMAIL } }),
        json!({ "id": "b", "kind": "access", "subject": { "external_id": "u-1", "email": EMAIL } }),
    ]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (1, [1, 0, 0, 1]), "{}", shot.stderr);
    assert_eq!(serde_json::from_str::<Value>(&stage.answer("json")).unwrap().as_array().unwrap().len(), 2);
}

/// Requests that name the profile of the stage that no external id is known of, and its e-mail, which leads to a
/// customer; and one that names the customer's own.
fn by_alias_or_braze_id(stage: &Stage) -> ([Value; 2], Value) {
    let braze_id = |is_customer: bool| {
        let profiles = stage.braze.sandbox.profiles();
        let found = profiles.into_iter().find(|profile| profile.external_id.is_some() == is_customer);
        found.unwrap().braze_id
    };
    let alias = json!([{ "alias_name": "m-77", "alias_label": "crm" }]);
    let others =
        [json!({ "aliases": alias, "email": EMAIL }), json!({ "braze_id": braze_id(false), "email": EMAIL })];
    (others, json!({ "braze_id": braze_id(true), "email": EMAIL }))
}

#[test]
fn a_customer_behind_the_e_mail_of_an_alias_or_a_braze_id_is_not_taken_for_theirs_unasked() {
    for (workflow, kind) in [("access-export", "access"), ("rectification", "rectification")] {
        let stage = Stage::new(workflow);
        let (others, own) = by_alias_or_braze_id(&stage);
        let record = |(subject, id): (&Value, &str)| json!({ "id": id, "kind": kind, "subject": subject, "fields": { "New first name": "Ann" } });
        stage.folder.requests(others.iter().zip(["a", "b"]).map(record));

        let waits = stage.folder.job();

        assert_eq!(waits.counts(), (1, [0, 0, 0, 2]), "{workflow}: {}", waits.stderr);
        assert_eq!(waits.json()["waiting_by"], json!({ "approval": 2 }), "{workflow}");
        assert!(!stage.folder.path("answers").exists(), "{workflow}");
        let profiles = stage.braze.sandbox.profiles();
        assert!(profiles.iter().all(|profile| profile.attributes.is_empty()), "{workflow}");
        // Who names the customer is not asked.
        stage.folder.write("own.ndjson", format!("{}\n", record((&own, "c"))));
        let goes = stage.folder.run(&["run", "flow.yaml", "--input", "own.ndjson", "--output", "json"]);
        assert_eq!(goes.counts(), (0, [1, 0, 0, 0]), "{workflow}: {}", goes.stderr);
    }
}

#[test]
fn a_person_decides_what_is_handed_over_of_a_shared_address() {
    let stage = household("access-export");
    let text = stage.folder.read("flow.yaml");
    let trusting =
        "    uses: privaflow/find_profiles\n    with: { trust: [external_id, user_alias, braze_id] }\n";
    stage.folder.write("flow.yaml", text.replace("    uses: privaflow/find_profiles\n", trusting));
    let subjects = [of_the_household()[0].clone(), json!({ "email": EMAIL, "external_id": "u-2" })];
    stage.folder.requests(
        subjects.iter().zip(["a", "b"]).map(|(of, id)| json!({ "id": id, "kind": "access", "subject": of })),
    );
    assert_eq!(stage.folder.job().counts(), (1, [0, 0, 0, 2]));

    let approved = stage.folder.run(&["runs", "approve", "job-1:0"]);
    let rejected = stage.folder.run(&["runs", "reject", "job-1:1"]);

    assert!(approved.stderr.contains("1 request of job-1 approved"), "{}", approved.stderr);
    assert!(rejected.stderr.contains("1 request of job-1 rejected"), "{}", rejected.stderr);
    let answer = stage.answer("json");
    assert!(answer.contains("u-1") && !answer.contains("u-2"), "{answer}");
}

#[test]
fn where_an_address_is_shared_nothing_is_corrected_before_a_person_has_looked() {
    for subject in of_the_household() {
        let stage = household("rectification");
        stage.folder.requests([json!({
            "id": "a", "kind": "rectification", "subject": subject, "fields": { "New first name": "Ann" },
        })]);

        let shot = stage.folder.job();

        assert_eq!(shot.counts(), (1, [0, 0, 0, 1]), "{subject}: {}", shot.stderr);
        assert!(stage.braze.sandbox.profiles().iter().all(|profile| profile.attributes.is_empty()));
    }
}

#[test]
fn requests_without_an_id_are_answered_each_in_files_of_their_own() {
    let stage = Stage::new("access-export");
    let people = ["a@example.com", "b@example.com", "c@example.com"];
    stage.folder.requests(people.map(|email| json!({ "kind": "access", "subject": { "email": email } })));

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [3, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(std::fs::read_dir(stage.folder.path("answers")).unwrap().count(), 2 * people.len());
}

#[test]
fn a_workflow_that_wants_it_gets_a_certificate_of_each_request_that_names_nobody() {
    let stage = Stage::new("do-not-sell");
    let text = stage.folder.read("flow.yaml");
    stage.folder.write("flow.yaml", format!("{text}certificate: true\n"));

    let shot = stage.job("opt_out", json!({}));

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    let folder = stage.folder.path("store/certificates");
    let page = std::fs::read_to_string(folder.join("certificate-job-1-0.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("job-1:0"), "{page}");
    assert!(!page.contains("marker-7Q"));
    stage.folder.run(&["ledger", "export", "ledger.ndjson"]);
    let document = folder.join("certificate-job-1-0.json");
    let document = document.to_str().unwrap();
    let checked = stage.folder.run(&["ledger", "verify", "ledger.ndjson", "--certificate", document]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    // Started again, nothing is left to be certified.
    let written = std::fs::metadata(folder.join("certificate-job-1-0.html")).unwrap().modified().unwrap();
    stage.folder.job();
    let again = std::fs::metadata(folder.join("certificate-job-1-0.html")).unwrap().modified().unwrap();
    assert_eq!(written, again);
}

#[test]
fn whom_nobody_knows_is_answered_that_there_is_nothing() {
    let stage = Stage::new("access-export");
    stage
        .folder
        .requests([json!({ "id": "a", "kind": "access", "subject": { "email": "nobody@example.com" } })]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.answer("json"), "[]");
}

#[test]
fn a_folder_that_cannot_be_written_to_stops_the_job_and_hands_nothing_over() {
    let stage = Stage::new("access-export");
    stage.folder.write("answers", "a file stands in the way");

    let shot = stage.job("access", json!({}));

    assert_eq!(shot.counts(), (3, [0, 0, 0, 1]), "{}", shot.stderr);
    assert!(shot.stderr.contains("may not be written to"), "{}", shot.stderr);

    std::fs::remove_file(stage.folder.path("answers")).unwrap();
    let again = stage.job("access", json!({}));
    assert_eq!(again.counts(), (0, [1, 0, 0, 0]), "{}", again.stderr);
}

#[test]
fn what_came_from_onetrust_is_attached_there_and_looked_for() {
    let stage = Stage::new("access-export");
    let text = stage.folder.read("flow.yaml");
    stage.folder.write("flow.yaml", text.replace("hand_over_to: folder", "hand_over_to: onetrust"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let portal = runtime.block_on(OneTrust::start(Options::default())).unwrap();
    let reference = portal.add_request(NewRequest::default()).unwrap();
    let request = portal.requests().into_iter().find(|request| request["ref"] == reference).unwrap();
    let settings = stage.folder.read("privaflow.yaml");
    let settings = settings.replace("127.0.0.1:1,", &format!("{},", portal.address()));
    stage.folder.write("key", portal.api_key());
    let (_, after) = settings.split_once("onetrust-production").unwrap();
    let keyed = after.replace("{ env: PRIVAFLOW_TEST_KEY }", "{ file: key }");
    stage.folder.write("privaflow.yaml", settings.replace(after, &keyed));
    stage.folder.requests([json!({
        "id": format!("{reference}:7f3c"), "kind": "access", "subject": { "email": EMAIL },
        "source": { "system": "onetrust", "ref": reference, "request_id": request["id"] },
    })]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    let request = portal.requests().into_iter().find(|request| request["ref"] == reference).unwrap();
    let results = &request["results"][0];
    assert_eq!(results["system"], "Braze");
    let names: Vec<&Value> =
        results["body"]["attachments"].as_array().unwrap().iter().map(|file| &file["fileName"]).collect();
    assert_eq!(names, ["braze.json.txt", "braze.html.txt"]);
    assert!(!stage.folder.store_bytes().contains("marker-7Q"));
    runtime.block_on(portal.stop());
}

#[test]
fn a_correction_reaches_every_profile_and_nothing_else_is_touched() {
    let stage = Stage::new("rectification");

    let shot = stage.job("rectification", json!({ "New first name": "Zoë", "New country": "FR" }));

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(shot.json()["verified"], 1);
    for profile in stage.braze.sandbox.profiles() {
        assert_eq!([&profile.attributes["first_name"], &profile.attributes["country"]], ["Zoë", "FR"]);
        assert!(!profile.attributes.contains_key("last_name"));
        assert_eq!(profile.email.as_deref(), Some(EMAIL));
    }
}

#[test]
fn a_correction_that_names_nothing_to_correct_fails_and_changes_nobody() {
    let stage = Stage::new("rectification");

    let shot = stage.job("rectification", json!({ "Something else": "x" }));

    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
    assert!(stage.braze.sandbox.profiles().iter().all(|profile| profile.attributes.is_empty()));
}

#[test]
fn do_not_sell_is_marked_on_every_profile_and_seen_there() {
    let stage = Stage::new("do-not-sell");

    let shot = stage.job("opt_out", json!({}));

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(shot.json()["verified"], 1);
    let profiles = stage.braze.sandbox.profiles();
    assert_eq!(profiles.len(), 2);
    assert!(profiles.iter().all(|profile| profile.attributes["ccpa_do_not_sell"] == true));
}

#[test]
fn somebody_without_a_profile_is_skipped_and_nobody_is_made() {
    for (workflow, kind) in [("rectification", "rectification"), ("do-not-sell", "opt_out")] {
        let stage = Stage::new(workflow);
        stage.folder.requests([json!({
            "id": "a", "kind": kind, "subject": { "email": "nobody@example.com" },
            "fields": { "New first name": "Ann" },
        })]);

        let shot = stage.folder.job();

        assert_eq!(shot.counts(), (0, [0, 1, 0, 0]), "{workflow}: {}", shot.stderr);
        assert_eq!(stage.braze.sandbox.profiles().len(), 2, "{workflow}");
        assert!(shot.stdout.contains("no_profile"), "{workflow}: {}", shot.stdout);
    }
}

#[test]
fn the_three_workflows_need_no_secret_and_no_service_in_the_sandbox() {
    for (workflow, kind) in
        [("access-export", "access"), ("rectification", "rectification"), ("do-not-sell", "opt_out")]
    {
        let stage = Stage::new(workflow);
        stage.folder.requests([json!({
            "id": "a", "kind": kind, "subject": { "external_id": "u-9", "email": "a@example.com" },
            "fields": { "New first name": "Ann" },
        })]);

        let shot = stage.folder.sandbox();

        assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{workflow}: {}", shot.stderr);
        assert!(!shot.stderr.contains(KEY));
        assert!(!stage.folder.path("answers").exists(), "the sandbox leaves nothing behind");
    }
}
