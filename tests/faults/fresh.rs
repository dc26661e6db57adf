//! Changes of the same people in any order: the newest state of every channel stays, whatever happens
//! on the way. What is right is worked out here from the records alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::chance::{Chance, storm};
use crate::rig::Rig;
use crate::service::state_of;

const CONSENT: &str = include_str!("../../workflows/consent-global.yaml");
const PEOPLE: u64 = 8;
const RECORDS: u64 = 240;
const CHANNELS: [&str; 2] = ["Marketing e-mail", "Push notifications"];

/// For each person and channel, the second of the newest change and its status.
type Newest = BTreeMap<(String, &'static str), (u64, &'static str)>;

/// Records with up to three consents each, in no order of time, and what they come to. Several fall
/// into the same second; then the withdrawal counts.
fn changes(chance: &mut Chance) -> (Vec<Value>, Newest) {
    let mut newest = Newest::new();
    let mut records = Vec::new();
    for number in 0..RECORDS {
        let person = format!("u-{}", chance.between(0, PEOPLE - 1));
        let mut consents = Vec::new();
        for _ in 0..chance.between(1, 3) {
            let channel = CHANNELS[usize::from(chance.between(0, 1) == 0)];
            let status = if chance.between(0, 1) == 0 { "ACTIVE" } else { "WITHDRAWN" };
            // No two consents of a record are of one second: which of them counts is the workflow's to say.
            let second = chance.between(0, 15) * 3 + consents.len() as u64;
            let updated_at = format!("2026-11-20T10:00:{second:02}Z");
            consents.push(json!({ "purpose": channel, "status": status, "updated_at": updated_at }));
        }
        for consent in &consents {
            let second = consent["updated_at"].as_str().and_then(|time| time[17..19].parse().ok()).unwrap();
            let channel = CHANNELS.into_iter().find(|channel| consent["purpose"] == *channel).unwrap();
            let status = if consent["status"] == "ACTIVE" { "ACTIVE" } else { "WITHDRAWN" };
            let held = newest.entry((person.clone(), channel)).or_insert((second, status));
            if second > held.0 || (second == held.0 && status == "WITHDRAWN") {
                *held = (second, status);
            }
        }
        records.push(json!({
            "id": format!("r-{number}"), "kind": "consent", "subject": { "external_id": person },
            "consents": consents,
        }));
    }
    (records, newest)
}

#[track_caller]
fn check(rig: &Rig, newest: &Newest, what: &str) {
    let people = rig.braze.people();
    for ((person, channel), (_, status)) in newest {
        let profile = &people[person];
        let held = if *channel == CHANNELS[0] { &profile.email_subscribe } else { &profile.push_subscribe };
        assert_eq!(*held, state_of(status), "{channel} of {person}, {what}");
    }
}

#[test]
fn the_newest_state_of_every_channel_stays_wherever_the_journal_ends() {
    for run in 0..6 {
        let mut chance = Chance::new().of(7000 + run);
        let (records, newest) = changes(&mut chance);
        let rig = Rig::new(CONSENT, &records, chance.next(), storm());
        (0..PEOPLE).for_each(|person| rig.braze.seed(&format!("u-{person}")));

        for _ in 0..6 {
            rig.live_until(rig.events() + chance.between(2, 40));
        }
        let summary = json!(rig.live().summary);

        check(&rig, &newest, &format!("run {run}, {chance:?}: {summary}"));
        let [requests, done, skipped] =
            ["requests", "done", "skipped"].map(|name| summary[name].as_u64().unwrap());
        assert_eq!((requests, done + skipped), (RECORDS, RECORDS), "run {run}, {chance:?}: {summary}");
        assert_eq!(summary["skipped_by"], json!({ "superseded": skipped }), "run {run}, {chance:?}");
    }
}

#[test]
fn many_changes_of_few_people_take_few_requests() {
    let mut chance = Chance::new().of(7100);
    let (records, newest) = changes(&mut chance);
    let rig = Rig::new(CONSENT, &records, chance.next(), privaflow::sandbox::Faults::default());
    (0..PEOPLE).for_each(|person| rig.braze.seed(&format!("u-{person}")));

    let summary = json!(rig.live().summary);

    check(&rig, &newest, &format!("{chance:?}"));
    assert!(rig.braze.requests() < 20, "{} requests, {summary}", rig.braze.requests());
}
