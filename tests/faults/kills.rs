//! The real program killed twenty times in one job, at moments drawn by chance, against a service that
//! goes wrong, too.
//!
//! A job that is killed so often must be long: the settings of these tests let few requests leave in a
//! second, so that each life makes a few and many are left for the next.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chance::{Chance, runs, squall};
use crate::folder::{Folder, Shot, end, request};
use crate::server::until_or;
use crate::service::{Braze, consent, state_of};

const CONSENT: &str = include_str!("../../workflows/consent-global.yaml");

/// An event for each person.
pub const EVENT: &str = r#"
workflow: event
on: { file: {} }
steps:
  - id: event
    uses: braze/users.track
    with: { events: [{ external_id: "{{ subject.external_id }}", name: consent, time: "2026-11-22T02:00:00Z" }] }
"#;

/// Looks for the profiles of an address, erases them, and looks until none is left.
const ERASE: &str = r#"
workflow: erase-found
on: { file: {} }
vars: { found: [] }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
  - set: { found: "steps.find.output.users.map(user, user.braze_id)" }
  - id: erase
    if: size(vars.found) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ vars.found }}" }
  - id: verify
    if: steps.erase.status == "done"
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
    repeat: { every: 50ms, at_most: 10m, until: size(output.users) == 0 }
"#;

/// How often a job is killed.
pub const KILLS: usize = 20;

/// Few requests of a kind in a second; a busy machine that kills late must not let the job end early.
const SLOWLY: &str =
    "{ users.track: { requests: 12, per: 1s }, users.export.ids: { requests: 80, per: 1s } }";
const QUICKLY: &str = "{ users.export.ids: { requests: 1000, per: 1s } }";

fn pace(folder: &Folder, braze: &Braze, limits: &str) {
    let rest = format!("token: {{ env: PRIVAFLOW_TEST_KEY }}\n    limits: {limits}");
    folder.settings(braze.sandbox.address(), &rest);
}

/// When a life ends: so much later than a request of the service, or than its own beginning.
struct Moment {
    after_requests: u64,
    later: Duration,
    reached: Option<Instant>,
}

impl Moment {
    fn drawn(chance: &mut Chance, requests: u64, most: u64) -> Moment {
        let from_beginning = chance.between(0, 4) == 0;
        let (more, later_ms) = match from_beginning {
            true => (0, chance.between(0, 150)),
            false => (chance.between(1, most), chance.between(0, 12)),
        };
        let later = Duration::from_millis(later_ms);
        Moment { after_requests: requests + more, later, reached: None }
    }

    fn has_come(&mut self, requests: u64) -> bool {
        if requests >= self.after_requests {
            return self.reached.get_or_insert_with(Instant::now).elapsed() >= self.later;
        }
        false
    }
}

/// Starts the job, and kills it before it made more than about `most` requests, again and again; then
/// lets it come to its end. Gives what it came to, and how often it was killed.
#[track_caller]
pub fn kill_and_go_on(folder: &Folder, braze: &Braze, chance: &mut Chance, most: u64) -> (Shot, usize) {
    kill_each(folder, braze, chance, most, |_| ())
}

