//! Folding: each record counts once, whatever came in between.

use super::*;
use crate::job::{IdEntry, Skip, Stopped};

fn ended(position: Position, verdict: Verdict) -> Ended {
    let accepted = verdict == Verdict::Done;
    let id = IdEntry { key: [0; 16], content: 0 };
    Ended { position, verdict, accepted, verified: false, id, failure: None }
}

fn ends(ended: &[Ended]) -> Event {
    Event::Ended { ended: ended.to_vec() }
}

fn intended(batch: u64, attempt: u32, positions: &[Position]) -> Event {
    let calls = 2;
    Event::Intended(Intended {
        batch,
        attempt,
        repeatable: true,
        step: 1,
        positions: positions.to_vec(),
        calls,
    })
}

fn answered(batch: u64, status: u16, steps: &[StepAnswer], ended: &[Ended]) -> Event {
    let (steps, ended) = (steps.to_vec(), ended.to_vec());
    Event::Answered(Answered { batch, at_ms: 5, status, request_id: None, steps, ended, marks: Vec::new() })
}

fn step(position: Position, step: &str, output: &[u8]) -> StepAnswer {
    StepAnswer { position, step: step.to_owned(), accepted: false, output: output.to_vec(), at_ms: 5 }
}

fn stopped(finished: bool, records: Option<u64>, unmapped: &[(&str, u64)]) -> Event {
    let unmapped = unmapped.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    Event::Stopped(Stopped { at_ms: 9, elapsed_ms: 100, finished, records, unmapped })
}

fn waiting(position: Position) -> Event {
    Event::Waiting { position, step: "wait".to_owned(), until_ms: 77 }
}

fn by() -> String {
    "someone".to_owned()
}

