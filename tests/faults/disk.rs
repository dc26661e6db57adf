//! A disk without room for the journal: nothing happens that is not written down, and the job goes on
//! when there is room again.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::folder::{Folder, KEY, Shot, end, request};
use crate::kills::EVENT;
use crate::service::Braze;

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

#[test]
fn a_job_whose_journal_cannot_grow_stops_and_goes_on_later() {
    let (braze, folder) = prepared();

    // Files may grow to so many half kilobytes; a write beyond fails, as it does without room.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_privaflow")])
        .args(["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"])
        .current_dir(folder.path(""))
        .env("PRIVAFLOW_TEST_KEY", KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let stopped = end(limited.unwrap());

    assert_eq!((stopped.code, stopped.stdout.as_str()), (1, ""), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("nothing more is done"), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("run the same command again"), "{}", stopped.stderr);
    check_the_rest(&braze, &folder.job());
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
    disk.fill(300 << 10);

    let stopped = folder.job();
    let still = folder.job();

    for shot in [&stopped, &still] {
        assert_eq!(shot.stdout, "", "{}", shot.stderr);
        assert!(matches!(shot.code, 1 | 2), "{}", shot.stderr);
    }
    assert!(
        stopped.stderr.contains("no space is left") && stopped.stderr.contains("again"),
        "{}",
        stopped.stderr
    );
    disk.empty();
    check_the_rest(&braze, &folder.job());
}
