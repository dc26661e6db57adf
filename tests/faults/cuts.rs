//! The journal cut after every single event of a job, and the job taken up again.

use privaflow::sandbox::Faults;
use serde_json::{Value, json};

use crate::chance::{Chance, storm};
use crate::rig::Rig;
use crate::service::{consent, state_of, truth};

const ERASE: &str = include_str!("../../workflows/user-deletion.yaml");
const CONSENT: &str = include_str!("../../workflows/consent-global.yaml");

/// Counts an event, which must not be repeated, and then sets what may be.
const MIXED: &str = r#"
workflow: mixed
on: { file: {} }
steps:
  - id: event
    uses: braze/users.track
    with: { events: [{ external_id: "{{ subject.external_id }}", name: consent, time: "2026-11-22T02:00:00Z" }] }
  - wait: 5m
  - id: tag
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", tag: "{{ request.id }}" }] }
"#;

/// Carries a job out as often as it has events and cuts it once more often each time, at other events
/// of the same job; `check` looks at what is left when it was let go on.
pub fn cut_everywhere(make: impl Fn(u64, Faults) -> Rig, check: impl Fn(&Rig, &Value, &str)) {
    let chance = Chance::new();
    for cut in 1.. {
        let mut chance = chance.of(cut);
        // Every second job meets a service that goes wrong, too.
        let faults = if cut % 2 == 0 { storm() } else { Faults::default() };
        let rig = make(chance.next(), faults);
        let first = rig.live_until(cut);
        if first.is_none() {
            assert!(rig.events() <= cut);
            rig.live_until(rig.events() + chance.between(1, 7));
        }
        let outcome = rig.live();
        let what = format!("cut after event {cut}, {chance:?}");
        check(&rig, &json!(outcome.summary), &what);
        let again = truth(&json!(rig.live().summary));
        assert_eq!(again, truth(&json!(outcome.summary)), "asked again, {what}");
        if first.is_some() {
            assert!(cut > 8, "the job has too few events to tell anything: {cut}");
            return;
        }
    }
}

#[test]
fn a_deletion_cut_after_every_event_erases_everybody_and_says_so() {
    let request = |id: &str, subject: Value| json!({ "id": id, "kind": "deletion", "subject": subject });
    let records = [
        request("d-1", json!({ "external_id": "u-1" })),
        request("d-2", json!({ "external_id": "u-2", "email": "two@example.com" })),
        request("d-3", json!({ "email": "three@example.com" })),
        request("d-4", json!({ "external_id": "u-nobody" })),
        request("d-1", json!({ "external_id": "u-1" })),
        request("d-1", json!({ "external_id": "u-6" })),
    ];
    let make = |seed, faults| {
        let rig = Rig::new(ERASE, &records, seed, faults);
        for (id, email) in [
            (Some("u-1"), None),
            (Some("u-2"), Some("two@example.com")),
            (Some("u-2-again"), Some("two@example.com")),
            (None, Some("three@example.com")),
            (Some("u-6"), None),
            (Some("u-bystander"), Some("bystander@example.com")),
        ] {
            rig.braze.add(id, email);
        }
        rig
    };

    cut_everywhere(make, |rig, summary, what| {
        let left: Vec<String> = rig.braze.people().into_keys().collect();
        assert_eq!(left, ["u-6", "u-bystander"], "{what}");
        let expected = json!({
            "requests": 6, "done": 3, "skipped": 2, "failed": 1, "waiting": 0, "accepted": 3, "verified": 3,
            "skipped_by": { "duplicate": 1, "no_profile": 1 }, "failed_by": { "id_conflict": 1 },
            "waiting_by": {}, "unmapped": {},
        });
        assert_eq!(truth(summary), expected, "{what}");
    });
}

#[test]
fn a_bulk_consent_job_cut_after_every_event_leaves_everybody_as_the_file_says() {
    let status = |number: usize| if number.is_multiple_of(3) { "ACTIVE" } else { "WITHDRAWN" };
    let records: Vec<Value> = (0..500)
        .map(|number| consent(&format!("c-{number}"), &format!("u-{number}"), status(number)))
        .collect();
    let make = |seed, faults| {
        let rig = Rig::new(CONSENT, &records, seed, faults);
        (0..500).for_each(|number| rig.braze.seed(&format!("u-{number}")));
        rig
    };

    cut_everywhere(make, |rig, summary, what| {
        let people = rig.braze.people();
        for number in 0..500 {
            let id = format!("u-{number}");
            assert_eq!(people[&id].email_subscribe, state_of(status(number)), "{id}, {what}");
        }
        assert_eq!((&summary["done"], &summary["requests"]), (&json!(500), &json!(500)), "{what}");
        assert_eq!((&summary["accepted"], &summary["waiting"]), (&json!(500), &json!(0)), "{what}");
        let written = summary["http_requests"].as_u64().unwrap();
        assert!(written >= rig.braze.requests(), "{written} written down, {what}");
    });
}

#[test]
fn an_event_is_counted_at_most_once_wherever_the_journal_ends() {
    let record = |id: usize, number: usize| json!({ "id": format!("e-{id}"), "kind": "other", "subject": { "external_id": format!("u-{number}") } });
    // The same request comes again: while the first waits for a person, the second must not go either.
    let records: Vec<Value> = (0..90).map(|number| record(number, number)).chain([record(3, 3)]).collect();
    let make = |seed, faults| {
        let rig = Rig::new(MIXED, &records, seed, faults);
        (0..90).for_each(|number| rig.braze.seed(&format!("u-{number}")));
        rig
    };

    cut_everywhere(make, |rig, summary, what| {
        let people = rig.braze.people();
        let is_tagged = |profile: &&privaflow::sandbox::Profile| profile.attributes.contains_key("tag");
        let tagged = people.values().filter(is_tagged).count();
        assert!(people.values().all(|profile| profile.events.len() <= 1), "an event was sent twice, {what}");
        assert!(people.values().filter(is_tagged).all(|profile| profile.events.len() == 1), "{what}");
        assert_eq!(summary["done"], json!(tagged), "{what}");
        assert_eq!(summary["skipped_by"], json!({ "duplicate": 1 }), "{what}");
        let waiting = json!(90 - tagged);
        assert_eq!((&summary["waiting"], &summary["failed"]), (&waiting, &json!(0)), "{what}: {summary}");
        if tagged < 90 {
            assert_eq!(summary["waiting_by"], json!({ "needs_attention": waiting }), "{what}");
        }
    });
}
