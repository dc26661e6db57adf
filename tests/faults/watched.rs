//! Looks at erased people who come back, in virtual time, cut short everywhere.

use std::time::Duration;

use privaflow::journal::Found;
use privaflow::sandbox::{Effect, Fault, Faults, Identifiers};
use serde_json::{Value, json};

use crate::rig::Rig;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Finds people one by one, so that each is erased by a call of their own.
const ERASE: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id, external_id] }
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { braze_ids: ["{{ steps.find.output.users.0.braze_id }}"] }
watch: { after: [1d, 7d, 30d], again: erase }
"#;

fn requests() -> Vec<Value> {
    let request = |number: usize| json!({ "id": format!("r-{number}"), "kind": "deletion", "subject": { "external_id": format!("u-{number}") } });
    // Of the last one there is no profile.
    (1..=4).map(request).collect()
}

/// Three people who were erased, all of whom are there again three days later.
fn erased() -> Rig {
    let back = Fault::new(Effect::ComeBack { after_ms: 3 * 86_400_000 }).on("/users/delete");
    let faults = Faults { faults: vec![back.at_most(1)] };
    let rig = Rig::new(ERASE, &requests(), 1, faults);
    (1..=3).for_each(|number| rig.braze.seed(&format!("u-{number}")));
    let summary = rig.live().summary;
    assert_eq!((summary.done, summary.skipped), (3, 1));
    rig
}

fn found(people: u64, gone: u64, erased_again: u64) -> Found {
    let by = [("braze_id", people), ("external_id", people)].map(|(kind, count)| (kind.to_owned(), count));
    Found { people, gone, erased_again, by: by.into(), ..Found::default() }
}

#[test]
fn looks_in_virtual_time_find_who_came_back_and_erase_them_for_good() {
    let rig = erased();
    let mut founds = Vec::new();

    for _ in 0..3 {
        founds.push(rig.look().unwrap());
    }

    assert_eq!(founds, [found(3, 3, 0), found(3, 0, 3), found(3, 3, 0)]);
    assert!(rig.passed() >= 30 * DAY && rig.braze.people().is_empty(), "{:?}", rig.passed());
}

#[test]
fn a_look_that_is_cut_after_any_event_ends_as_if_it_had_not_been() {
    for more in 0.. {
        // Given the look that finds everybody again, cut after so many events
        let rig = erased();
        rig.look().unwrap();
        let before = rig.events();
        rig.cut_at(Some(before + more));
        let was_cut = rig.look().is_err();
        rig.cut_at(None);

        // When another process goes on
        let second = if was_cut { rig.look().unwrap() } else { found(3, 0, 3) };
        let third = rig.look().unwrap();

        // Then everybody is erased again, and the next look finds nobody
        assert_eq!((second, third), (found(3, 0, 3), found(3, 3, 0)), "cut after {more} events");
        assert!(rig.braze.people().is_empty(), "cut after {more} events");
        if !was_cut {
            assert!(more > 4, "a look has more events than {more}");
            return;
        }
    }
}

#[test]
fn an_erasure_that_is_cut_after_any_event_leaves_looks_at_everybody_by_everything_they_had() {
    let workflow =
        ERASE.replace("braze_id, external_id]", "braze_id, external_id, email]").replace("1d, 7d, 30d", "1d");
    let email = |number: usize| Some(format!("p-{number}@example.com"));
    for cut in 1.. {
        // Given three people of whom a look-up shows an address, and a process that is cut after so many events
        let rig = Rig::new(&workflow, &requests(), 1, Faults::default());
        for number in 1..=3 {
            let external_id = Some(format!("u-{number}"));
            let person = Identifiers { external_id, email: email(number), ..Identifiers::default() };
            assert!(rig.braze.sandbox.add_profile(&person));
        }
        let was_cut = rig.live_until(cut).is_none();
        rig.live();

        // When one comes back under the address alone
        assert!(rig.braze.sandbox.add_profile(&Identifiers { email: email(2), ..Identifiers::default() }));
        let mut founds = Vec::new();
        while rig.looks_left() > 0 {
            founds.push(rig.look().unwrap());
        }

        // Then everybody is looked for once, by all of it
        let sum = |of: fn(&Found) -> u64| founds.iter().map(of).sum::<u64>();
        // (The address was never asked for, so whoever has it is told and not erased.)
        let came_to = (sum(|found| found.people), sum(|found| found.gone), sum(|found| found.came_back));
        assert_eq!(came_to, (3, 2, 1), "cut after {cut} events: {founds:?}");
        assert_eq!(sum(|found| found.by["email"]), 3, "cut after {cut} events: {founds:?}");
        if !was_cut {
            assert!(cut > 6, "a job has more events than {cut}");
            return;
        }
    }
}
