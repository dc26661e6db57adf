//! Schedules on a clock that is moved by hand, with a real store.

use std::collections::BTreeMap;

use super::*;
use crate::clock::VirtualClock;
use crate::journal::{Most, Store};
use crate::server::Shelf;
use crate::workflow::Known;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn newest(cron: &str, zone: &str, last: &str, now: &str) -> Option<String> {
    due(&Cron::parse(cron, zone).unwrap(), moment(last), moment(now)).map(|at| at.to_string())
}

#[test]
fn of_many_missed_times_the_newest_is_due() {
    let at = newest("0 3 * * *", "UTC", "2026-11-01T03:00:00Z", "2026-11-20T10:00:00Z");
    assert_eq!(at.as_deref(), Some("2026-11-20T03:00:00Z"));
    let at = newest("* * * * *", "UTC", "2017-11-01T03:00:00Z", "2026-11-20T10:00:30Z");
    assert_eq!(at.as_deref(), Some("2026-11-20T10:00:00Z"));
    let at = newest("0 0 29 2 *", "UTC", "2023-01-01T00:00:00Z", "2026-11-20T10:00:30Z");
    assert_eq!(at.as_deref(), Some("2024-02-29T00:00:00Z"));
    assert_eq!(newest("0 3 * * *", "UTC", "2026-11-20T03:00:00Z", "2026-11-21T02:59:59Z"), None);
    assert_eq!(newest("0 3 * * *", "UTC", "2026-11-20T03:00:00Z", "2026-11-19T00:00:00Z"), None);
}

#[test]
fn a_day_on_which_clocks_change_has_each_time_once() {
    // Given a look every minute of the days on which Paris leaves an hour out and has one twice
    let cron = Cron::parse("30 2 * * *", "Europe/Paris").unwrap();
    let mut started = BTreeMap::new();
    for day in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"] {
        let (mut last, mut now) = (moment(day), moment(day));
        let end = now + SignedDuration::from_hours(24);
        while now < end {
            if let Some(at) = due(&cron, last, now) {
                last = at;
                started.entry(day).or_insert_with(Vec::new).push(at.to_string());
            }
            now += SignedDuration::from_mins(1);
        }
    }

    let times: Vec<_> = started.values().map(Vec::len).collect();
    assert_eq!(times, [1, 1], "{started:?}");
}

struct Rig {
    _folder: tempfile::TempDir,
    clock: Arc<VirtualClock>,
    starter: Starter,
}

impl Rig {
    fn new(now: &str) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let text = "workflow: nightly\non: { schedule: { cron: '0 3 * * *', timezone: UTC } }\nsteps:\n  - log: hello\n";
        std::fs::write(folder.path().join("nightly.yaml"), text).unwrap();
        let shelf = Shelf::of(folder.path(), Known::default());
        let store = Arc::new(Store::temporary().unwrap());
        let inbox = Inbox::new(store, Arc::new(shelf), Arc::default());
        let clock = Arc::new(VirtualClock::at(moment(now).as_millisecond()));
        let starter = Starter {
            inbox,
            files: None,
            clock: clock.clone(),
            running: Arc::default(),
            tasks: TaskTracker::new(),
        };
        Rig { _folder: folder, clock, starter }
    }

    async fn look_at(&self, now: &str) -> u64 {
        self.clock.advance_to(moment(now).as_millisecond());
        self.starter.look().await;
        let queue = self.starter.inbox.store().queue().unwrap();
        queue.iter().map(|queued| queued.rows).sum()
    }
}

#[tokio::test]
async fn a_missed_time_is_made_up_for_once_and_never_two_are_under_way() {
    let rig = Rig::new("2026-11-20T10:00:00Z");

    // Nothing is due when it is first seen, nor before three.
    assert_eq!(rig.look_at("2026-11-20T10:00:00Z").await, 0);
    assert_eq!(rig.look_at("2026-11-21T02:59:59Z").await, 0);
    // Three days later it starts once, and not again while that is not over.
    assert_eq!(rig.look_at("2026-11-24T08:00:00Z").await, 1);
    assert_eq!(rig.look_at("2026-11-24T08:00:05Z").await, 1);
    assert_eq!(rig.look_at("2026-11-26T03:00:00Z").await, 1);

    let store = rig.starter.inbox.store();
    let window = store.take_window("nightly", Most { records: 9, bytes: 1 << 20 }, 0).unwrap().unwrap();
    assert_eq!(rig.look_at("2026-11-26T03:00:05Z").await, 0);
    let text = store.window_text(window.id).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        (record["id"].as_str(), record["kind"].as_str()),
        (Some("schedule:nightly:2026-11-24T03:00:00Z"), Some("other"))
    );
    assert_eq!(store.cursor("schedule:nightly").unwrap().unwrap(), "2026-11-24T03:00:00Z");
}

#[tokio::test]
async fn a_start_that_a_wrong_clock_wrote_down_does_not_stop_a_schedule_for_years() {
    let rig = Rig::new("2026-11-20T10:00:00Z");
    let moves = Cursor { name: "schedule:nightly".to_owned(), value: "2099-01-01T03:00:00Z".to_owned() };
    rig.starter.inbox.take(Vec::new(), Some(moves)).unwrap();

    assert_eq!(rig.look_at("2026-11-20T10:00:00Z").await, 0);
    assert_eq!(rig.look_at("2026-11-21T03:00:00Z").await, 1);
}
