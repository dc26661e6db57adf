//! Erased people who come back, looked for again: on files and on what came in, with kills in between.

use privaflow::sandbox::{Identifiers, Options, Sandbox};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::folder::{ERASE, FIND_AND_ERASE, Folder, KEY, deletion};
use crate::serving::{Serving, arrival, is_all_over, jobs, put, put_deletions, until};

/// A look-alike of Braze that deletes at once.
pub struct Braze {
    pub sandbox: Sandbox,
    _runtime: Runtime,
}

impl Braze {
    pub fn with(people: impl IntoIterator<Item = usize>) -> Braze {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let lag = std::time::Duration::ZERO;
        let options = Options { token: Some(KEY.to_owned()), deletion_lag: lag, ..Options::default() };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let braze = Braze { sandbox, _runtime: runtime };
        people.into_iter().for_each(|number| braze.comes_back(number));
        braze
    }

    /// A profile of the person `u-<number>` is made.
    pub fn comes_back(&self, number: usize) {
        let person = Identifiers {
            external_id: Some(format!("u-{number}")),
            email: Some(format!("u-{number}@example.com")),
            ..Identifiers::default()
        };
        assert!(self.sandbox.add_profile(&person));
    }

    /// Who is there, by external id.
    pub fn people(&self) -> Vec<String> {
        let profiles = self.sandbox.profiles().into_iter().filter(|profile| !profile.deleted);
        let mut people: Vec<String> = profiles.filter_map(|profile| profile.external_id).collect();
        people.sort();
        people
    }
}

fn watching(watch: &str) -> String {
    format!("{ERASE}watch: {watch}\n")
}

/// Finds people by their address, is shown so much of them, and erases what was found.
fn by_address(shown: &str) -> String {
    format!(
        r#"
workflow: erase
on: {{ file: {{}} }}
steps:
  - id: find
    uses: braze/users.export.ids
    with: {{ email_address: "{{{{ subject.email }}}}", fields_to_export: [{shown}] }}
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: {{ braze_ids: ["{{{{ steps.find.output.users.0.braze_id }}}}"] }}
watch: {{ after: [1d], again: erase }}
"#
    )
}

pub fn looks(folder: &Folder) -> Vec<Value> {
    folder.run(&["watch", "list", "--output", "json"]).lines()
}

pub fn counts(line: &Value) -> [u64; 6] {
    ["people", "gone", "came_back", "erased_again", "returned", "unknown"]
        .map(|name| line[name].as_u64().unwrap_or_else(|| panic!("{line}")))
}

#[test]
fn who_came_back_after_a_file_was_carried_out_is_reported_and_nobody_else_is_looked_for() {
    // Given three people who were erased, and one whose request was refused
    let braze = Braze::with(1..=3);
    let folder = Folder::to(braze.sandbox.address(), &watching("{ after: [1d, 7d] }"));
    let consent = json!({"id": "r-9", "kind": "consent", "subject": {"external_id": "u-9"}});
    folder.requests([deletion(1), deletion(2), consent, deletion(3)]);
    assert_eq!(folder.job().counts(), (1, [3, 0, 1, 0]));
    assert_eq!(braze.people(), [""; 0]);
    let waiting = looks(&folder);
    let nothing = folder.run(&["watch", "run", "--output", "json"]);

    // When one of them comes back, and one who was never erased is there
    braze.comes_back(2);
    braze.comes_back(9);
    let first = folder.run(&["watch", "run", "--early", "--output", "json"]);
    let again = folder.run(&["watch", "run", "--output", "json"]);

    // Then that one is reported, and still there
    let after: Vec<&Value> = waiting.iter().map(|line| &line["after"]).collect();
    assert_eq!(after, ["1d", "7d"]);
    assert!(waiting.iter().all(|line| line["state"] == "waiting" && line["job"] == "job-1"), "{waiting:?}");
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, ""), "{}", nothing.stderr);
    assert_eq!((first.code, counts(&first.json())), (1, [3, 2, 1, 0, 0, 0]), "{}", first.stderr);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""));
    assert_eq!(braze.people(), ["u-2", "u-9"]);
    let failed =
        folder.run(&["runs", "list", "--job", "job-2", "--state", "failed", "--output", "json"]).json();
    assert_eq!((&failed["request"], &failed["step"]), (&json!("r-2"), &json!("came_back")), "{failed}");
    let states: Vec<Value> = looks(&folder).iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["over", "waiting"]);
    // And when they are gone for good the next look says so
    braze.sandbox.profiles();
    let shown = jobs(&folder);
    assert_eq!(
        (&shown[1]["workflow"], &shown[1]["requests"]),
        (&json!("erase-watch-1d"), &json!(3)),
        "{shown:?}"
    );
}

