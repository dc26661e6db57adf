//! The same person many times in one file: the last record decides, whatever happens on the way.

use serde_json::{Value, json};

use crate::chance::{Chance, runs, squall, storm};
use crate::folder::Folder;
use crate::kills::{KILLS, kill_and_go_on};
use crate::rig::Rig;
use crate::service::{Braze, consent, state_of};

const CONSENT: &str = include_str!("../../workflows/consent-global.yaml");
const RECORDS: u64 = 200;
/// Batches of others in the job that is killed.
const BATCHES: u64 = 70;

/// Two hundred changes of one person among others, and the state each of them ends in.
fn changes(chance: &mut Chance) -> (Vec<Value>, &'static str) {
    let mut records = Vec::new();
    let mut last = "";
    for number in 0..RECORDS {
        last = if chance.between(0, 1) == 0 { "ACTIVE" } else { "WITHDRAWN" };
        records.push(consent(&format!("c-{number}"), "u-again", last));
        records.push(consent(&format!("o-{number}"), &format!("u-{number}"), "WITHDRAWN"));
    }
    (records, state_of(last))
}

fn seed(braze: &Braze) {
    braze.seed("u-again");
    (0..RECORDS).for_each(|number| braze.seed(&format!("u-{number}")));
}

#[test]
fn the_last_of_many_changes_decides_wherever_the_journal_ends() {
    for run in 0..6 {
        let mut chance = Chance::new().of(3000 + run);
        let (records, last) = changes(&mut chance);
        let rig = Rig::new(CONSENT, &records, chance.next(), storm());
        seed(&rig.braze);

        for _ in 0..8 {
            rig.live_until(rig.events() + chance.between(2, 80));
        }
        let summary = json!(rig.live().summary);

        assert_eq!(rig.braze.people()["u-again"].email_subscribe, last, "run {run}, {chance:?}");
        let [requests, done, skipped] =
            ["requests", "done", "skipped"].map(|name| summary[name].as_u64().unwrap());
        assert_eq!(
            (requests, done + skipped),
            (2 * RECORDS, 2 * RECORDS),
            "run {run}, {chance:?}: {summary}"
        );
        assert!(done > RECORDS, "run {run}, {chance:?}: {summary}");
    }
}

#[test]
fn the_last_of_many_changes_decides_whenever_the_process_is_killed() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(4000 + run);
        // Changes of one person fall together as long as they have not left, so others stand between
        // them: a batch has one or two.
        let (mut records, mut last) = (Vec::new(), "");
        for number in 0..BATCHES * 75 {
            records.push(consent(&format!("o-{number}"), &format!("u-{number}"), "WITHDRAWN"));
            if number % 50 == 0 {
                last = if chance.between(0, 1) == 0 { "ACTIVE" } else { "WITHDRAWN" };
                records.push(consent(&format!("c-{number}"), "u-again", last));
            }
        }
        let braze = Braze::with(chance.next(), squall());
        braze.seed("u-again");
        (0..BATCHES * 75).for_each(|number| braze.seed(&format!("u-{number}")));
        let folder = Folder::with(CONSENT);
        folder.requests(records.clone());

        let (shot, killed) = kill_and_go_on(&folder, &braze, &mut chance, 3);

        let what = format!("run {run}, {chance:?}");
        let (code, [done, skipped, failed, waiting]) = shot.counts();
        let all = records.len() as u64;
        assert_eq!((code, done + skipped, failed + waiting), (0, all, 0), "{what}\n{}", shot.stderr);
        assert_eq!(shot.json()["skipped_by"]["superseded"].as_u64().unwrap_or(0), skipped, "{what}");
        let people = braze.people();
        assert_eq!(people["u-again"].email_subscribe, state_of(last), "{what}");
        let others = people.iter().filter(|(id, _)| *id != "u-again");
        assert!(others.clone().all(|(_, profile)| profile.email_subscribe == "unsubscribed"), "{what}");
        assert_eq!(killed, KILLS, "{what}");
    }
}
