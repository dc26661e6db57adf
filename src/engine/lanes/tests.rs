//! Lanes: who leaves next, whoever waits.

use proptest::prelude::*;

use super::*;
use crate::catalogue::Identifier;
use crate::request::Moment;

fn person(number: u32) -> PersonKey {
    PersonKey::of(Identifier::ExternalId, &number.to_string())
}

fn call(slot: Slot) -> Ticket {
    Ticket { engine: 0, slot }
}

fn at(second: u32) -> Rank {
    let moment = Moment { seconds: i64::from(second), nanoseconds: 0, digits: 0 };
    Rank::Newest(Order::of(moment))
}

fn leave(lanes: &mut Lanes, people: &[PersonKey]) -> Vec<Slot> {
    let mut granted = Vec::new();
    lanes.leave(0, people, &mut granted);
    granted.iter().map(|ticket| ticket.slot).collect()
}

#[test]
fn a_second_write_to_a_person_waits_for_the_first() {
    let mut lanes = Lanes::default();
    assert!(lanes.enter(0, &[person(1)], call(10), Rank::InTurn));
    assert!(!lanes.enter(0, &[person(1)], call(11), Rank::InTurn));

    assert_eq!(leave(&mut lanes, &[person(1)]), [11]);
}

#[test]
fn the_same_person_in_two_workspaces_is_two_lanes() {
    let mut lanes = Lanes::default();

    assert!(lanes.enter(0, &[person(1)], call(10), Rank::InTurn));
    assert!(lanes.enter(1, &[person(1)], call(11), Rank::InTurn));
}

#[test]
fn a_call_that_names_two_people_waits_for_both() {
    let mut lanes = Lanes::default();
    assert!(lanes.enter(0, &[person(1)], call(10), Rank::InTurn));
    assert!(lanes.enter(0, &[person(2)], call(11), Rank::InTurn));
    assert!(!lanes.enter(0, &[person(1), person(2)], call(12), Rank::InTurn));

    assert!(leave(&mut lanes, &[person(1)]).is_empty());
    assert_eq!(leave(&mut lanes, &[person(2)]), [12]);
}

#[test]
fn the_newest_state_that_waits_goes_first() {
    let mut lanes = Lanes::default();
    lanes.enter(0, &[person(1)], call(1), at(1));
    for (slot, second) in [(2, 5), (3, 9), (4, 7)] {
        assert!(!lanes.enter(0, &[person(1)], call(slot), at(second)));
    }

    assert_eq!(leave(&mut lanes, &[person(1)]), [3]);
    assert_eq!(leave(&mut lanes, &[person(1)]), [4]);
    assert_eq!(leave(&mut lanes, &[person(1)]), [2]);
}

#[test]
fn a_call_that_keeps_its_turn_is_overtaken_by_nothing() {
    let mut lanes = Lanes::default();
    lanes.enter(0, &[person(1)], call(1), at(1));
    lanes.enter(0, &[person(1)], call(2), at(2));
    lanes.enter(0, &[person(1)], call(3), Rank::InTurn);
    lanes.enter(0, &[person(1)], call(4), at(9));

    assert_eq!(leave(&mut lanes, &[person(1)]), [2]);
    assert_eq!(leave(&mut lanes, &[person(1)]), [3]);
    assert_eq!(leave(&mut lanes, &[person(1)]), [4]);
}

#[test]
fn what_may_have_been_sent_before_goes_before_a_newer_state() {
    let mut lanes = Lanes::default();
    lanes.enter(0, &[person(1)], call(1), at(1));
    lanes.enter(0, &[person(1)], call(2), at(9));
    lanes.enter(0, &[person(1)], call(3), Rank::Again);

    assert_eq!(leave(&mut lanes, &[person(1)]), [3]);
}