fn after(events: &[Event]) -> State {
    let mut state = State::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

fn counts(state: &State) -> [u64; 5] {
    let totals = state.totals();
    [totals.requests(), totals.done, totals.skipped(), totals.failed(), totals.waiting()]
}

#[test]
fn a_waiting_record_is_not_finished_and_counts_as_what_it_becomes() {
    let pause = ends(&[ended(3, Verdict::Waiting(Pause::Retry)), ended(4, Verdict::Waiting(Pause::Retry))]);
    let mut state = after(&[pause, ends(&[ended(4, Verdict::Waiting(Pause::NeedsAttention))])]);
    assert_eq!((counts(&state), state.is_finished(3)), ([2, 0, 0, 0, 2], false));
    assert_eq!(state.pause_of(4), Some(Pause::NeedsAttention));

    state.apply(&ends(&[ended(3, Verdict::Done), ended(4, Verdict::Failed(Fail::Refused))]));

    assert_eq!(counts(&state), [2, 1, 0, 1, 0]);
    assert_eq!((state.pause_of(3), state.finished()), (None, 2));
}

#[test]
fn the_first_end_of_a_record_is_its_only_one() {
    let state = after(&[
        ends(&[ended(1, Verdict::Done), ended(1, Verdict::Failed(Fail::Refused))]),
        ends(&[ended(1, Verdict::Skipped(Skip::Duplicate)), ended(1, Verdict::Waiting(Pause::Retry))]),
        waiting(1),
        answered(0, 200, &[step(1, "late", b"x")], &[ended(1, Verdict::Done)]),
    ]);

    assert_eq!(counts(&state), [1, 1, 0, 0, 0]);
    assert_eq!((state.totals().accepted, state.answers_of(1).len(), state.waits().len()), (1, 0, 0));
}

#[test]
fn an_exchange_is_unresolved_from_its_intent_to_its_answer() {
    let mut state = after(&[intended(0, 0, &[1, 2]), intended(1, 0, &[3]), answered(1, 201, &[], &[])]);

    let open: Vec<_> = state.unresolved().cloned().collect();
    state.apply(&intended(0, 1, &[]));
    let again: Vec<_> = state.unresolved().cloned().collect();
    let (first, second) = (ended(1, Verdict::Done), ended(2, Verdict::Done));
    state.apply(&answered(0, 201, &[], &[first, second]));

    assert_eq!((open.len(), open[0].attempt, open[0].positions.as_slice()), (1, 0, [1, 2].as_slice()));
    assert_eq!((again.len(), again[0].attempt, again[0].positions.as_slice()), (1, 1, [1, 2].as_slice()));
    assert_eq!((state.unresolved().count(), state.next_batch()), (0, 2));
}

#[test]
fn that_a_later_try_was_refused_says_nothing_of_an_earlier_one_without_an_answer() {
    for refused in [429, 503, 401, NEVER_LEFT] {
        // The same process tried it again, or another one did.
        let lost = [intended(0, 0, &[1, 2]), intended(0, 1, &[]), answered(0, refused, &[], &[])];
        let opened = Event::Opened { at_ms: 0 };
        let left = [intended(0, 0, &[1, 2]), opened, intended(1, 0, &[1, 2]), answered(1, refused, &[], &[])];
        for events in [lost.as_slice(), &left] {
            let mut state = after(events);
            let in_the_air = |state: &State| {
                state.unresolved().map(|exchange| exchange.positions.clone()).collect::<Vec<_>>()
            };
            assert_eq!(in_the_air(&state), [[1, 2]], "{refused}");

            state.apply(&answered(2, 201, &[step(1, "track", b"")], &[]));
            assert_eq!((in_the_air(&state), state.is_any_in_the_air()), (vec![vec![2]], true), "{refused}");
            state.apply(&answered(3, 201, &[], &[ended(2, Verdict::Done)]));
            assert_eq!((in_the_air(&state).len(), state.is_any_in_the_air()), (0, false), "{refused}");
        }
    }
}

#[test]
fn a_call_counts_once_however_often_it_was_sent() {
    let state = after(&[
        // Tried again after a 503 and a 429, which decided nothing.
        intended(0, 0, &[1, 2]),
        answered(0, 503, &[], &[]),
        intended(0, 1, &[]),
        answered(0, 429, &[], &[]),
        // Its profile was stopped before it left.
        intended(0, 2, &[]),
        answered(0, NEVER_LEFT, &[], &[]),
        intended(0, 2, &[]),
        answered(0, 201, &[], &[ended(1, Verdict::Done), ended(2, Verdict::Done)]),
        // Refused as a whole, then split.
        intended(1, 0, &[3, 4]),
        answered(1, 400, &[], &[]),
        intended(2, 0, &[3]),
        answered(2, 400, &[], &[ended(3, Verdict::Failed(Fail::Refused))]),
    ]);

    let totals = state.totals();

    assert_eq!((totals.calls, totals.http_requests, totals.retries), (4, 5, 2));
    assert_eq!(state.batches.len(), 0);
}

#[test]
fn what_a_record_remembers_goes_when_it_ends() {
    let steps = [step(1, "find", b"a"), step(2, "find", b"b"), step(1, "verify#1", b"c")];
    let mut state = after(&[answered(0, 200, &steps, &[]), waiting(1)]);
    state.apply(&answered(1, 200, &[step(1, "find", b"newer")], &[]));

    let remembered: Vec<_> = state.answers_of(1).iter().map(|answer| answer.output.as_slice()).collect();
    assert_eq!(remembered, [b"newer".as_slice(), b"c"]);
    assert_eq!((state.waits().len(), state.answers_of(2).len()), (0, 1));

    state.apply(&ends(&[ended(1, Verdict::Done)]));
    assert_eq!((state.answers_of(1), state.answers_of(9)), ([].as_slice(), [].as_slice()));
}

#[test]
fn a_record_at_a_wait_counts_as_waiting_until_it_ends() {
    let mut state = after(&[waiting(5), waiting(6), ends(&[ended(6, Verdict::Waiting(Pause::Wait))])]);
    assert_eq!((counts(&state), state.waits()[&5].until_ms), ([2, 0, 0, 0, 2], 77));

    state.apply(&ends(&[ended(5, Verdict::Done), ended(6, Verdict::Done)]));

    assert_eq!((counts(&state), state.waits().len()), ([2, 2, 0, 0, 0], 0));
}

#[test]
fn a_held_job_counts_every_record_as_waiting_for_the_guard() {
    let planned = ends(&[ended(0, Verdict::Failed(Fail::WrongType))]);
    let held = Event::Held { subjects: 501, limit: 500, max_change: None };
    let mut state = after(&[planned, held, stopped(false, Some(600), &[])]);
    assert_eq!((state.status(), counts(&state)), (Status::Held, [600, 0, 0, 1, 599]));
    assert_eq!(state.totals().waiting_by[&Pause::Guard], 599);

    state.apply(&Event::Approved { at_ms: 1, by: by() });

    assert_eq!((state.status(), state.is_approved(), counts(&state)), (Status::Open, true, [1, 0, 0, 1, 0]));
}

#[test]
fn what_a_cancelled_job_did_not_finish_has_failed_as_cancelled() {
    let some = ends(&[ended(0, Verdict::Done), ended(1, Verdict::Waiting(Pause::Retry))]);
    let cancelled = Event::Cancelled { at_ms: 1, by: by() };

    let state = after(&[some, waiting(2), stopped(false, Some(10), &[]), cancelled]);

    assert_eq!((state.status(), counts(&state)), (Status::Cancelled, [10, 1, 0, 9, 0]));
    assert_eq!(state.totals().failed_by[&Fail::Cancelled], 9);
}

#[test]
fn time_adds_up_over_processes_and_unmapped_names_are_counted_once() {
    let mut state = after(&[
        stopped(false, None, &[("Newsletter", 3), ("SMS", 1)]),
        Event::Opened { at_ms: 1 },
        stopped(true, Some(9), &[("Newsletter", 8)]),
    ]);
    let totals = state.totals();

    // Looking at a finished job again changes nothing.
    state.apply(&Event::Opened { at_ms: 2 });
    state.apply(&stopped(true, Some(9), &[]));

    let unmapped: Vec<_> = totals.unmapped.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(unmapped, [("Newsletter", 8), ("SMS", 1)]);
    assert_eq!((totals.elapsed_ms, totals.records, state.status()), (200, Some(9), Status::Finished));
    assert_eq!(state.totals(), totals);
}

#[test]
fn every_reason_has_one_word_and_one_number() {
    assert!(Skip::ALL.iter().all(|skip| Skip::of_number(skip.number()) == Some(*skip)));
    assert!(Fail::ALL.iter().all(|fail| Fail::of_number(fail.number()) == Some(*fail)));
    assert!(Pause::ALL.iter().all(|pause| Pause::of_number(pause.number()) == Some(*pause)));
    assert_eq!((Status::of_number(5), Skip::of_number(0)), (None, None));
    assert_eq!(
        Status::ALL.iter().map(|status| status.word()).collect::<Vec<_>>(),
        ["open", "held", "finished", "cancelled"]
    );
}

#[test]
fn an_exchange_that_its_records_did_not_wait_for_stays_in_the_air_until_it_is_answered_itself() {
    let opened = Event::Opened { at_ms: 1 };
    let mut state = after(&[
        opened.clone(),
        Event::Passed { steps: vec![step(1, "find", b"found")] },
        intended(3, 0, &[0, 1]),
        answered(3, ABANDONED, &[step(1, "erase", b"late")], &[ended(0, Verdict::Failed(Fail::Timeout))]),
        ends(&[ended(1, Verdict::Done)]),
        intended(4, 0, &[]),
        opened.clone(),
    ]);
    assert!(state.is_any_in_the_air());
    let told = |position, answers| Abandoned { position, answers };
    let expected = [told(0, Vec::new()), told(1, vec![step(1, "find", b"found")])];
    assert_eq!(state.abandoned().collect::<Vec<_>>(), [(3, expected.as_slice())]);

    state.apply(&answered(4, 201, &[], &[]));
    assert!(state.is_any_in_the_air());
    state.apply(&answered(3, 201, &[], &[]));

    assert!(!state.is_any_in_the_air());
    assert_eq!(counts(&state), [2, 1, 0, 1, 0]);
}

#[test]
fn a_call_on_hold_that_counts_as_made_is_nothing_to_wait_for_until_it_leaves_again() {
    use crate::job::{Failure, ON_HOLD, Presumed};
    let failure =
        Failure { request: None, line: 1, step: None, code: ON_HOLD.to_owned(), message: String::new() };
    let parked = Ended { failure: Some(failure), ..ended(2, Verdict::Waiting(Pause::NeedsAttention)) };
    let mut state = State::default();
    [intended(0, 0, &[2]), Event::Opened { at_ms: 1 }, ends(std::slice::from_ref(&parked))]
        .iter()
        .for_each(|event| state.apply(event));
    assert!(state.is_any_in_the_air(), "nobody said whom it may have erased");

    state.apply(&Event::Presumed(Presumed { at_ms: 1, positions: vec![2], marks: Vec::new() }));

    assert!(!state.is_any_in_the_air() && state.is_kept_back(2));
    assert_eq!(state.unresolved().count(), 1, "whoever goes on with the job makes it again");
    state.apply(&intended(1, 0, &[2]));
    assert!(state.is_any_in_the_air() && !state.is_kept_back(2));
}
