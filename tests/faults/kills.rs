//! The real program killed at random moments of a job, against a service that goes wrong, too.

use serde_json::{Value, json};

use crate::chance::{Chance, is_long, storm};
use crate::folder::{Folder, Shot, end, request};
use crate::server::until_or;
use crate::service::{Braze, consent, state_of};

/// An event for each person.
pub const EVENT: &str = r#"
workflow: event
on: { file: {} }
steps:
  - id: event
    uses: braze/users.track
    with: { events: [{ external_id: "{{ subject.external_id }}", name: consent, time: "2026-11-22T02:00:00Z" }] }
"#;

/// Starts the job again and again and kills it each time after some more requests came, then lets it
/// come to its end.
#[track_caller]
pub fn kill_and_go_on(folder: &Folder, braze: &Braze, chance: &mut Chance) -> Shot {
    let kills = if is_long() { 20 } else { 5 };
    for _ in 0..kills {
        let enough = braze.requests() + chance.between(1, 12);
        let mut child = folder.start();
        let is_over = until_or(|| child.try_wait().unwrap().is_some(), || braze.requests() >= enough);
        if is_over {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    end(folder.start())
}

fn people(people: usize) -> usize {
    if is_long() { people * 4 } else { people }
}

#[test]
fn a_job_killed_at_random_leaves_everybody_as_the_file_says() {
    let mut chance = Chance::new().of(1000);
    let (count, seed) = (people(6000), chance.next());
    let braze = Braze::with(seed, storm());
    let folder = Folder::to(braze.sandbox.address(), include_str!("../../workflows/consent-global.yaml"));
    let status = |number: usize| if number.is_multiple_of(2) { "ACTIVE" } else { "WITHDRAWN" };
    (0..count).for_each(|number| braze.seed(&format!("u-{number}")));
    folder.requests(
        (0..count).map(|number| consent(&format!("c-{number}"), &format!("u-{number}"), status(number))),
    );

    let shot = kill_and_go_on(&folder, &braze, &mut chance);

    assert_eq!(shot.counts(), (0, [count as u64, 0, 0, 0]), "{chance:?}\n{}", shot.stderr);
    assert_eq!(shot.json()["accepted"], json!(count), "{chance:?}");
    let people = braze.people();
    for number in 0..count {
        let id = format!("u-{number}");
        assert_eq!(people[&id].email_subscribe, state_of(status(number)), "{id}, {chance:?}");
    }
    let written = shot.json()["http_requests"].as_u64().unwrap();
    assert!(written >= braze.requests(), "{written} of {} requests, {chance:?}", braze.requests());
    assert_eq!(folder.job().stdout, shot.stdout, "{chance:?}");
}

#[test]
fn events_of_a_job_killed_at_random_are_counted_once_or_wait_for_a_person() {
    let mut chance = Chance::new().of(2000);
    let (count, seed) = (people(3000), chance.next());
    let braze = Braze::with(seed, storm());
    let folder = Folder::to(braze.sandbox.address(), EVENT);
    (0..count).for_each(|number| braze.seed(&format!("u-{number}")));
    let records: Vec<Value> =
        (0..count).map(|number| request("other", &format!("e-{number}"), &format!("u-{number}"))).collect();
    folder.requests(records);

    let shot = kill_and_go_on(&folder, &braze, &mut chance);

    let summary = shot.json();
    let [done, waiting] = ["done", "waiting"].map(|name| summary[name].as_u64().unwrap() as usize);
    let counted = braze.counted();
    let [never, once] = [0, 1].map(|times| counted.values().filter(|count| **count == times).count());
    assert_eq!(never + once, count, "somebody's event was sent twice, {chance:?}");
    assert_eq!(done + waiting, count, "{chance:?}: {summary}");
    assert!(done <= once && never <= waiting, "{done} done, {once} counted, {chance:?}");
    assert!(waiting > 0, "nothing went wrong, {chance:?}");
    assert_eq!(
        (shot.code, &summary["waiting_by"]),
        (1, &json!({ "needs_attention": waiting })),
        "{chance:?}"
    );
    let before = braze.requests();
    let again = folder.job();
    assert_eq!((again.code, again.json()["waiting"].as_u64()), (1, Some(waiting as u64)), "{chance:?}");
    assert_eq!(braze.requests(), before, "{chance:?}");
}
