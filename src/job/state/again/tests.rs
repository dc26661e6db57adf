//! Trying again: totals go back, what was accepted stays, what may have been sent stays put.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::job::{Answered, Event, IdEntry, Intended, Skip, StepAnswer, Stopped, Totals};

fn ended(position: Position, verdict: Verdict, accepted: bool) -> Ended {
    let id = IdEntry { key: [0; 16], content: 0 };
    Ended { position, verdict, accepted, verified: false, id, failure: None }
}

fn ends(position: Position, verdict: Verdict, accepted: bool) -> Event {
    Event::Ended { ended: vec![ended(position, verdict, accepted)] }
}

fn leaves(batch: u64, repeatable: bool, positions: &[Position]) -> Event {
    let (positions, calls) = (positions.to_vec(), 1);
    Event::Intended(Intended { batch, attempt: 0, repeatable, step: 1, positions, calls })
}

fn answered(batch: u64, status: u16, steps: Vec<StepAnswer>, ended: Vec<Ended>) -> Event {
    Event::Answered(Answered { batch, at_ms: 5, status, request_id: None, steps, ended, marks: Vec::new() })
}

fn step(position: Position, step: &str, accepted: bool) -> StepAnswer {
    StepAnswer { position, step: step.to_owned(), accepted, output: Vec::new(), at_ms: 5 }
}

fn reopened(positions: &[Position], even_if_sent: bool) -> Event {
    Event::Reopened(Reopened {
        at_ms: 50,
        by: "someone".to_owned(),
        positions: positions.to_vec(),
        even_if_sent,
    })
}

fn stopped(finished: bool, records: u64) -> Event {
    let (records, unmapped) = (Some(records), Vec::new());
    Event::Stopped(Stopped { at_ms: 9, elapsed_ms: 100, finished, records, unmapped })
}

fn cancelled() -> Event {
    Event::Cancelled { at_ms: 9, by: "someone".to_owned() }
}

fn after(events: &[Event]) -> State {
    let mut state = State::expecting(reopenings(events));
    events.iter().for_each(|event| state.apply(event));
    state
}

fn reopenings(events: &[Event]) -> Vec<Position> {
    let positions = events.iter().filter_map(|event| match event {
        Event::Reopened(reopened) => Some(reopened.positions.clone()),
        _ => None,
    });
    positions.flatten().collect()
}

/// Requests, done, skipped, failed, waiting, accepted.
fn counts(state: &State) -> [u64; 6] {
    let totals = state.totals();
    let Totals { done, accepted, .. } = totals;
    [totals.requests(), done, totals.skipped(), totals.failed(), totals.waiting(), accepted]
}

const REFUSED: Verdict = Verdict::Failed(Fail::Refused);
const ATTENTION: Verdict = Verdict::Waiting(Pause::NeedsAttention);

#[test]
fn an_action_made_of_others_begins_anew_when_its_record_is_tried_again() {
    for verdict in [Verdict::Failed(Fail::Refused), Verdict::Waiting(Pause::NeedsAttention)] {
        let failure = crate::job::Failure {
            request: None,
            line: 1,
            step: Some("verify".to_owned()),
            code: "still_there".to_owned(),
            message: String::new(),
        };
        let told = ["find#0", "find#1", "erase", "verify#0", "verify#1", "verify_more#0"];
        let steps = told.iter().map(|path| step(3, path, true)).collect();
        let end = Ended { failure: Some(failure), ..ended(3, verdict, true) };
        let events =
            [answered(0, 200, steps, Vec::new()), Event::Ended { ended: vec![end] }, reopened(&[3], false)];

        let state = after(&events);

        let left: Vec<&str> = state.answers_of(3).iter().map(|answer| answer.step.as_str()).collect();
        assert_eq!(left, ["find#0", "find#1", "erase", "verify_more#0"], "{verdict:?}");
    }
}

#[test]
fn a_failed_record_is_open_again_and_its_next_end_counts_in_place_of_the_first() {
    let mut state = after(&[
        ends(1, REFUSED, false),
        ends(2, Verdict::Done, true),
        stopped(true, 2),
        reopened(&[1], false),
    ]);
    let again = state.reopened(1).copied();
    let between = (counts(&state), state.status(), state.is_finished(1));

    state.apply(&ends(1, Verdict::Done, true));
    state.apply(&stopped(true, 2));

    assert_eq!(again, Some(ReopenedAs { at_ms: 50, even_if_sent: false }));
    assert_eq!(between, ([2, 1, 0, 0, 1, 1], Status::Open, false));
    assert_eq!((counts(&state), state.status()), ([2, 2, 0, 0, 0, 2], Status::Finished));
    assert!(state.totals().failed_by.is_empty() && state.reopened(1).is_none());
}

