//! An older change never undoes a newer one: within a file, between jobs, and after an erasure.

use serde_json::{Value, json};

use crate::folder::{Braze, ERASE, Folder, deletion};
use crate::server::until;

/// Sets the global state of both channels, each from the last consent of its purpose.
const CHANNELS: &str = r#"
workflow: channels
on: { file: {} }
vars: { states: { ACTIVE: opted_in, WITHDRAWN: unsubscribed } }
steps:
  - set:
      email: consents.filter(c, c.purpose == "email").map(c, vars.states[c.status])
      push: consents.filter(c, c.purpose == "push").map(c, vars.states[c.status])
  - id: put
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          _update_existing_only: true
          email_subscribe: "{{optional vars.email.[0] }}"
          push_subscribe: "{{optional vars.push.[0] }}"
"#;

fn change(id: &str, consents: &[(&str, &str, &str)]) -> Value {
    let of = |(purpose, status, at): &(&str, &str, &str)| json!({ "purpose": purpose, "status": status, "updated_at": at });
    let consents: Vec<Value> = consents.iter().map(of).collect();
    json!({ "id": id, "kind": "consent", "subject": { "external_id": "u-1" }, "consents": consents })
}

fn at(minute: u32) -> String {
    format!("2026-11-20T10:{minute:02}:00Z")
}

fn states(braze: &Braze) -> (String, String) {
    let people = braze.sandbox.profiles();
    let is_meant = |person: &&privaflow::sandbox::Profile| {
        !person.deleted && person.external_id.as_deref() == Some("u-1")
    };
    let person = people.iter().find(is_meant).unwrap();
    (person.email_subscribe.to_string(), person.push_subscribe.to_string())
}

fn started(workflow: &str) -> (Braze, Folder) {
    let braze = Braze::start();
    braze.seed("u-1");
    let folder = Folder::to(braze.sandbox.address(), workflow);
    (braze, folder)
}

#[test]
fn a_newer_choice_of_one_channel_does_not_discard_an_older_one_of_another() {
    let (braze, folder) = started(CHANNELS);
    folder.requests([
        change("push", &[("push", "ACTIVE", &at(9))]),
        change("mail", &[("email", "WITHDRAWN", &at(1))]),
        change("late", &[("email", "ACTIVE", &at(0)), ("push", "WITHDRAWN", &at(2))]),
    ]);

    let shot = folder.job();

    assert_eq!(states(&braze), ("unsubscribed".into(), "opted_in".into()));
    let (code, [done, superseded, failed, waiting]) = shot.counts();
    assert_eq!((code, done + superseded, failed + waiting), (0, 3, 0));
}

#[test]
fn an_older_change_that_comes_with_a_later_job_is_superseded() {
    let (braze, folder) = started(CHANNELS);
    folder.requests([change("new", &[("email", "WITHDRAWN", &at(9))])]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    folder.requests([change("old", &[("email", "ACTIVE", &at(3)), ("push", "ACTIVE", &at(3))])]);
    let partly = folder.job();
    folder.requests([change("older", &[("email", "ACTIVE", &at(2))])]);
    let wholly = folder.job();

    assert_eq!(states(&braze), ("unsubscribed".into(), "opted_in".into()));
    assert_eq!((partly.counts(), wholly.counts()), ((0, [1, 0, 0, 0]), (0, [0, 1, 0, 0])));
}

#[test]
fn of_two_changes_that_cannot_be_told_apart_the_opt_out_stays() {
    let (braze, folder) = started(CHANNELS);
    folder.requests([
        change("coarse", &[("email", "WITHDRAWN", "2026-11-20T10:00:00Z")]),
        change("fine", &[("email", "ACTIVE", "2026-11-20T10:00:00.900Z")]),
        change("push-in", &[("push", "ACTIVE", "2026-11-20T10:00:00.9Z")]),
        change("push-out", &[("push", "WITHDRAWN", "2026-11-20T10:00:00Z")]),
    ]);

    let shot = folder.job();

    assert_eq!(states(&braze), ("unsubscribed".into(), "unsubscribed".into()));
    assert_eq!(shot.counts().0, 0);
}

#[test]
fn a_change_from_the_future_waits_for_a_person() {
    let (braze, folder) = started(CHANNELS);
    folder.requests([
        change("wrong", &[("email", "ACTIVE", "2099-01-01T00:00:00Z")]),
        change("right", &[("email", "WITHDRAWN", &at(1))]),
    ]);

    let shot = folder.job();

    assert_eq!(states(&braze).0, "unsubscribed");
    assert_eq!(shot.counts(), (1, [1, 0, 0, 1]));
    assert_eq!(shot.json()["waiting_by"], json!({ "needs_attention": 1 }));
}

#[test]
fn a_change_from_before_an_erasure_is_refused_unless_it_is_an_opt_out_that_makes_no_profile() {
    let (braze, folder) = started(CHANNELS);
    folder.write("erase.yaml", ERASE);
    folder.requests([deletion(1)]);
    let erased = folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]);
    assert_eq!(erased.counts(), (0, [1, 0, 0, 0]));
    // Who comes back while a cache still shows the erased profile would vanish with it.
    until("the profile is gone", || braze.sandbox.profiles().iter().all(|person| person.deleted));
    braze.seed("u-1");

    folder.requests([
        change("in", &[("email", "ACTIVE", &at(3))]),
        change("out", &[("push", "WITHDRAWN", &at(3))]),
    ]);
    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 1, 0, 0]));
    assert_eq!(shot.json()["skipped_by"], json!({ "erased": 1 }));
    assert_eq!(states(&braze), ("subscribed".into(), "unsubscribed".into()));
}

