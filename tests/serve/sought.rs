//! Erased people who come back under what only a look-up had shown, and looks in a job of which somebody waits.

use privaflow::sandbox::{AliasName, Identifiers};
use serde_json::json;

use crate::folder::{FIND_AND_ERASE, Folder, deletion};
use crate::serving::{Serving, arrival, jobs, put, until};
use crate::watching::{Braze, counts, looks};

/// Looks until they are gone.
const VERIFIES: &str = r#"  - id: verify
    if: steps.erase.status == "done"
    uses: privaflow/verify_erased
    with: { found: "{{ steps.find.output }}", first_after: 10ms, at_most: 10s }
"#;

/// Finds everybody, erases them, and looks whether they are gone.
fn searches() -> String {
    format!("{FIND_AND_ERASE}{VERIFIES}watch: WATCH\n")
}

/// Finds people in its own way, and is told more than it asks by.
const LOOKS_UP: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id, external_id, email] }
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { braze_ids: ["{{ steps.find.output.users.0.braze_id }}"] }
watch: WATCH
"#;

fn folder(braze: &Braze, workflow: &str, watch: &str) -> Folder {
    Folder::to(braze.sandbox.address(), &workflow.replace("WATCH", watch))
}

/// Everything that a person of this number is known by.
pub fn person(number: usize) -> Identifiers {
    let alias = AliasName { alias_name: format!("al-{number}"), alias_label: "crm".to_owned() };
    Identifiers {
        external_id: Some(format!("u-{number}")),
        email: Some(format!("u-{number}@example.com")),
        phone: Some(format!("+1555777000{number}")),
        aliases: vec![alias],
        device_ids: vec![format!("device-{number}")],
        ..Identifiers::default()
    }
}

pub fn add(braze: &Braze, profile: Identifiers) {
    assert!(braze.sandbox.add_profile(&profile));
}

/// How many profiles are there that were not erased.
pub fn alive(braze: &Braze) -> usize {
    braze.sandbox.profiles().iter().filter(|profile| !profile.deleted).count()
}

/// Keys of the requests that erased.
fn keys(folder: &Folder) -> i64 {
    let keys = rusqlite::Connection::open(folder.path("store/keys/keys.db")).unwrap();
    keys.query_row("SELECT count(*) FROM keys WHERE job = 1", [], |row| row.get(0)).unwrap()
}