#[test]
fn what_was_accepted_stays_remembered_and_what_was_not_is_tried_again() {
    let steps = |steps: &[StepAnswer]| answered(0, 201, steps.to_vec(), Vec::new());
    let mut state = after(&[
        leaves(0, true, &[1]),
        steps(&[step(1, "find", true), step(1, "tag", false), step(1, "event", true)]),
        ends(1, REFUSED, true),
        reopened(&[1], false),
    ]);
    let kept: Vec<String> = state.answers_of(1).iter().map(|answer| answer.step.clone()).collect();

    state.apply(&steps(&[step(1, "tag", true)]));
    let then: Vec<String> = state.answers_of(1).iter().map(|answer| answer.step.clone()).collect();
    state.apply(&ends(1, REFUSED, false));

    assert_eq!(
        (kept, then),
        (vec!["find".into(), "event".into()], vec!["find".into(), "event".into(), "tag".into()])
    );
    assert_eq!(counts(&state), [1, 0, 0, 1, 0, 1]);
    assert!(state.answers_of(1).is_empty());
}

#[test]
fn a_record_can_be_reopened_often_and_counts_once() {
    let mut events = Vec::new();
    for _ in 0..3 {
        events.extend([ends(7, REFUSED, false), stopped(true, 1), reopened(&[7], false)]);
    }
    events.push(ends(7, Verdict::Skipped(Skip::Superseded), false));

    assert_eq!(counts(&after(&events)), [1, 0, 1, 0, 0, 0]);
}

#[test]
fn a_call_that_may_have_been_sent_goes_out_again_only_when_a_person_says_so() {
    let events = [
        leaves(0, false, &[1, 2]),
        Event::Ended { ended: vec![ended(1, ATTENTION, false), ended(2, ATTENTION, true)] },
        answered(0, 0, Vec::new(), Vec::new()),
        reopened(&[1, 2], false),
        reopened(&[2], true),
    ];

    let parked = after(&events[..4]);
    let state = after(&events);

    for state in [&parked, &state] {
        assert_eq!(state.pause_of(1), Some(Pause::NeedsAttention));
        assert!(state.all_that_may_have_been_sent().contains(&1) && state.reopened(1).is_none());
    }
    assert!(parked.all_that_may_have_been_sent().contains(&2));
    assert_eq!((state.pause_of(2), state.all_that_may_have_been_sent().contains(&2)), (None, false));
    assert!(state.reopened(2).unwrap().even_if_sent);
    assert_eq!(counts(&state), [2, 0, 0, 0, 2, 1]);
}

#[test]
fn whoever_may_have_been_written_to_is_told_at_once_and_only_those_are_taken_out_that_do_not_matter() {
    let events = [
        leaves(0, false, &[1, 2]),
        leaves(1, false, &[3, 4]),
        leaves(2, true, &[5]),
        Event::Ended { ended: vec![ended(1, ATTENTION, false), ended(2, ATTENTION, false)] },
        answered(0, 0, Vec::new(), Vec::new()),
        Event::Opened { at_ms: 6 },
    ];
    let told = |state: &State| {
        let mut told: Vec<_> = state.all_that_may_have_been_sent().into_iter().collect();
        told.sort_unstable();
        told
    };

    let before = after(&events);
    let reopened = [reopened(&[1, 3], false), reopened(&[1, 3], true)];
    let plain = after(&[&events[..], &reopened[..1]].concat());
    let even_if_sent = after(&[&events[..], &reopened[..]].concat());

    assert_eq!((told(&before), told(&plain)), (vec![1, 2, 3, 4], vec![1, 2, 3, 4]));
    assert_eq!(told(&even_if_sent), [2, 4]);
    assert_eq!(
        even_if_sent.unresolved().map(|left| left.positions.clone()).collect::<Vec<_>>(),
        [vec![4], vec![5]]
    );
}

#[test]
fn a_call_in_the_air_when_the_job_is_cancelled_is_not_sent_by_a_plain_retry() {
    let events = |even_if_sent| {
        after(&[
            leaves(0, false, &[1]),
            ends(1, ATTENTION, false),
            answered(0, 0, Vec::new(), Vec::new()),
            cancelled(),
            ends(1, Verdict::Failed(Fail::Cancelled), false),
            reopened(&[1], even_if_sent),
        ])
    };

    let (plain, anyway) = (events(false), events(true));

    assert_eq!((plain.is_finished(1), counts(&plain)), (true, [1, 0, 0, 1, 0, 0]));
    assert_eq!((anyway.is_finished(1), counts(&anyway)), (false, [1, 0, 0, 0, 1, 0]));
}

