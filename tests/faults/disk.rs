//! A disk without room for the journal: nothing happens that is not written down, and the job goes on
//! when there is room again.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::folder::{Folder, KEY, Shot, end, request};
use crate::kills::EVENT;
use crate::service::{Braze, consent, state_of};

const PEOPLE: usize = 6000;

fn prepared() -> (Braze, Folder) {
    let braze = Braze::with(1, Default::default());
    let folder = Folder::to(braze.sandbox.address(), EVENT);
    (0..PEOPLE).for_each(|number| braze.seed(&format!("u-{number}")));
    folder
        .requests((0..PEOPLE).map(|number| request("other", &format!("e-{number}"), &format!("u-{number}"))));
    (braze, folder)
}

/// What must hold once there is room again: done is what was counted, and nothing was sent twice.
#[track_caller]
fn check_the_rest(braze: &Braze, shot: &Shot) {
    let summary = shot.json();
    let [done, waiting] = ["done", "waiting"].map(|name| summary[name].as_u64().unwrap() as usize);
    assert_eq!(done + waiting, PEOPLE, "{summary}");
    let counted = braze.counted();
    assert!(counted.values().all(|count| *count <= 1), "an event was sent twice");
    let never = counted.values().filter(|count| **count == 0).count();
    assert!(done <= PEOPLE - never && never <= waiting, "{never} were never sent, {summary}");
    assert_eq!(summary["waiting_by"]["needs_attention"].as_u64().unwrap_or(0), waiting as u64, "{summary}");
}

/// The job where files may not grow beyond a size.
fn limited(folder: &Folder) -> Shot {
    // Files may grow to so many half kilobytes; a write beyond fails, as it does without room.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1400; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_privaflow")])
        .args(["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"])
        .current_dir(folder.path(""))
        .env("PRIVAFLOW_TEST_KEY", KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    end(limited.unwrap())
}

#[track_caller]
fn check_that_it_stopped(stopped: &Shot) {
    // What is known until then is told all the same: everybody is counted, and who is not done waits.
    let (code, [done, _, failed, waiting]) = stopped.counts();
    assert_eq!((code, failed), (1, 0), "{}", stopped.stderr);
    assert!(done + waiting > 0 && waiting > 0, "{}", stopped.stdout);
    assert!(stopped.stderr.contains("nothing more is done"), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("run the same command again"), "{}", stopped.stderr);
}

#[test]
fn a_job_whose_journal_cannot_grow_stops_and_goes_on_later() {
    let (braze, folder) = prepared();

    let stopped = limited(&folder);

    check_that_it_stopped(&stopped);
    check_the_rest(&braze, &folder.job());
}

#[test]
fn the_newest_state_of_everybody_stays_when_the_journal_could_not_grow_in_between() {
    let people = PEOPLE / 2;
    let braze = Braze::with(1, Default::default());
    let folder = Folder::to(braze.sandbox.address(), include_str!("../../workflows/consent-global.yaml"));
    (0..people).for_each(|number| braze.seed(&format!("u-{number}")));
    // Everybody twice: every second person's older change comes last in the file.
    let status = |number: usize, second: usize| ["ACTIVE", "WITHDRAWN"][(number / 2 + second) % 2];
    let record = |number: usize, come: usize| {
        let second = (number + come) % 2;
        let mut record =
            consent(&format!("c-{number}-{come}"), &format!("u-{number}"), status(number, second));
        record["consents"][0]["updated_at"] = json!(format!("2026-11-20T10:00:0{second}Z"));
        record
    };
    folder.requests((0..2).flat_map(|come| (0..people).map(move |number| record(number, come))));

    let stopped = limited(&folder);
    let shot = folder.job();

    check_that_it_stopped(&stopped);
    let (code, [done, skipped, failed, waiting]) = shot.counts();
    assert_eq!((code, done + skipped, failed + waiting), (0, 2 * people as u64, 0), "{}", shot.stderr);
    assert_eq!(shot.json()["skipped_by"], json!({ "superseded": skipped }));
    let held = braze.people();
    for number in 0..people {
        let id = format!("u-{number}");
        assert_eq!(held[&id].email_subscribe, state_of(status(number, 1)), "{id}");
    }
}

/// A disk of its own in memory; only a privileged user may have one.
struct Disk<'f>(&'f Path);

impl<'f> Disk<'f> {
    fn mount(at: &'f Path) -> Option<Disk<'f>> {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Disk(at))
    }

    /// Takes all room but so many bytes.
    fn fill(&self, left: usize) {
        let filler = self.0.join("filler");
        let mut bytes = 8 << 20;
        while std::fs::write(&filler, vec![1; bytes]).is_err() {
            bytes -= 64 << 10;
        }
        std::fs::write(&filler, vec![1; bytes.saturating_sub(left)]).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

#[test]
fn a_job_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let (braze, folder) = prepared();
    let store = folder.path("store");
    // Without the right to mount, the limit on the size of files has to do.
    let Some(disk) = Disk::mount(&store) else { return };
    disk.fill(1500 << 10);

    let stopped = folder.job();
    let still = folder.job();

    for shot in [&stopped, &still] {
        assert!(matches!(shot.code, 1 | 2), "{}", shot.stderr);
        // Without room for as much as a log of the database, the store cannot even be opened.
        let is_closed = shot.stdout.is_empty() && shot.stderr.contains("disk is full");
        assert!(shot.code == 2 || is_closed || shot.json()["waiting"].as_u64() > Some(0), "{}", shot.stdout);
    }
    let says_so = ["no space is left", "disk is full"].iter().any(|words| stopped.stderr.contains(words));
    assert!(says_so, "{}", stopped.stderr);
    disk.empty();
    check_the_rest(&braze, &folder.job());
}