#[test]
fn whoever_is_there_again_under_an_id_that_was_shown_is_erased_again_and_one_under_an_unknown_id_only_told() {
    let both = [
        ("braze_id, external_id", [3, 2, 0, 1, 0, 0], vec!["u-4"]),
        ("braze_id", [3, 2, 1, 0, 0, 0], vec!["u-1", "u-4"]),
    ];
    for (shown, came_to, people) in both {
        let braze = Braze::with(1..=3);
        let folder = Folder::to(braze.sandbox.address(), &by_address(shown));
        let request = |number: usize| {
            let email = format!("u-{number}@example.com");
            json!({"id": format!("r-{number}"), "kind": "deletion", "subject": {"email": email}})
        };
        folder.requests((1..=4).map(request));
        // Nobody is found for the fourth: they are not looked for again.
        assert_eq!(folder.job().counts(), (0, [3, 1, 0, 0]));
        braze.comes_back(1);
        braze.comes_back(4);

        let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

        assert_eq!(counts(&look.json()), came_to, "{shown}: {}", look.stderr);
        assert_eq!(braze.people(), people);
    }
}

#[test]
fn serve_looks_when_it_is_due_also_after_it_was_killed_and_keeps_the_requests_until_then() {
    // Given requests that came in, and a server that is killed once they are carried out
    let braze = Braze::with(1..=3);
    let folder = Folder::to(braze.sandbox.address(), &watching("{ after: [2s, 4s], again: erase }"));
    put_deletions(&folder, 1..=3);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    until("they are gone", || braze.people().is_empty());
    serving.running.kill();
    braze.comes_back(2);

    // When the next one serves, and is killed once it has begun to look
    let serving = Serving::start(&folder);
    until("it looks", || jobs(&folder).len() > 1);
    serving.running.kill();
    let serving = Serving::start(&folder);
    until("both looks are over", || looks(&folder).iter().all(|line| line["state"] == "over"));

    // Then who came back was erased again, and nothing is kept any more
    assert_eq!(serving.stop().0, 0);
    let looks = looks(&folder);
    // On a slow machine both are due when it starts again: then one look is enough.
    let found: Vec<[u64; 6]> = looks.iter().filter(|line| line["why"].is_null()).map(counts).collect();
    let once = [[3, 2, 0, 1, 0, 0]];
    let twice = [[3, 2, 0, 1, 0, 0], [3, 3, 0, 0, 0, 0]];
    assert!(found == once || found == twice, "{looks:?}");
    assert_eq!(looks.len(), 2, "{looks:?}");
    assert_eq!(braze.people(), [""; 0]);
    let reader = privaflow::journal::Reader::open(&folder.path("store")).unwrap();
    assert!(reader.window_text(privaflow::job::WindowId(1)).is_err(), "the records are gone");
}

#[test]
fn a_file_that_is_gone_when_it_is_looked_is_said_and_nobody_is_called() {
    let braze = Braze::with(1..=2);
    let folder = Folder::to(braze.sandbox.address(), &watching("{ after: [1d] }"));
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    let calls = braze.sandbox.requests().of("/users/export/ids");
    std::fs::remove_file(folder.path("requests.ndjson")).unwrap();

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);
    folder.requests([deletion(1), deletion(2), deletion(3)]);
    let edited = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!((look.code, &look.json()["why"]), (1, &json!("input_gone")), "{}", look.stderr);
    assert_eq!((edited.code, &edited.json()["why"]), (1, &json!("input_edited")), "{}", edited.stderr);
    assert_eq!(braze.sandbox.requests().of("/users/export/ids"), calls);
}

#[test]
fn requests_that_are_done_only_when_they_are_tried_again_have_looks_of_their_own() {
    let braze = Braze::with([1]);
    let folder = Folder::to(braze.sandbox.address(), &watching("{ after: [1d] }"));
    let aside = json!({"id": "r-2", "kind": "deletion", "subject": {"email": "u-2@example.com"}});
    put(&folder, vec![arrival("erase", 1, &deletion(1)), arrival("erase", 2, &aside)]);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&look.json()), [1, 1, 0, 0, 0, 0], "{}", look.stderr);
    assert_eq!(looks(&folder).len(), 1);
}

/// Sets the global e-mail state of a person, who is made if need be.
const CONSENT: &str = r#"
workflow: consent
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ fields.state }}" }] }
"#;

