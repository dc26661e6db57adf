//! A deletion that was carried out and not answered, and then somebody puts its person on hold: they stay erased,
//! wherever the journal ends.

use privaflow::sandbox::{Effect, Fault, Faults};
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::folder::OPT_IN;
use crate::rig::Rig;
use crate::service::truth;

const ERASE: &str = include_str!("../../workflows/user-deletion.yaml");

fn deletion(person: &str) -> Value {
    json!({ "id": person, "kind": "deletion", "subject": { "external_id": person } })
}

fn opt_in(person: &str) -> Value {
    let consents =
        json!([{ "purpose": "email", "status": "opted_in", "updated_at": "2026-11-01T10:00:00Z" }]);
    json!({ "id": person, "kind": "consent", "subject": { "external_id": person }, "consents": consents })
}

/// Two deletions of which the first answers are lost; gives it with what it is about to do.
fn mute(workflow: &str, seed: u64, answers: u64) -> Rig {
    let lost = Fault::new(Effect::DropAfterApplying).on("/users/delete");
    let faults = Faults { faults: vec![lost.at_most(answers)] };
    let rig = Rig::new(workflow, &[deletion("u-1"), deletion("u-2")], seed, faults);
    ["u-1", "u-2", "u-3"].into_iter().for_each(|person| rig.braze.seed(person));
    rig
}

fn is_there(rig: &Rig, person: &str) -> bool {
    rig.braze.people().contains_key(person)
}

/// Old choices of all three come; whoever was gone stays so, and nobody else is refused.
#[track_caller]
fn old_choices_bring_nobody_back(rig: &Rig, what: &str) {
    let there = ["u-1", "u-2", "u-3"].map(|person| is_there(rig, person));
    let came = rig.also(OPT_IN, &["u-1", "u-2", "u-3"].map(opt_in));
    assert_eq!(["u-1", "u-2", "u-3"].map(|person| is_there(rig, person)), there, "{what}");
    assert!(there[2], "{what}");
    assert_eq!(json!(came.summary)["waiting"], 0, "{what}");
}

/// Lets a job end after every event of it, puts somebody on hold, and lets it end anywhere once more.
fn held_everywhere(workflow: &str, answers: u64, check: impl Fn(&Rig, &Value, &str)) {
    let chance = Chance::new();
    for cut in 1.. {
        let mut chance = chance.of(cut);
        let rig = mute(workflow, chance.next(), answers);
        let first = rig.live_until(cut);
        rig.braze.sandbox.set_faults(Faults::default());
        rig.hold("u-1", true);
        let second = chance.between(1, 9);
        rig.live_until(rig.events() + second);
        let left = rig.live();
        let what = format!("cut after event {cut}, and {second} later, {chance:?}");

        old_choices_bring_nobody_back(&rig, &what);
        assert!(!is_there(&rig, "u-2"), "{what}");
        check(&rig, &json!(left.summary), &what);

        if first.is_some() {
            assert!(cut > 8, "the job has too few events to tell anything: {cut}");
            return;
        }
    }
}

#[test]
fn somebody_on_hold_whose_deletion_was_lost_anywhere_stays_erased_and_is_not_called_so() {
    held_everywhere(ERASE, 1, |rig, left, what| {
        // Who waits is neither accepted nor verified, and the other one is both.
        let done = left["done"].as_u64().unwrap();
        assert_eq!(left["failed"], 0, "{what}: {left}");
        assert_eq!((&left["accepted"], &left["verified"]), (&json!(done), &json!(done)), "{what}: {left}");
        let waiting = if done == 2 { json!({}) } else { json!({ "needs_attention": 1 }) };
        assert_eq!((left["waiting_by"].clone(), done > 0), (waiting, true), "{what}: {left}");
        let events = rig.events();
        assert_eq!(truth(&json!(rig.live().summary)), truth(left), "{what}");
        // It is looked at again, and nothing is presumed twice.
        assert!(rig.events() <= events + 4, "{what}: {} {events}", rig.events());

        rig.hold("u-1", false);
        let over = json!(rig.live().summary);

        assert_eq!(over["done"], 2, "{what}: {over}");
        assert_eq!((&over["accepted"], &over["verified"]), (&json!(2), &json!(2)), "{what}: {over}");
        assert!(!is_there(rig, "u-1"), "{what}");
        old_choices_bring_nobody_back(rig, what);
    });
}

#[test]
fn somebody_on_hold_whose_deletion_was_out_of_time_stays_erased() {
    let impatient =
        ERASE.replace("    uses: braze/users.delete\n", "    uses: braze/users.delete\n    timeout: 100ms\n");
    assert_ne!(impatient, ERASE);
    held_everywhere(&impatient, 1, |_, left, what| {
        let (done, failed) = (left["done"].as_u64().unwrap(), left["failed"].as_u64().unwrap());
        assert_eq!(done + failed + left["waiting"].as_u64().unwrap(), 2, "{what}: {left}");
    });
}