#[test]
fn an_exchange_that_nobody_answered_holds_a_reopened_record_unless_a_person_says_so() {
    let unresolved = |even_if_sent| {
        let state = after(&[leaves(0, false, &[1, 2]), reopened(&[1], even_if_sent)]);
        state.unresolved().flat_map(|exchange| exchange.positions.clone()).collect::<Vec<_>>()
    };

    assert_eq!((unresolved(false), unresolved(true)), (vec![1, 2], vec![2]));
}

#[test]
fn a_pause_of_another_kind_is_lifted_without_saying_more() {
    let state = after(&[ends(1, ATTENTION, true), waits(2), reopened(&[1, 2], false)]);

    assert_eq!((state.pause_of(1), state.waits().len()), (None, 0));
    assert_eq!(state.all_reopened().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(counts(&state), [2, 0, 0, 0, 2, 1]);
}

#[test]
fn what_a_cancelled_job_left_undone_stays_so_when_some_of_it_is_tried_again() {
    let mut state = after(&[
        ends(0, Verdict::Done, true),
        ends(1, Verdict::Waiting(Pause::Retry), true),
        waits(2),
        stopped(false, 6),
        cancelled(),
        reopened(&[1, 4], false),
    ]);

    assert_eq!(counts(&state), [6, 1, 0, 3, 2, 2]);
    assert_eq!([0, 1, 2, 3, 4, 5].map(|at| state.is_finished(at)), [true, false, true, true, false, true]);
    state.apply(&ends(4, Verdict::Done, true));
    state.apply(&ends(1, REFUSED, false));
    assert_eq!(counts(&state), [6, 2, 0, 4, 0, 3]);
}

#[test]
fn a_state_that_was_not_told_leaves_an_ended_record_over() {
    let mut state = State::default();

    [ends(1, REFUSED, false), reopened(&[1], true)].iter().for_each(|event| state.apply(event));

    assert!(state.is_finished(1) && state.reopened(1).is_none());
    assert_eq!(counts(&state), [1, 0, 0, 1, 0, 0]);
}

fn waits(position: Position) -> Event {
    Event::Waiting { position, step: "wait".to_owned(), until_ms: 77 }
}

fn any_event() -> impl Strategy<Value = Event> {
    let verdicts =
        [Verdict::Done, REFUSED, Verdict::Skipped(Skip::NoMatch), ATTENTION, Verdict::Waiting(Pause::Retry)];
    let verdict = proptest::sample::select(verdicts.to_vec());
    prop_oneof![
        (0_u64..6, verdict, any::<bool>()).prop_map(|(at, verdict, accepted)| ends(at, verdict, accepted)),
        (0_u64..4, any::<bool>(), vec(0_u64..6, 0..3))
            .prop_map(|(batch, again, at)| leaves(batch, again, &at)),
        (0_u64..4, prop_oneof![Just(0), Just(201), Just(503)], vec((0_u64..6, any::<bool>()), 0..3))
            .prop_map(|(batch, status, steps)| {
                let steps = steps.into_iter().map(|(at, accepted)| step(at, "a", accepted)).collect();
                answered(batch, status, steps, Vec::new())
            }),
        (vec(0_u64..6, 0..3), any::<bool>()).prop_map(|(positions, sent)| reopened(&positions, sent)),
        (0_u64..6).prop_map(waits),
        any::<bool>().prop_map(|finished| stopped(finished, 6)),
        Just(cancelled()),
        Just(Event::Opened { at_ms: 1 }),
    ]
}

proptest! {
    /// A process that starts after a crash knows only the reopenings before it.
    #[test]
    fn a_journal_cut_anywhere_folds_to_the_state_it_had_there(events in vec(any_event(), 0..40)) {
        let whole = reopenings(&events);
        let mut live = State::expecting(whole);
        for (count, event) in (1..).zip(&events) {
            live.apply(event);
            let cut = after(&events[..count]);

            prop_assert_eq!(cut.totals(), live.totals());
            prop_assert_eq!((cut.status(), cut.next_batch()), (live.status(), live.next_batch()));
            prop_assert_eq!(cut.waits(), live.waits());
            prop_assert!(cut.unresolved().eq(live.unresolved()));
            for at in 0..6 {
                prop_assert_eq!(cut.is_finished(at), live.is_finished(at));
                prop_assert_eq!(cut.answers_of(at), live.answers_of(at));
                prop_assert_eq!((cut.pause_of(at), cut.reopened(at)), (live.pause_of(at), live.reopened(at)));
            }
        }
    }

    /// Whatever happens, every record counts once and none of two ways.
    #[test]
    fn every_record_counts_once_however_often_it_is_reopened(events in vec(any_event(), 0..40)) {
        let state = after(&events);

        let totals = state.totals();

        prop_assert!(totals.requests() <= 6);
        prop_assert!(totals.accepted <= totals.requests());
        let over = (0..6).filter(|at| state.finished.contains(*at)).count() as u64;
        prop_assert_eq!(over, state.finished());
    }
}
