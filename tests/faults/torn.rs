//! A journal file that was cut in the middle of a write, again and again in one job.
//!
//! A process that is killed leaves a whole file; it takes a machine that loses its power to leave half
//! of a write. What was told to be on the disk is there then, and only what came behind it is torn.

use crate::chance::{Chance, runs, squall};
use crate::folder::Folder;
use crate::kills::{EVENT, KILLS, check_events, kill_each, prepare_events};
use crate::service::{Braze, consent, state_of};
use crate::wal::Wal;

const CONSENT: &str = include_str!("../../workflows/consent-global.yaml");

/// The index beside the log is never brought to the disk: it may be gone, or be anything.
fn spoil_the_index(folder: &Folder, chance: &mut Chance) {
    let index = folder.path("store/journal.db-shm");
    match chance.between(0, 2) {
        0 => drop(std::fs::remove_file(index)),
        1 => std::fs::write(index, vec![chance.next() as u8; 32 << 10]).unwrap(),
        _ => {}
    }
}

#[test]
fn a_log_torn_behind_its_last_commit_loses_nothing_and_repeats_nothing() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(5000 + run);
        let count = 5250;
        let braze = Braze::with(chance.next(), squall());
        let folder = Folder::with(EVENT);
        prepare_events(&folder, &braze, count);
        let mut torn = 0;

        let (shot, killed) = kill_each(&folder, &braze, &mut chance, 3, |chance| {
            if let Some(wal) = Wal::of(&folder.path("store")) {
                wal.tear(chance);
                spoil_the_index(&folder, chance);
                torn += 1;
            }
        });

        let what = format!("run {run}, {chance:?}");
        assert_eq!(killed, KILLS, "{what}");
        assert!(torn > KILLS / 2, "{torn} logs were torn, {what}");
        check_events(&folder, &braze, &shot, count, &what);
        let written = shot.json()["http_requests"].as_u64().unwrap();
        assert!(written >= braze.requests(), "{written} of {} requests, {what}", braze.requests());
    }
}

/// A disk that loses what it said it had is broken, and no journal helps: requests that were made are
/// forgotten, so events could be counted again, and the summary knows less than happened. Only what may
/// be repeated can still be right, and must be: the job begins again where the journal ends.
#[test]
fn states_are_right_even_when_the_disk_loses_what_was_committed() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(6000 + run);
        let count = 3000;
        let braze = Braze::with(chance.next(), squall());
        let folder = Folder::with(CONSENT);
        let status = |number: usize| if number.is_multiple_of(2) { "ACTIVE" } else { "WITHDRAWN" };
        (0..count).for_each(|number| braze.seed(&format!("u-{number}")));
        folder.requests(
            (0..count).map(|number| consent(&format!("c-{number}"), &format!("u-{number}"), status(number))),
        );

        let (shot, killed) = kill_each(&folder, &braze, &mut chance, 3, |chance| {
            if let Some(wal) = Wal::of(&folder.path("store")) {
                wal.cut(chance);
            }
        });

        let what = format!("run {run}, {chance:?}");
        assert!(killed > KILLS / 2, "{killed}, {what}");
        assert_eq!(shot.counts(), (0, [count as u64, 0, 0, 0]), "{what}\n{}", shot.stderr);
        let people = braze.people();
        for number in 0..count {
            let id = format!("u-{number}");
            assert_eq!(people[&id].email_subscribe, state_of(status(number)), "{id}, {what}");
        }
    }
}
