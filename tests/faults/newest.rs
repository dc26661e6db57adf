//! The same person many times in one file: the last record decides, whatever happens on the way.

use serde_json::{Value, json};

use crate::chance::{Chance, storm};
use crate::folder::Folder;
use crate::kills::kill_and_go_on;
use crate::rig::Rig;
use crate::service::{Braze, consent, state_of};

const CONSENT: &str = include_str!("../../workflows/consent-global.yaml");
const RECORDS: u64 = 200;

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
    let mut chance = Chance::new().of(4000);
    let (records, last) = changes(&mut chance);
    // Waits are real here and nobody shares them: a few of each kind are enough.
    let braze = Braze::with(chance.next(), {
        let mut faults = storm();
        faults.faults.iter_mut().for_each(|fault| fault.at_most = Some(3));
        faults
    });
    seed(&braze);
    let folder = Folder::to(braze.sandbox.address(), CONSENT);
    folder.requests(records);

    let (shot, killed) = kill_and_go_on(&folder, &braze, &mut chance);

    let (code, [done, skipped, failed, waiting]) = shot.counts();
    assert_eq!((code, done + skipped, failed + waiting), (0, 2 * RECORDS, 0), "{chance:?}\n{}", shot.stderr);
    assert_eq!(braze.people()["u-again"].email_subscribe, last, "{chance:?}");
    assert!(killed > 0, "{chance:?}");
}