#[test]
fn whoever_comes_back_under_what_only_the_search_had_shown_is_found() {
    // Given six people who were erased, of whom the requests name only an external id
    let braze = Braze::with([]);
    (1..=6).for_each(|number| add(&braze, person(number)));
    let folder = folder(&braze, &searches(), "{ after: [1d, 2d], again: erase }");
    folder.requests((1..=6).map(deletion));
    let job = folder.job();
    assert_eq!((job.counts(), alive(&braze)), ((0, [6, 0, 0, 0]), 0), "{}", job.stderr);
    assert_eq!(keys(&folder), 6);
    let bytes = folder.store_bytes();
    assert!(!bytes.contains("@example.com") && !bytes.contains("device-") && !bytes.contains("+1555"));

    // When they come back: as nobody with one thing each, as somebody else with the same address, or not at all
    let nobody = Identifiers::default;
    add(&braze, Identifiers { email: person(1).email, ..nobody() });
    add(&braze, Identifiers { phone: person(2).phone, ..nobody() });
    add(&braze, Identifiers { aliases: person(3).aliases, ..nobody() });
    add(&braze, Identifiers { device_ids: person(4).device_ids, ..nobody() });
    add(&braze, Identifiers { external_id: Some("new".to_owned()), email: person(5).email, ..nobody() });
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then each is found, and whoever may be somebody else is only told
    let found = look.json();
    assert_eq!(counts(&found), [6, 1, 1, 4, 0, 0], "{}", look.stderr);
    assert_eq!(braze.people(), ["new"]);
    let asked =
        json!({ "braze_id": 6, "device_id": 6, "email": 6, "external_id": 6, "phone": 6, "user_alias": 6 });
    assert_eq!((&found["by"], &found["named_only"]), (&asked, &json!(false)));
    // And the ledger and the certificate say what was asked, and whom only by number
    let ledger = folder.run(&["ledger", "export"]).stdout;
    let watched = ledger.lines().find(|line| line.contains(r#""fact":"watched""#)).unwrap();
    assert!(watched.contains(r#""by":{"braze_id":6,"device_id":6,"email":6"#), "{watched}");
    assert!(!ledger.contains("example.com") && !ledger.contains("device-"));
    assert_eq!(folder.run(&["ledger", "certificate", "r-1"]).code, 0);
    let page = folder.read("certificate-job-1-0.html");
    assert!(page.contains("looked for again by 6 braze_id, 6 device_id, 6 email"), "{page}");
    // And with the last look goes what was kept for it
    assert_eq!(
        counts(&folder.run(&["watch", "run", "--early", "--output", "json"]).json()),
        [6, 5, 1, 0, 0, 0]
    );
    let store = rusqlite::Connection::open(folder.path("store/journal.db")).unwrap();
    let kept: i64 = store.query_row("SELECT count(*) FROM sought", [], |row| row.get(0)).unwrap();
    assert_eq!((kept, keys(&folder)), (0, 0));
}

#[test]
fn an_address_of_somebody_who_stays_brings_nobody_back_and_gets_nobody_erased() {
    // Given two of one address, of whom one is erased
    let braze = Braze::with([]);
    let home = || Some("home@example.com".to_owned());
    add(&braze, Identifiers { email: home(), ..person(1) });
    add(
        &braze,
        Identifiers { external_id: Some("other".to_owned()), email: home(), ..Identifiers::default() },
    );
    let folder = folder(&braze, &searches(), "{ after: [1d], again: erase }");
    folder.requests([deletion(1)]);
    let job = folder.job();
    assert_eq!((job.counts(), braze.people()), ((0, [1, 0, 0, 0]), vec!["other".to_owned()]));

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    let found = look.json();
    assert_eq!(
        (counts(&found), braze.people()),
        ([1, 1, 0, 0, 0, 0], vec!["other".to_owned()]),
        "{}",
        look.stderr
    );
    let asked = json!({ "braze_id": 1, "device_id": 1, "external_id": 1, "phone": 1, "user_alias": 1 });
    assert_eq!(found["by"], asked);
}

#[test]
fn a_file_that_finds_people_in_its_own_way_is_looked_at_by_all_that_it_was_told() {
    // An address that the file did not ask for may be of somebody who was there before: that is said, no more.
    for (again, came_to, left) in [("report", [2, 0, 2, 0, 0, 0], 2), ("erase", [2, 0, 1, 1, 0, 0], 1)] {
        let braze = Braze::with(1..=2);
        let folder = folder(&braze, LOOKS_UP, &format!("{{ after: [1d], again: {again} }}"));
        folder.requests([deletion(1), deletion(2)]);
        assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
        add(&braze, Identifiers { email: person(1).email, ..Identifiers::default() });
        add(
            &braze,
            Identifiers {
                email: person(2).email,
                external_id: person(2).external_id,
                ..Identifiers::default()
            },
        );

        let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

        assert_eq!((counts(&look.json()), alive(&braze)), (came_to, left), "{again}: {}", look.stderr);
    }
}

#[test]
fn the_certificate_of_whoever_came_back_says_so() {
    // Given two who were erased, and their certificates
    let braze = Braze::with(1..=2);
    let workflow = format!("{}certificate: true\n", searches());
    let folder = folder(&braze, &workflow, "{ after: [1d, 2d], again: erase }");
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    let page =
        |position: usize| folder.read(&format!("store/certificates/certificate-job-1-{position}.html"));
    let before = [page(0), page(1)];
    assert!(before.iter().all(|page| page.contains("verified") && !page.contains("looked for again")));

    // When one of them is there again, and is erased again
    braze.comes_back(2);
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then their page says so, and the other one is as it was
    assert_eq!(counts(&look.json()), [2, 1, 0, 1, 0, 0], "{}", look.stderr);
    let after = page(1);
    assert_eq!(page(0), before[0]);
    assert!(after.contains("there again, and erased again") && after.contains("job-2:1"), "{after}");
    let document = folder.read("store/certificates/certificate-job-1-1.json");
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["request"], json!("r-2"));
    let runs: Vec<&str> =
        document["results"].as_array().unwrap().iter().map(|ended| ended["run"].as_str().unwrap()).collect();
    assert_eq!(runs, ["job-1:1", "job-2:1"]);
    // and it can be checked
    assert_eq!(folder.run(&["ledger", "export", "ledger.ndjson"]).code, 0);
    let document = folder.path("store/certificates/certificate-job-1-1.json");
    let words = ["ledger", "verify", "ledger.ndjson", "--certificate", document.to_str().unwrap()];
    let checked = folder.run(&words);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

#[test]
fn nobody_says_of_a_person_who_was_forgotten_that_they_are_gone() {
    // Given two who were erased, and a copy of the store
    let braze = Braze::with(1..=2);
    let folder = folder(&braze, &searches(), "{ after: [1d, 2d] }");
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    assert_eq!(keys(&folder), 2);

    // When one is forgotten by what the request did not name
    let forgotten = folder.run(&["forget", "u-2@example.com", "--output", "json"]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.stderr);
    let left = keys(&folder);
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!((left, counts(&look.json())), (1, [2, 1, 0, 0, 0, 1]), "{}", look.stderr);
    let failed =
        folder.run(&["runs", "list", "--job", "job-2", "--state", "failed", "--output", "json"]).json();
    assert_eq!((&failed["request"], &failed["reason"]), (&json!("r-2"), &json!("forgotten")), "{failed}");
    // The same by what the request names
    let told = folder.run(&["forget", "u-1", "--output", "json"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);
    assert_eq!(counts(&look.json()), [2, 0, 0, 0, 0, 2], "{}", look.stderr);
}

#[test]
fn what_an_earlier_release_erased_is_looked_for_by_what_the_request_names_and_that_is_said() {
    let braze = Braze::with(1..=2);
    let folder = folder(&braze, &searches(), "{ after: [1d] }");
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    // As that release would have left it
    let store = rusqlite::Connection::open(folder.path("store/journal.db")).unwrap();
    store
        .execute_batch("DELETE FROM sought; UPDATE sought_since SET event = (SELECT max(id) FROM events)")
        .unwrap();
    drop(store);
    braze.comes_back(2);

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    let found = look.json();
    assert_eq!((counts(&found), &found["named_only"]), ([2, 1, 1, 0, 0, 0], &json!(true)), "{}", look.stderr);
    assert_eq!(found["by"], json!({ "external_id": 2 }));
    assert!(folder.run(&["ledger", "export"]).stdout.contains(r#""named_only":true"#));
}

#[test]
fn whoever_is_done_is_looked_for_while_another_request_of_the_job_is_held() {
    let braze = Braze::with(1..=3);
    let folder = folder(&braze, &searches(), "{ after: [1d] }");
    assert_eq!(folder.run(&["hold", "add", "u-3", "--reason", "case 4711"]).code, 0);
    folder.requests((1..=3).map(deletion));
    assert_eq!(folder.job().counts(), (1, [2, 0, 0, 1]));
    add(&braze, Identifiers { email: person(2).email, ..Identifiers::default() });

    let first = folder.run(&["watch", "run", "--early", "--output", "json"]);
    // When the other one is carried out later, only that one is looked for then
    assert_eq!(folder.run(&["hold", "remove", "u-3"]).code, 0);
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [3, 0, 0, 0]), "{}", resumed.stderr);
    let second = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&first.json()), [2, 1, 1, 0, 0, 0], "{}", first.stderr);
    assert_eq!(counts(&second.json()), [1, 1, 0, 0, 0, 0], "{}", second.stderr);
    // And the certificate of each tells of its own look alone
    for (request, at) in [("r-1", 0), ("r-3", 2)] {
        assert_eq!(folder.run(&["ledger", "certificate", request]).code, 0);
        let page = folder.read(&format!("certificate-job-1-{at}.json"));
        let told = page.matches("\"watched\"").count();
        assert_eq!(told, 1, "{request}: {page}");
    }
}

#[test]
fn serve_looks_for_whoever_is_done_beside_one_who_is_held_also_after_a_kill() {
    // Given three requests that came in, of which one is held, and a server that is killed when the others are done
    let braze = Braze::with(1..=3);
    let folder = folder(&braze, &searches(), "{ after: [2s], again: erase }");
    assert_eq!(folder.run(&["hold", "add", "u-3", "--reason", "case 4711"]).code, 0);
    put(&folder, (1..=3).map(|number| arrival("erase", number, &deletion(number))).collect());
    let serving = Serving::start(&folder);
    until("the others are done", || jobs(&folder).iter().any(|job| job["done"] == 2));
    serving.running.kill();
    add(&braze, Identifiers { email: person(1).email, ..Identifiers::default() });

    let serving = Serving::start(&folder);
    until("it looked", || {
        let looks = looks(&folder);
        !looks.is_empty() && looks.iter().all(|line| line["state"] == "over")
    });

    // 130: a request still waits for a person.
    assert_eq!(serving.stop().0, 130);
    let looks = looks(&folder);
    let sum = |member: &str| looks.iter().map(|line| line[member].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("people"), sum("erased_again"), sum("unknown")), (2, 1, 0), "{looks:?}");
    assert_eq!(braze.people(), ["u-3"]);
    let open = jobs(&folder).into_iter().filter(|job| job["status"] == "open").count();
    assert_eq!(open, 1, "the one who is held still waits");
}

#[test]
fn who_is_held_or_chose_anew_under_anything_they_had_is_not_erased_again_under_something_else() {
    // Given two who were erased, who come back by telephone alone
    let braze = Braze::with([]);
    (1..=2).for_each(|number| add(&braze, person(number)));
    let folder = folder(&braze, &searches(), "{ after: [1d], again: erase }");
    let settings = folder.read("privaflow.yaml");
    folder.write("privaflow.yaml", format!("{settings}gate: {{ quiet: 1ms }}\n"));
    folder.requests((1..=2).map(deletion));
    assert_eq!(folder.job().counts(), (0, [2, 0, 0, 0]));
    for number in 1..=2 {
        add(&braze, Identifiers { phone: person(number).phone, ..Identifiers::default() });
    }

    // When one is on the hold list by an address, and the other one consents by theirs
    assert_eq!(folder.run(&["hold", "add", "u-1@example.com", "--reason", "case 4711"]).code, 0);
    folder.write("consent.yaml", CONSENT);
    let now = jiff::Timestamp::now().to_string();
    let consent =
        json!({"id": "c-2", "kind": "consent", "occurred_at": now, "subject": {"email": person(2).email}});
    folder.write("consents.ndjson", format!("{consent}\n"));
    let run = folder.run(&["run", "consent.yaml", "--input", "consents.ndjson", "--output", "json"]);
    assert_eq!(run.counts(), (0, [1, 0, 0, 0]), "{}", run.stderr);
    let before = alive(&braze);
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    // Then nobody is erased
    assert_eq!((look.json()["state"].clone(), alive(&braze)), (json!("looking"), before), "{}", look.stderr);
    let counts = folder.run(&["jobs", "show", "job-3", "--output", "json"]).json();
    assert_eq!(
        (&counts["waiting"], &counts["skipped_by"]),
        (&json!(1), &json!({"superseded": 1})),
        "{counts}"
    );
}

/// Sets the global e-mail state of whoever has an address.
pub const CONSENT: &str = r#"
workflow: consent
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ email: "{{ subject.email }}", email_subscribe: opted_in }] }
"#;
