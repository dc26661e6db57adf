//! When calls leave, and which leave together.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::find;

fn call(action: &str, with: Value) -> Call {
    Call::new(find(action).unwrap(), &with).unwrap()
}

fn member(slot: Slot, call: Call) -> Member {
    let call = Box::new(call);
    Member { slot, call, looks: false }
}

/// Adds the deletion of the person of this number to service 0 and step 3.
fn delete(batches: &mut Batches, person: Slot, now_ms: i64) {
    let id = format!("u-{person}");
    let call = call("braze/users.delete", json!({"external_ids": [id]}));
    batches.add(0, 3, member(person, call), now_ms);
}

fn track(batches: &mut Batches, slot: Slot, person: &str, now_ms: i64) {
    let call = call("braze/users.track", json!({"attributes": [{"external_id": person}]}));
    batches.add(0, 1, member(slot, call), now_ms);
}

/// Takes whatever may leave: the number and the slots of each batch.
fn leaving(batches: &mut Batches, now_ms: i64, quiet: bool) -> Vec<(u64, Vec<Slot>)> {
    let mut left = Vec::new();
    while let Some((gate, which)) = batches.next(now_ms, quiet, &[]) {
        let batch = batches.take(which).unwrap();
        assert_eq!(batch.gate(), Some(gate));
        left.push((batch.number, batch.members.iter().map(|member| member.slot).collect()));
    }
    left
}

#[test]
fn a_batch_with_its_last_call_leaves_at_once() {
    let mut batches = Batches::default();
    for person in 0..49 {
        delete(&mut batches, person, 0);
    }
    assert_eq!(leaving(&mut batches, 0, false), []);

    delete(&mut batches, 49, 0);

    assert_eq!(leaving(&mut batches, 0, false), [(0, (0..50).collect())]);
}

#[test]
fn a_full_batch_leaves_at_once_and_the_next_call_opens_another() {
    let mut batches = Batches::default();
    for person in 0..51 {
        delete(&mut batches, person, 0);
    }

    assert_eq!(leaving(&mut batches, 0, false), [(0, (0..50).collect())]);
    assert!(!batches.is_empty());
    assert_eq!(leaving(&mut batches, 0, true), [(1, vec![50])]);
    assert!(batches.is_empty());
}

#[test]
fn an_open_batch_lingers_from_its_first_call_on() {
    let mut batches = Batches::default();
    delete(&mut batches, 1, 1000);
    delete(&mut batches, 2, 1040);

    assert_eq!(batches.lingers_until(), Some(1050));
    assert_eq!(leaving(&mut batches, 1049, false), []);
    assert_eq!(leaving(&mut batches, 1050, false), [(0, vec![1, 2])]);
    assert_eq!(batches.lingers_until(), None);
}

#[test]
fn nothing_lingers_when_nothing_else_is_coming() {
    let mut batches = Batches::default();
    delete(&mut batches, 1, 1000);

    assert_eq!(leaving(&mut batches, 1000, true), [(0, vec![1])]);
}

#[test]
fn a_batch_that_lingered_before_stays_open_until_it_is_taken() {
    let mut batches = Batches::default();
    delete(&mut batches, 1, 0);
    let (_, which) = batches.next(60, false, &[]).unwrap();
    delete(&mut batches, 2, 70);

    assert_eq!(batches.take(which).unwrap().members.len(), 2);
}

#[test]
fn a_call_that_cannot_be_merged_leaves_alone_and_at_once() {
    let mut batches = Batches::default();
    for slot in 0..2 {
        let with = json!({"email_address": format!("{slot}@example.com")});
        batches.add(0, 0, member(slot, call("braze/users.export.ids", with)), 0);
    }

    assert_eq!(leaving(&mut batches, 0, false), [(0, vec![0]), (1, vec![1])]);
}