#[test]
fn of_two_states_of_one_moment_the_opt_out_goes_first_and_else_the_earlier_in_the_file() {
    let order = |opts_out| Order::of(Moment { seconds: 5, nanoseconds: 0, digits: 0 }).opting(opts_out);
    let mut lanes = Lanes::default();
    lanes.enter(0, &[person(1)], call(1), at(1));
    lanes.enter(0, &[person(1)], call(2), Rank::Newest(order(false)));
    lanes.enter(0, &[person(1)], call(3), Rank::Newest(order(false)));
    lanes.enter(0, &[person(1)], call(4), Rank::Newest(order(true)));

    assert_eq!(leave(&mut lanes, &[person(1)]), [4]);
    assert_eq!(leave(&mut lanes, &[person(1)]), [2]);
    assert_eq!(leave(&mut lanes, &[person(1)]), [3]);
}

#[test]
fn an_engine_that_is_gone_makes_room_for_the_others() {
    let mut lanes = Lanes::default();
    let other = Ticket { engine: 1, slot: 1 };
    lanes.enter(0, &[person(1)], call(1), Rank::InTurn);
    lanes.enter(0, &[person(1), person(2)], call(2), Rank::InTurn);
    lanes.enter(0, &[person(1), person(2)], other, Rank::InTurn);

    assert_eq!(lanes.forget(0, &HashSet::new()), [other]);
    assert!(!lanes.enter(0, &[person(2)], call(3), Rank::InTurn));
}

#[test]
fn a_person_without_a_write_in_hand_takes_no_memory() {
    let mut lanes = Lanes::default();
    lanes.enter(0, &[person(1)], call(10), Rank::InTurn);
    lanes.enter(0, &[person(1), person(2)], call(11), at(3));
    leave(&mut lanes, &[person(1)]);
    leave(&mut lanes, &[person(1), person(2)]);

    assert!(lanes.lanes.is_empty() && lanes.waiting.is_empty());
}

proptest! {
    /// Calls of one to three people out of four, answered in any order.
    #[test]
    fn every_call_leaves_once_and_never_two_of_one_person_together(
        calls in proptest::collection::vec((proptest::collection::btree_set(0_u32..4, 1..=3), 0_u32..8), 1..60),
        picks in proptest::collection::vec(0_usize..100, 200),
    ) {
        let mut lanes = Lanes::default();
        let mut flying: Vec<Slot> = Vec::new();
        let mut left = 0;
        let people = |slot: Slot| -> Vec<PersonKey> {
            calls[slot as usize].0.iter().map(|number| person(*number)).collect()
        };
        let mut picks = picks.into_iter().cycle();
        let mut slots = 0..calls.len();
        loop {
            if let Some(slot) = slots.next() {
                let slot = u32::try_from(slot).unwrap();
                let rank = match calls[slot as usize].1 { 0 => Rank::InTurn, 1 => Rank::Again, second => at(second) };
                if lanes.enter(0, &people(slot), call(slot), rank) {
                    flying.push(slot);
                }
            } else if flying.is_empty() {
                break;
            }
            let mut named: Vec<PersonKey> = flying.iter().flat_map(|slot| people(*slot)).collect();
            let all = named.len();
            named.sort();
            named.dedup();
            prop_assert_eq!(named.len(), all);
            if picks.next().unwrap() % 2 == 0 && !flying.is_empty() {
                let at = picks.next().unwrap() % flying.len();
                let slot = flying.swap_remove(at);
                left += 1;
                flying.extend(leave(&mut lanes, &people(slot)));
            }
        }

        prop_assert_eq!(left, calls.len());
        prop_assert!(lanes.lanes.is_empty() && lanes.waiting.is_empty());
    }
}

#[test]
fn what_may_have_been_sent_goes_before_what_keeps_its_turn() {
    let (mut lanes, left) = (Lanes::default(), Ticket { engine: 7, slot: 0 });
    lanes.enter(0, &[person(1)], left, Rank::Again);
    for (slot, rank) in [(1, Rank::InTurn), (2, at(3)), (3, Rank::Again), (4, Rank::Again)] {
        assert!(!lanes.enter(0, &[person(1)], call(slot), rank));
    }

    let mut order = leave(&mut lanes, &[person(1)]);
    while let Some(slot) = leave(&mut lanes, &[person(1)]).first() {
        order.push(*slot);
    }

    assert_eq!(order, [3, 4, 1, 2]);
}
