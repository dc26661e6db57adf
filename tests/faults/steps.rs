//! The journal cut after every event of jobs that leave more behind than a call and its answer: steps
//! that are passed over, erasures that hold changes back, and requests that a person has tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use privaflow::sandbox::{Effect, Fault, Faults};
use serde_json::{Value, json};

use crate::chance::{Chance, storm};
use crate::kills::EVENT;
use crate::rig::Rig;
use crate::service::truth;

/// Sets two states, one after the other, or erases; nobody is made anew.
const TWO_STATES: &str = r#"
workflow: two-states
on: { file: { kinds: [consent, deletion] } }
steps:
  - id: email
    if: request.kind == "consent"
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          _update_existing_only: true
          email_subscribe: "{{ fields.email }}"
  - id: push
    if: request.kind == "consent" && has(fields.push)
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          _update_existing_only: true
          push_subscribe: "{{ fields.push }}"
  - id: erase
    if: request.kind == "deletion"
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

/// Numbers of kinds of events in the journal.
const PASSED: u8 = 10;
const REOPENED: u8 = 11;

/// By person and channel: the second of the newest change, and its state.
type Newest = BTreeMap<(String, &'static str), (u64, &'static str)>;

/// Changes of four people in no order of time, and what they come to; a fifth is erased in between.
fn changes(chance: &mut Chance) -> (Vec<Value>, Newest) {
    let mut newest = BTreeMap::new();
    let mut records = Vec::new();
    for number in 0..48_u64 {
        let person =
            if number % 8 == 7 { "u-gone".to_owned() } else { format!("u-{}", chance.between(0, 3)) };
        // No two changes are of one second.
        let second = (number * 29) % 59;
        let mut fields = serde_json::Map::new();
        for channel in ["email", "push"] {
            if channel == "push" && chance.between(0, 1) == 0 {
                continue;
            }
            let state = if chance.between(0, 1) == 0 { "opted_in" } else { "unsubscribed" };
            fields.insert(channel.to_owned(), json!(state));
            let held = newest.entry((person.clone(), channel)).or_insert((second, state));
            if second > held.0 {
                *held = (second, state);
            }
        }
        let moment = format!("2026-11-20T10:00:{second:02}Z");
        records.push(json!({
            "id": format!("r-{number}"), "kind": "consent", "occurred_at": moment,
            "subject": { "external_id": person }, "fields": fields,
        }));
        if number == 20 {
            records.push(json!({
                "id": "gone", "kind": "deletion", "occurred_at": "2026-11-21T10:00:00Z",
                "subject": { "external_id": "u-gone" },
            }));
        }
    }
    newest.retain(|(person, _), _| person != "u-gone");
    (records, newest)
}

#[test]
fn steps_that_are_passed_over_and_erasures_hold_wherever_the_journal_ends() {
    let (mut passed, mut erased) = (0, 0);
    for cut in 1.. {
        let mut chance = Chance::new().of(9000 + cut);
        let (records, newest) = changes(&mut chance);
        let faults = if cut % 2 == 0 { storm() } else { Faults::default() };
        let rig = Rig::new(TWO_STATES, &records, chance.next(), faults);
        (0..4).for_each(|person| rig.braze.seed(&format!("u-{person}")));
        rig.braze.seed("u-gone");

        let first = rig.live_until(cut);
        if first.is_none() {
            rig.live_until(rig.events() + chance.between(1, 7));
        }
        let summary = json!(rig.live().summary);

        let what = format!("cut after event {cut}, {chance:?}: {summary}");
        // Nothing here waits until the erasure shows.
        rig.pass(Duration::from_secs(5));
        let people = rig.braze.people();
        assert!(!people.contains_key("u-gone"), "{what}");
        for ((person, channel), (_, state)) in newest {
            let profile = &people[&person];
            let held = if channel == "email" { &profile.email_subscribe } else { &profile.push_subscribe };
            assert_eq!(*held, state, "{channel} of {person}, {what}");
        }
        let all = json!(records.len());
        let of = |name: &str| summary["skipped_by"][name].as_u64().unwrap_or(0);
        assert_eq!(
            (&summary["requests"], &summary["failed"], &summary["waiting"]),
            (&all, &json!(0), &json!(0)),
            "{what}"
        );
        assert_eq!(summary["skipped"], of("superseded") + of("erased"), "{what}");
        let again = truth(&json!(rig.live().summary));
        assert_eq!(again, truth(&summary), "asked again, {what}");
        passed += rig.events_of(PASSED);
        erased += of("erased");
        if first.is_some() {
            break;
        }
    }
    assert!(passed > 0 && erased > 0, "{passed} times steps were passed, {erased} changes were held back");
}

#[test]
fn what_a_person_has_tried_again_goes_once_more_and_not_twice_wherever_the_journal_ends() {
    let count = 160;
    let records: Vec<Value> = (0..count)
        .map(|number| json!({ "id": format!("e-{number}"), "kind": "other", "subject": { "external_id": format!("u-{number}") } }))
        .collect();
    for cut in 0.. {
        let mut chance = Chance::new().of(9500 + cut);
        // The second of three requests is lost after it was counted.
        let lost = Fault::new(Effect::DropAfterApplying).every(2).at_most(1);
        let rig = Rig::new(EVENT, &records, chance.next(), Faults { faults: vec![lost] });
        (0..count).for_each(|number| rig.braze.seed(&format!("u-{number}")));
        let what = |summary: &Value| format!("cut after event {cut}, {chance:?}: {summary}");
        let parked = json!(rig.live().summary);
        assert_eq!(parked["waiting_by"], json!({ "needs_attention": 75 }), "{}", what(&parked));

        rig.cut_at(Some(rig.events() + cut));
        let positions: BTreeSet<u64> = rig.retry_even_if_sent().into_iter().collect();
        let is_decided = rig.events_of(REOPENED) > 0;
        let first = rig.live_until(rig.events().max(1) + cut.saturating_sub(1));
        let summary = json!(rig.live().summary);

        let what = what(&summary);
        assert_eq!(positions.len(), 75, "{what}");
        let counted = rig.braze.counted();
        for number in 0..count {
            let most = if is_decided && positions.contains(&number) { 2 } else { 1 };
            let times = counted[&format!("u-{number}")];
            assert!((1..=most).contains(&times), "the event of {number} was counted {times} times, {what}");
        }
        let [done, waiting] = ["done", "waiting"].map(|name| summary[name].as_u64().unwrap());
        assert_eq!((done + waiting, waiting % 75), (count, 0), "{what}");
        assert_eq!(summary["waiting_by"]["needs_attention"].as_u64().unwrap_or(0), waiting, "{what}");
        if first.is_some() && cut > 1 {
            assert_eq!(waiting, 0, "{what}");
            assert!(cut > 3, "the retry has too few events to tell anything: {cut}");
            return;
        }
    }
}