#[test]
fn only_calls_of_one_service_step_and_envelope_leave_together() {
    let mut batches = Batches::default();
    let set = |group: &str, person: &str| {
        let with = json!({"subscription_group_id": group, "subscription_state": "subscribed", "external_id": [person]});
        call("braze/subscription.status.set", with)
    };
    for (slot, (service, step, group)) in
        [(0, 0, "g"), (0, 0, "h"), (0, 1, "g"), (1, 0, "g"), (0, 0, "g")].into_iter().enumerate()
    {
        let slot = Slot::try_from(slot).unwrap();
        batches.add(service, step, member(slot, set(group, &format!("u-{slot}"))), i64::from(slot));
    }

    let left = leaving(&mut batches, 100, false);

    let slots: Vec<_> = left.into_iter().map(|(_, slots)| slots).collect();
    assert_eq!(slots, [vec![0, 4], vec![1], vec![2], vec![3]]);
}

#[test]
fn no_batch_names_a_person_twice_and_the_earlier_call_leaves_first() {
    let mut batches = Batches::default();
    track(&mut batches, 1, "u-1", 0);
    track(&mut batches, 2, "u-2", 10);
    track(&mut batches, 3, "u-1", 20);

    assert_eq!(batches.lingers_until(), Some(70), "the new batch lingers from its own first call on");
    assert_eq!(leaving(&mut batches, 20, false), [(0, vec![1, 2])]);
    assert_eq!(leaving(&mut batches, 70, false), [(1, vec![3])]);
}

#[test]
fn what_is_closed_leaves_in_order_and_before_what_is_open() {
    let mut batches = Batches::default();
    delete(&mut batches, 1, 0);
    let members = |slots: [Slot; 2]| {
        slots
            .map(|slot| {
                member(slot, call("braze/users.delete", json!({"external_ids": [format!("x-{slot}")]})))
            })
            .into()
    };
    batches.close_apart(0, 3, members([7, 8]));
    batches.close_apart(0, 3, members([5, 6]));
    batches.close_apart(0, 3, Vec::new());

    assert_eq!(leaving(&mut batches, 100, false), [(0, vec![7, 8]), (1, vec![5, 6]), (2, vec![1])]);
}

#[test]
fn a_batch_that_is_put_back_leaves_first_as_it_was() {
    let mut batches = Batches::starting_at(9);
    track(&mut batches, 1, "u-1", 0);
    let (_, which) = batches.next(0, true, &[]).unwrap();
    let first = batches.take(which).unwrap();
    let with = json!({"email_address": "a@example.com"});
    batches.add(0, 0, member(2, call("braze/users.export.ids", with)), 0);

    batches.put_back(first);

    assert_eq!(leaving(&mut batches, 0, true), [(9, vec![1]), (10, vec![2])]);
}

#[test]
fn a_pool_without_a_place_holds_up_no_other_and_its_batch_goes_on_filling() {
    let mut batches = Batches::default();
    delete(&mut batches, 1, 0);
    track(&mut batches, 2, "u-2", 10);
    let (blocked, _) = batches.next(100, false, &[]).unwrap();
    assert_eq!(blocked.pool, find("braze/users.delete").unwrap().pool);

    let (gate, which) = batches.next(100, false, &[blocked]).unwrap();
    assert_eq!(gate.pool, find("braze/users.track").unwrap().pool);
    assert_eq!(batches.take(which).unwrap().members.len(), 1);
    assert!(batches.next(100, false, &[blocked]).is_none());

    for person in 2..51 {
        delete(&mut batches, person, 100);
    }
    assert!(batches.next(100, false, &[blocked]).is_none());
    assert_eq!(leaving(&mut batches, 100, false), [(1, (1..51).collect())]);
}

#[test]
fn a_batch_may_be_repeated_only_if_every_call_of_it_may() {
    let mut batches = Batches::default();
    track(&mut batches, 1, "u-1", 0);
    let event = json!({"events": [{"external_id": "u-2", "name": "n", "time": "2026-11-20T10:00:00Z"}]});
    batches.add(0, 2, member(2, call("braze/users.track", event)), 0);

    let mut repeatable = Vec::new();
    while let Some((_, which)) = batches.next(0, true, &[]) {
        repeatable.push(batches.take(which).unwrap().is_repeatable());
    }

    repeatable.sort_unstable();
    assert_eq!(repeatable, [false, true]);
}