#[test]
fn whoever_came_back_and_gave_a_newer_consent_is_not_erased_again() {
    // Given three people who were erased
    let braze = Braze::with(1..=3);
    let folder = Folder::to(braze.sandbox.address(), &watching("{ after: [1d, 2d], again: erase }"));
    let settings = folder.read("privaflow.yaml");
    folder.write("privaflow.yaml", format!("{settings}gate: {{ quiet: 1ms }}\n"));
    folder.write("consent.yaml", CONSENT);
    folder.requests((1..=3).map(deletion));
    assert_eq!(folder.job().counts(), (0, [3, 0, 0, 0]));

    // When one consents afterwards, one only opts out afterwards, and one is brought back by somebody else
    let now = jiff::Timestamp::now();
    let consent = |number: usize, state: &str| {
        json!({"id": format!("c-{number}"), "kind": "consent", "occurred_at": now.to_string(),
               "subject": {"external_id": format!("u-{number}")}, "fields": {"state": state}})
    };
    let consents = [consent(1, "opted_in"), consent(2, "unsubscribed")].map(|record| format!("{record}\n"));
    folder.write("consents.ndjson", consents.concat());
    let run = folder.run(&["run", "consent.yaml", "--input", "consents.ndjson", "--output", "json"]);
    assert_eq!(run.counts(), (0, [2, 0, 0, 0]), "{}", run.stderr);
    braze.comes_back(3);
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then only the one who consented stays, also at the next look, and that is said
    assert_eq!(braze.people(), ["u-1"], "{}", look.stderr);
    assert_eq!(counts(&look.json()), [3, 0, 0, 2, 1, 0], "{}", look.stderr);
    let next = folder.run(&["watch", "run", "--early", "--output", "json"]);
    assert_eq!(counts(&next.json()), [3, 2, 0, 0, 1, 0], "{}", next.stderr);
    let ledger = folder.run(&["ledger", "export"]);
    assert!(
        ledger.stdout.contains(r#""fact":"watched""#) && !ledger.stdout.contains("u-1"),
        "{}",
        ledger.stderr
    );
}

#[test]
fn a_look_goes_by_the_identifiers_of_everybody_that_find_profiles_finds() {
    let braze = Braze::with(1..=2);
    let verifies = r#"  - id: verify
    if: steps.erase.status == "done"
    uses: privaflow/verify_erased
    with: { found: "{{ steps.find.output }}", first_after: 10ms, at_most: 10s, erase_again: true }
watch: { after: [1d, 2d], again: erase }
"#;
    let workflow = format!("{FIND_AND_ERASE}{verifies}");
    let folder = Folder::to(braze.sandbox.address(), &workflow);
    let request = |number: usize| {
        let email = format!("u-{number}@example.com");
        json!({"id": format!("r-{number}"), "kind": "deletion", "subject": {"email": email}})
    };
    folder.requests((1..=2).map(request));
    let job = folder.job();
    assert_eq!(job.counts(), (0, [2, 0, 0, 0]), "{}", job.stderr);
    braze.comes_back(2);

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&look.json()), [2, 1, 0, 1, 0, 0], "{}", look.stderr);
    let shown = folder.run(&["jobs", "show", "job-2", "--output", "json"]).json();
    assert_eq!((&shown["verified"], braze.people()), (&json!(1), Vec::new()), "{shown}");
    let first = folder.run(&["jobs", "show", "job-1"]);
    assert!(first.stderr.contains("the look after 1d at job-1: 2 looked for, 1 gone"), "{}", first.stderr);
    assert!(first.stderr.contains("looked for again after 2d"), "{}", first.stderr);
}

#[test]
fn who_is_on_the_hold_list_is_erased_again_only_when_the_hold_is_removed_whoever_owns_the_store() {
    let braze = Braze::with(1..=2);
    let folder = Folder::to(braze.sandbox.address(), &watching("{ after: [1d], again: erase }"));
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    braze.comes_back(1);
    braze.comes_back(2);
    let hold = folder.run(&["hold", "add", "u-1", "--reason", "case 4711"]);
    assert_eq!(hold.code, 0, "{}", hold.stderr);

    let held = folder.run(&["watch", "run", "--early", "--output", "json"]);
    let people = braze.people();
    assert_eq!(folder.run(&["hold", "remove", "u-1"]).code, 0);
    let serving = Serving::start(&folder);
    let over = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!((held.code, &held.json()["state"], people), (1, &json!("looking"), vec!["u-1".to_owned()]));
    assert_eq!((over.code, counts(&over.json())), (1, [2, 0, 0, 2, 0, 0]), "{}", over.stderr);
    assert!(over.stderr.contains("owns the store"), "{}", over.stderr);
    assert_eq!((serving.stop().0, braze.people()), (0, Vec::new()));
}

#[test]
fn whoever_was_kept_out_after_the_erasure_is_kept_out_after_a_look_erased_them_again() {
    // Given somebody who was erased, and whose address stays unsubscribed
    let keep_out = r#"
  - id: keep_out
    if: steps.erase.status == "done"
    uses: braze/email.status
    with: { email: "{{ steps.find.output.profiles.0.email }}", subscription_state: unsubscribed }
watch: { after: [1d, 2d], again: erase }
"#;
    let braze = Braze::with(1..=1);
    let state = || braze.sandbox.profiles().into_iter().find(|it| !it.deleted).map(|it| it.email_subscribe);
    let folder = Folder::to(braze.sandbox.address(), &(FIND_AND_ERASE.to_owned() + keep_out));
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    braze.comes_back(1);
    assert_eq!(state(), Some("unsubscribed"));

    // When they are erased again, with whom Braze forgets the state
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then it is set again, and a look that finds nobody sets nothing
    assert_eq!(counts(&look.json()), [1, 0, 0, 1, 0, 0], "{}", look.stderr);
    let set = || braze.sandbox.requests().of("/email/status");
    let before = set();
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);
    assert_eq!(counts(&look.json()), [1, 1, 0, 0, 0, 0], "{}", look.stderr);
    assert_eq!((before, set()), (2, 2));
    braze.comes_back(1);
    assert_eq!(state(), Some("unsubscribed"));
}
