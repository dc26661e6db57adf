//! A calendar that jumps while a job runs: hours ahead, and back again.
//!
//! Pauses of runs follow the calendar, and are over at the latest when as much time has passed as they
//! were to last; limits and retries follow the time that passes. The service's own clock does not jump.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privaflow::clock::{Clock, VirtualClock};
use privaflow::sandbox::{Effect, Faults};
use serde_json::{Value, json};

use crate::chance::{Chance, storm};
use crate::rig::Rig;

const HOUR_MS: i64 = 3_600_000;
const PEOPLE: usize = 120;

/// Waits, writes, and looks until the write shows.
const PAUSES: &str = r#"
workflow: pauses
on: { file: {} }
steps:
  - id: before
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", before: true }] }
  - wait: 5m
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
  - id: verify
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id] }
    repeat: { every: 1m, at_most: 30m, until: size(output.users) == 0 }
"#;

/// A calendar that stands so far ahead of the time that passes; where it stands changes at looks at it.
struct Jumping {
    time: Arc<VirtualClock>,
    ahead_ms: AtomicI64,
    looks: AtomicU64,
    jump: Mutex<Box<dyn FnMut(u64) -> Option<i64> + Send>>,
}

impl Jumping {
    fn by(
        jump: impl FnMut(u64) -> Option<i64> + Send + 'static,
    ) -> impl FnOnce(Arc<VirtualClock>) -> Jumping {
        let jump: Mutex<Box<dyn FnMut(u64) -> Option<i64> + Send>> = Mutex::new(Box::new(jump));
        |time| Jumping { time, ahead_ms: AtomicI64::new(0), looks: AtomicU64::new(0), jump }
    }
}

impl Clock for Jumping {
    fn now_ms(&self) -> i64 {
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        if let Some(ahead_ms) = (self.jump.lock().unwrap())(look) {
            self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
        }
        self.time.steady_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }

    fn steady_ms(&self) -> i64 {
        self.time.steady_ms()
    }
}

fn rig(seed: u64, faults: Faults) -> Rig {
    let record = |number: usize| json!({ "id": format!("d-{number}"), "kind": "deletion", "received_at": "2026-11-20T10:00:00Z", "subject": { "external_id": format!("u-{number}") } });
    let records: Vec<Value> = (0..PEOPLE).map(record).collect();
    let rig = Rig::new(PAUSES, &records, seed, faults);
    (0..PEOPLE).for_each(|number| rig.braze.seed(&format!("u-{number}")));
    rig.braze.seed("u-bystander");
    rig
}

#[track_caller]
fn check(rig: &Rig, what: &str) {
    let summary = json!(rig.live().summary);
    let all = json!(PEOPLE);
    for name in ["requests", "done", "accepted", "verified"] {
        assert_eq!(summary[name], all, "{name}, {what}: {summary}");
    }
    let left: Vec<String> = rig.braze.people().into_keys().collect();
    assert_eq!(left, ["u-bystander"], "{what}");
}

#[test]
fn a_calendar_set_back_makes_no_pause_longer() {
    for at in [0, 3, 10, 40, 100] {
        let rig =
            rig(1, Faults::default()).told_by(Jumping::by(move |look| (look == at).then_some(-6 * HOUR_MS)));

        check(&rig, &format!("set back at look {at}"));

        let passed = rig.passed();
        assert!(passed >= Duration::from_secs(300), "{passed:?}");
        assert!(passed < Duration::from_secs(600), "set back at look {at}: {passed:?}");
    }
}

#[test]
fn a_calendar_set_ahead_ends_pauses_and_calls_no_look_too_late() {
    for at in [0, 3, 10, 40, 100] {
        let rig =
            rig(1, Faults::default()).told_by(Jumping::by(move |look| (look == at).then_some(6 * HOUR_MS)));

        check(&rig, &format!("set ahead at look {at}"));

        assert!(rig.passed() < Duration::from_secs(600), "set ahead at look {at}: {:?}", rig.passed());
    }
}