/// Sets the state of whoever the record names by address, external id first.
const ADDRESSED: &str = r#"
workflow: addressed
on: { file: {} }
vars: { states: { ACTIVE: opted_in, WITHDRAWN: unsubscribed } }
steps:
  - id: known
    if: has(subject.external_id)
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          email_subscribe: "{{ lookup vars.states consents.[0].status }}"
  - id: unknown
    if: "!has(subject.external_id)"
    uses: braze/users.track
    with:
      attributes:
        - email: "{{ subject.email }}"
          email_subscribe: "{{ lookup vars.states consents.[0].status }}"
"#;

/// Finds whom an address belongs to and erases the one whose id the request gives.
const ERASE_ONE: &str = r#"
workflow: erase-one
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id, external_id] }
  - for_each: steps.find.output.users
    as: user
    steps:
      - if: user.external_id == subject.external_id
        uses: braze/users.delete
        with: { braze_ids: ["{{ user.braze_id }}"] }
"#;

fn change_of(id: &str, subject: Value, status: &str, at: &str) -> Value {
    let consents = json!([{ "purpose": "email", "status": status, "updated_at": at }]);
    json!({ "id": id, "kind": "consent", "subject": subject, "consents": consents })
}

fn add(braze: &Braze, external_id: &str, email: Option<&str>) {
    let (external_id, email) = (Some(external_id.to_owned()), email.map(str::to_owned));
    let identifiers = privaflow::sandbox::Identifiers { external_id, email, ..Default::default() };
    assert!(braze.sandbox.add_profile(&identifiers));
}

fn live(braze: &Braze) -> Vec<(Option<String>, String)> {
    let people = braze.sandbox.profiles().into_iter().filter(|person| !person.deleted);
    let mut people: Vec<_> =
        people.map(|person| (person.external_id.clone(), person.email_subscribe.to_string())).collect();
    people.sort();
    people
}

#[test]
fn nobody_is_kept_from_choosing_because_somebody_else_of_the_household_was_erased() {
    let braze = Braze::start();
    for id in ["u-1", "u-2"] {
        add(&braze, id, Some("home@example.com"));
    }
    let folder = Folder::to(braze.sandbox.address(), ADDRESSED);
    folder.write("erase.yaml", ERASE_ONE);
    let subject = json!({ "external_id": "u-1", "email": "home@example.com" });
    folder.requests([json!({ "id": "d-1", "kind": "deletion", "subject": subject })]);
    let erased = folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]);
    assert_eq!(erased.counts(), (0, [1, 0, 0, 0]), "{}", erased.stderr);

    folder.requests([
        change_of("one", json!({ "external_id": "u-1" }), "ACTIVE", &at(3)),
        change_of("other", json!({ "external_id": "u-2" }), "ACTIVE", &at(3)),
        change_of("address", json!({ "email": "home@example.com" }), "WITHDRAWN", &at(4)),
    ]);
    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [2, 1, 0, 0]), "{}", shot.stderr);
    // Who was erased is seen for a while, and is not written to.
    let states = [("u-1", "subscribed"), ("u-2", "unsubscribed")];
    assert_eq!(live(&braze), states.map(|(id, state)| (Some(id.to_owned()), state.to_owned())));
}