/// The same, and more is done to what each life left behind.
#[track_caller]
pub fn kill_each(
    folder: &Folder,
    braze: &Braze,
    chance: &mut Chance,
    most: u64,
    mut and: impl FnMut(&mut Chance),
) -> (Shot, usize) {
    pace(folder, braze, SLOWLY);
    let (mut killed, mut in_vain) = (0, 0);
    while killed < KILLS {
        let mut moment = Moment::drawn(chance, braze.requests(), most);
        let mut child = folder.start();
        let is_over = until_or(|| child.try_wait().unwrap().is_some(), || moment.has_come(braze.requests()));
        if is_over {
            let life = child.wait_with_output().unwrap();
            match life.status.code() {
                Some(0 | 1) => break,
                // A service that drops everything at the beginning cannot be reached: the life ends by itself
                // with 3, leaves everything waiting, and the next one goes on.
                code => {
                    in_vain += 1;
                    let said = String::from_utf8_lossy(&life.stderr);
                    assert!(in_vain < KILLS, "a life ends by itself with {code:?}, again and again: {said}");
                    continue;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        and(chance);
    }
    pace(folder, braze, QUICKLY);
    (end(folder.start()), killed)
}

#[test]
fn a_job_killed_twenty_times_leaves_everybody_as_the_file_says() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(1000 + run);
        let count = 5250;
        let braze = Braze::with(chance.next(), squall());
        let folder = Folder::with(CONSENT);
        let status = |number: usize| if number.is_multiple_of(2) { "ACTIVE" } else { "WITHDRAWN" };
        (0..count).for_each(|number| braze.seed(&format!("u-{number}")));
        folder.requests(
            (0..count).map(|number| consent(&format!("c-{number}"), &format!("u-{number}"), status(number))),
        );

        let (shot, killed) = kill_and_go_on(&folder, &braze, &mut chance, 3);

        assert_eq!(killed, KILLS, "run {run}, {chance:?}");
        assert_eq!(shot.counts(), (0, [count as u64, 0, 0, 0]), "run {run}, {chance:?}\n{}", shot.stderr);
        assert_eq!(shot.json()["accepted"].as_u64(), Some(count as u64), "run {run}, {chance:?}");
        let people = braze.people();
        for number in 0..count {
            let id = format!("u-{number}");
            assert_eq!(people[&id].email_subscribe, state_of(status(number)), "{id}, run {run}, {chance:?}");
        }
        check_the_rest(&folder, &braze, &shot, &format!("run {run}, {chance:?}"));
    }
}

#[test]
fn deletions_of_a_job_killed_twenty_times_erase_everybody_who_was_found_and_prove_it() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(1500 + run);
        let count = 100;
        let braze = Braze::eager(chance.next(), squall());
        let folder = Folder::with(ERASE);
        let email = |number: usize| format!("person-{number}@example.com");
        // Every third person has two profiles, every tenth none.
        let profiles = |number: usize| match number {
            _ if number % 10 == 9 => 0,
            _ if number.is_multiple_of(3) => 2,
            _ => 1,
        };
        for number in 0..count {
            (0..profiles(number))
                .for_each(|which| braze.add(Some(&format!("u-{number}-{which}")), Some(&email(number))));
        }
        braze.add(Some("u-bystander"), Some("bystander@example.com"));
        folder.requests((0..count).map(
            |number| json!({ "id": format!("d-{number}"), "kind": "deletion", "subject": { "email": email(number) } }),
        ));

        let (shot, killed) = kill_and_go_on(&folder, &braze, &mut chance, 12);

        let what = format!("run {run}, {chance:?}");
        assert_eq!(killed, KILLS, "{what}");
        let left: Vec<String> = braze.people().into_keys().collect();
        assert_eq!(left, ["u-bystander"], "{what}");
        assert_eq!(shot.counts(), (0, [90, 10, 0, 0]), "{what}\n{}", shot.stderr);
        let summary = shot.json();
        assert_eq!(summary["skipped_by"], json!({ "no_profile": 10 }), "{what}");
        assert_eq!((&summary["accepted"], &summary["verified"]), (&json!(90), &json!(90)), "{what}");
        check_the_rest(&folder, &braze, &shot, &what);
    }
}

#[test]
fn events_of_a_job_killed_twenty_times_are_counted_once_or_wait_for_a_person() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(2000 + run);
        let count = 5250;
        let braze = Braze::with(chance.next(), squall());
        let folder = Folder::with(EVENT);
        prepare_events(&folder, &braze, count);

        let (shot, killed) = kill_and_go_on(&folder, &braze, &mut chance, 3);

        let what = format!("run {run}, {chance:?}");
        assert_eq!(killed, KILLS, "{what}");
        check_events(&folder, &braze, &shot, count, &what);
        check_the_rest(&folder, &braze, &shot, &what);
    }
}

/// An event for each of so many people.
pub fn prepare_events(folder: &Folder, braze: &Braze, count: usize) {
    (0..count).for_each(|number| braze.seed(&format!("u-{number}")));
    folder
        .requests((0..count).map(|number| request("other", &format!("e-{number}"), &format!("u-{number}"))));
}

/// Every event was counted once and its request is done, or at most once and its request waits.
#[track_caller]
pub fn check_events(folder: &Folder, braze: &Braze, shot: &Shot, count: usize, what: &str) {
    let (code, [done, skipped, failed, waiting]) = shot.counts();
    assert_eq!((code, done + waiting, skipped + failed), (1, count as u64, 0), "{what}\n{}", shot.stderr);
    let summary = shot.json();
    assert_eq!(summary["waiting_by"], json!({ "needs_attention": waiting }), "{what}");
    assert_eq!(summary["accepted"], done, "{what}");
    let arguments = ["runs", "list", "--state", "waiting", "--limit", "0", "--output", "json"];
    let listed = folder.run(&arguments).lines();
    let waits: BTreeSet<&str> = listed.iter().filter_map(|run| run["request"].as_str()).collect();
    assert_eq!(waits.len() as u64, waiting, "{what}");
    let counted = braze.counted();
    for number in 0..count {
        let times = counted[&format!("u-{number}")];
        let expected = if waits.contains(format!("e-{number}").as_str()) { 0..=1 } else { 1..=1 };
        assert!(expected.contains(&times), "the event of {number} was counted {times} times, {what}");
    }
}

/// The summary knows of every request that was made, and asking again changes nothing.
#[track_caller]
pub fn check_the_rest(folder: &Folder, braze: &Braze, shot: &Shot, what: &str) {
    let (written, before) = (shot.json()["http_requests"].as_u64().unwrap(), braze.requests());
    assert!(written >= before, "{written} of {before} requests, {what}");
    let again = folder.job();
    assert_eq!(
        (again.code, again.json()["waiting"].clone()),
        (shot.code, shot.json()["waiting"].clone()),
        "{what}"
    );
    let is_over: bool = shot.json()["waiting"] == 0;
    assert!(!is_over || again.stdout == shot.stdout, "{what}");
    assert_eq!(braze.requests(), before, "{what}");
}