/// A rig under limits that this job could exceed, and a calendar that jumps at every thirtieth look or so.
fn restless(chance: &mut Chance) -> Rig {
    let mut faults = storm();
    faults.faults.retain(|fault| !matches!(fault.effect, Effect::TooManyRequests { .. }));
    let mut jumps = chance.clone();
    rig(chance.next(), faults)
        .limited("users.track", 5)
        .limited("users.delete", 5)
        .limited("users.export.ids", 20)
        .told_by(Jumping::by(move |_| {
            let jumps_now = jumps.between(0, 30) == 0;
            jumps_now.then(|| jumps.between(0, 12 * 3600) as i64 * 1000 - 6 * HOUR_MS)
        }))
}

#[test]
fn a_calendar_that_jumps_to_and_fro_provokes_no_429_and_fails_nobody() {
    for run in 0..6 {
        let mut chance = Chance::new().of(8000 + run);
        let rig = restless(&mut chance);
        let what = format!("run {run}, {chance:?}");

        check(&rig, &what);

        assert_eq!(rig.braze.sandbox.requests().too_many_requests, 0, "{what}");
        assert!(rig.passed() < Duration::from_secs(1200), "{:?}, {what}", rig.passed());
    }
}

/// From process to process only the calendar tells how much time passed: after a jump between them a look
/// may come too late. Then the request says so, and is right about everything else.
#[test]
fn a_calendar_that_jumps_between_processes_makes_nobody_wait_and_leaves_nobody() {
    for run in 0..6 {
        let mut chance = Chance::new().of(8500 + run);
        let rig = restless(&mut chance);
        for _ in 0..6 {
            rig.live_until(rig.events() + chance.between(2, 60));
        }

        let summary = json!(rig.live().summary);

        let what = format!("run {run}, {chance:?}: {summary}");
        let [done, verified, accepted, late] =
            [&summary["done"], &summary["verified"], &summary["accepted"], &summary["failed_by"]["timeout"]]
                .map(|count| count.as_u64().unwrap_or(0) as usize);
        assert_eq!((done, done + late, accepted), (verified, PEOPLE, PEOPLE), "{what}");
        assert_eq!(rig.braze.sandbox.requests().too_many_requests, 0, "{what}");
        assert!(rig.passed() < Duration::from_secs(1800), "{:?}, {what}", rig.passed());
        // Who gave up looking did not wait until the erasure showed.
        rig.pass(Duration::from_secs(5));
        let left: Vec<String> = rig.braze.people().into_keys().collect();
        assert_eq!(left, ["u-bystander"], "{what}");
    }
}

#[test]
fn what_seemed_to_lie_in_the_future_goes_on_once_the_clock_is_right() {
    let records = [json!({
        "id": "c-1", "kind": "consent", "subject": { "external_id": "u-1" },
        "consents": [{ "purpose": "Marketing e-mail", "status": "WITHDRAWN", "updated_at": "2026-11-22T01:59:00Z" }],
    })];
    let ahead_ms = Arc::new(AtomicI64::new(-6 * HOUR_MS));
    let told = Arc::clone(&ahead_ms);
    let workflow = include_str!("../../workflows/consent-global.yaml");
    let rig = Rig::new(workflow, &records, 1, Faults::default());
    let rig = rig.told_by(Jumping::by(move |_| Some(told.load(Ordering::SeqCst))));
    rig.braze.seed("u-1");

    for _ in 0..2 {
        let summary = json!(rig.live().summary);
        assert_eq!(summary["waiting_by"], json!({ "needs_attention": 1 }), "{summary}");
        assert_eq!((rig.braze.requests(), rig.events_of(4)), (0, 1), "it is told again and again");
    }
    ahead_ms.store(0, Ordering::SeqCst);
    let summary = json!(rig.live().summary);

    assert_eq!((&summary["done"], &summary["waiting"]), (&json!(1), &json!(0)), "{summary}");
    assert_eq!(rig.braze.people()["u-1"].email_subscribe, "unsubscribed");
}