#[test]
fn when_all_of_a_household_are_erased_nothing_older_brings_anybody_back_under_its_address() {
    for files in [vec![vec!["u-1", "u-2"]], vec![vec!["u-1"], vec!["u-2"]]] {
        // Given two of one home, who are seen for a while after they are erased
        let braze = Braze::start();
        for id in ["u-1", "u-2"] {
            add(&braze, id, Some("home@example.com"));
        }
        let folder = Folder::to(braze.sandbox.address(), ADDRESSED);
        folder.write("erase.yaml", ERASE_ONE);
        for ids in &files {
            let of = |id: &&str| {
                let subject = json!({ "external_id": id, "email": "home@example.com" });
                json!({ "id": format!("d-{id}"), "kind": "deletion", "subject": subject })
            };
            folder.requests(ids.iter().map(of));
            let erased = folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]);
            assert_eq!(erased.counts(), (0, [ids.len() as u64, 0, 0, 0]), "{}", erased.stderr);
        }

        // When choices from before come under their address
        let home = || json!({ "email": "home@example.com" });
        folder.requests([change_of("in", home(), "ACTIVE", &at(3))]);
        let opted_in = folder.job();
        folder.requests([change_of("out", home(), "WITHDRAWN", &at(4))]);
        let opted_out = folder.job();

        assert_eq!(opted_in.json()["skipped_by"], json!({ "erased": 1 }), "{files:?}");
        assert_eq!(opted_out.counts(), (0, [1, 0, 0, 0]), "{files:?}");
        assert_eq!(live(&braze).len(), 2, "{files:?}: nobody was made");
    }
}

#[test]
fn whoever_was_erased_is_not_brought_back_by_any_other_identifier() {
    let braze = Braze::start();
    add(&braze, "u-1", Some("a@example.com"));
    let folder = Folder::to(braze.sandbox.address(), ADDRESSED);
    folder.write("erase.yaml", ERASE);
    let subject = json!({ "external_id": "u-1", "email": "a@example.com" });
    folder.requests([json!({ "id": "d-1", "kind": "deletion", "subject": subject })]);
    assert_eq!(
        folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]).counts(),
        (0, [1, 0, 0, 0])
    );

    folder.requests([
        change_of("in", json!({ "email": " A@Example.com" }), "ACTIVE", &at(3)),
        change_of("out", json!({ "email": "a@example.com" }), "WITHDRAWN", &at(4)),
    ]);
    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 1, 0, 0]), "{}", shot.stderr);
    // Nobody was made: an opt-out still reaches who is seen for a while.
    assert_eq!(live(&braze), [(Some("u-1".to_owned()), "unsubscribed".to_owned())]);
}

#[test]
fn a_choice_from_after_the_quiet_period_brings_somebody_back() {
    let braze = Braze::start();
    add(&braze, "u-1", None);
    let folder = Folder::to(braze.sandbox.address(), ADDRESSED);
    let settings = folder.read("privaflow.yaml");
    folder.write("privaflow.yaml", format!("{settings}gate: {{ quiet: 1ms }}\n"));
    folder.write("erase.yaml", ERASE);
    folder.requests([json!({ "id": "d-1", "kind": "deletion", "subject": { "external_id": "u-1" } })]);
    assert_eq!(
        folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]).counts(),
        (0, [1, 0, 0, 0])
    );

    // No more than a minute ahead is a clock that differs.
    let later = (jiff::Timestamp::now() + jiff::Span::new().minutes(1)).to_string();
    folder.requests([change_of("back", json!({ "external_id": "u-1" }), "ACTIVE", &later)]);
    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(live(&braze), [(Some("u-1".to_owned()), "opted_in".to_owned())]);
}

#[test]
fn hundreds_of_changes_of_one_person_end_in_the_newest_and_take_few_requests() {
    let (braze, folder) = started(CHANNELS);
    let minute = |number: u32| (number * 37) % 600;
    let time = |minute: u32| format!("2026-11-20T{:02}:{:02}:00Z", 10 + minute / 60, minute % 60);
    folder.requests((0..600).map(|number| {
        let status = if minute(number) == 599 { "WITHDRAWN" } else { "ACTIVE" };
        change(&format!("c-{number}"), &[("email", status, &time(minute(number)))])
    }));

    let shot = folder.job();

    assert_eq!(states(&braze).0, "unsubscribed");
    let (code, [done, superseded, failed, waiting]) = shot.counts();
    assert_eq!((code, done + superseded, failed + waiting), (0, 600, 0));
    assert!(shot.json()["http_requests"].as_u64().unwrap() < 20, "{}", shot.stdout);
}

/// Erases somebody and keeps their address unsubscribed.
const ERASE_AND_KEEP_OUT: &str = r#"
workflow: erase-and-keep-out
on: { file: {} }
steps:
  - id: find
    uses: privaflow/find_profiles
  - id: erase
    if: size(steps.find.output.braze_ids) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ steps.find.output.braze_ids }}" }
  - id: keep_out
    if: steps.erase.status == "done"
    uses: braze/email.status
    with: { email: "{{ subject.email }}", subscription_state: unsubscribed }
"#;

#[test]
fn an_address_is_kept_unsubscribed_whatever_choice_the_erasure_destroyed() {
    // The choices are newer than the request to erase, and older than the erasure, with which Braze forgets them.
    for choice in ["WITHDRAWN", "ACTIVE"] {
        let braze = Braze::start();
        add(&braze, "u-1", Some("a@example.com"));
        let folder = Folder::to(braze.sandbox.address(), ADDRESSED);
        folder.write("erase.yaml", ERASE_AND_KEEP_OUT);
        folder.requests([change_of("c-1", json!({ "email": "a@example.com" }), choice, &at(1))]);
        assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
        let subject = json!({ "external_id": "u-1", "email": "a@example.com" });
        folder
            .requests([json!({ "id": "d-1", "kind": "deletion", "received_at": at(0), "subject": subject })]);

        let erased = folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]);

        assert_eq!(erased.counts(), (0, [1, 0, 0, 0]), "{}", erased.stderr);
        assert_eq!(braze.sandbox.requests().of("/email/status"), 1, "{choice}: {}", erased.stderr);
        // A permission from before the erasure does not undo it, though it is newer than the request.
        folder.requests([change_of("c-2", json!({ "email": "a@example.com" }), "ACTIVE", &at(2))]);
        assert_eq!(folder.job().counts(), (0, [0, 1, 0, 0]), "{choice}");
    }
}

#[test]
fn an_opt_out_that_yields_to_a_choice_from_after_the_erasure_is_not_left_out_in_silence() {
    let braze = Braze::start();
    add(&braze, "u-1", Some("a@example.com"));
    let folder = Folder::to(braze.sandbox.address(), ADDRESSED);
    folder.write("erase.yaml", ERASE_AND_KEEP_OUT);
    // No more than a minute ahead is a clock that differs: newer than the erasure that follows.
    let later = (jiff::Timestamp::now() + jiff::Span::new().minutes(1)).to_string();
    folder.requests([change_of("c-1", json!({ "email": "a@example.com" }), "ACTIVE", &later)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    let subject = json!({ "external_id": "u-1", "email": "a@example.com" });
    folder.requests([json!({ "id": "d-1", "kind": "deletion", "received_at": at(0), "subject": subject })]);

    let erased = folder.run(&["run", "erase.yaml", "--input", "requests.ndjson", "--output", "json"]);

    assert_eq!(erased.counts(), (0, [1, 0, 0, 0]), "{}", erased.stderr);
    assert_eq!(braze.sandbox.requests().of("/email/status"), 0);
    let said = "record 0 of job-2: step keep_out does not unsubscribe everybody it names";
    assert!(erased.stderr.contains(said), "{}", erased.stderr);
}
