//! Looks at erased people: left by the job that erased, kept until the last one, and gone with it.

use super::*;
use crate::job::WindowId;

const NOW_MS: i64 = 1_800_000_000_000;

fn watching(name: &str) -> NewJob {
    NewJob { format: serde_json::json!({ WATCH: [1000, 5000] }), ..new_job(name) }
}

fn erased(positions: std::ops::Range<u64>) -> Event {
    Event::Erased { positions: positions.collect() }
}

/// One request is done.
fn one_done(position: u64) -> Event {
    match answered(0) {
        Event::Answered(whole) => {
            let ended = vec![ended(position, Verdict::Done)];
            Event::Answered(Answered { at_ms: NOW_MS + position.cast_signed(), ended, ..whole })
        }
        other => other,
    }
}

fn spans(store: &Store, job: JobId) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> =
        store.watches(Some(job)).unwrap().iter().map(|watch| (watch.from_event, watch.to_event)).collect();
    spans.sort_unstable();
    spans.dedup();
    spans
}

fn arrival(number: u8) -> Arrival {
    Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [number; 32],
        turn: None,
        due_ms: None,
        received_ms: NOW_MS,
        record: b"{}".to_vec(),
    }
}

#[test]
fn a_job_that_erased_leaves_its_looks_when_it_ends_and_what_they_need_stays_until_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.accept(vec![arrival(1), arrival(2)], None).unwrap();
    let most = Most { records: 10, bytes: 1 << 20 };
    let window = store.take_window("erase", most, NOW_MS).unwrap().unwrap().id;
    let job = store.create_job(NewJob { window: Some(window), ..watching("erase") }).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(erased(0..2)) && writer.write(answered(0)));
    assert_eq!(store.watches(None).unwrap(), []);

    assert!(writer.write(stopped(true)));
    drop(writer);
    drop(store);
    let store = Store::open(directory.path()).unwrap();

    let watches = store.watches(Some(job)).unwrap();
    let due: Vec<i64> = watches.iter().map(|watch| watch.due_ms).collect();
    assert_eq!(due, [NOW_MS + 1000, NOW_MS + 5000], "counted from the moment when they were done");
    assert_eq!(store.due_watches(NOW_MS + 1000).unwrap(), watches[..1]);
    assert_eq!(store.prune(i64::MAX).unwrap().jobs, []);
    assert!(store.window_text(window).is_ok());
    let found = Found { people: 2, gone: 1, came_back: 1, ..Found::default() };
    store.end_watch(&watches[0], found.clone(), 1003).unwrap();
    store.end_watch(&watches[0], Found::default(), 1004).unwrap();
    assert!(store.window_text(window).is_ok());
    store.end_watch(&watches[1], found.clone(), 5003).unwrap();
    assert!(store.window_text(window).is_err());
    let over = store.watches(None).unwrap();
    assert!(over.iter().all(|watch| watch.found.as_ref() == Some(&found)), "{over:?}");
    let entries = store.ledger(0, 100).unwrap();
    let watched = entries.iter().filter(|entry| entry.entry.windows(9).any(|part| part == b"\"watched\""));
    assert_eq!(watched.count(), 2, "each is attested once");
    assert_eq!(store.prune(i64::MAX).unwrap().jobs, [job]);
    assert_eq!(store.watches(None).unwrap(), []);
}

#[test]
fn only_a_job_whose_workflow_watches_and_that_erased_somebody_leaves_looks() {
    let store = Store::temporary().unwrap();
    let idle = store.create_job(watching("erase")).unwrap();
    assert!(Listening::on(&store, idle).write(stopped(true)));
    let other = store.create_job(new_job("other")).unwrap();
    let mut writer = Listening::on(&store, other);
    assert!(writer.write(erased(0..2)) && writer.write(answered(0)) && writer.write(stopped(true)));

    assert_eq!(store.watches(None).unwrap(), []);
    assert!(store.window_text(WindowId(1)).is_err());
}

#[test]
fn what_is_done_after_a_job_was_opened_again_is_looked_at_for_itself() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(erased(0..2)) && writer.write(answered(0)) && writer.write(stopped(true)));
    let again = crate::job::Reopened { at_ms: 3, by: "ada".into(), positions: vec![5], even_if_sent: false };
    assert!(writer.write(Event::Reopened(again)) && writer.write(stopped(true)));
    assert_eq!(store.watches(Some(job)).unwrap().len(), 2, "nobody was erased");
    let again = crate::job::Reopened { at_ms: 4, by: "ada".into(), positions: vec![5], even_if_sent: false };
    assert!(
        writer.write(Event::Reopened(again))
            && writer.write(erased(5..6))
            && writer.write(one_done(5))
            && writer.write(stopped(true))
    );

    let watches = store.watches(Some(job)).unwrap();

    let spans: std::collections::BTreeSet<_> =
        watches.iter().map(|watch| (watch.from_event, watch.to_event)).collect();
    let spans: Vec<_> = spans.into_iter().collect();
    assert_eq!(watches.len(), 4);
    assert!(spans.len() == 2 && spans[0].0 == 0 && spans[0].1 == spans[1].0, "{spans:?}");
}

#[test]
fn what_is_done_is_looked_at_although_another_request_of_the_job_still_waits() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(erased(0..1)) && writer.write(one_done(0)) && writer.write(stopped(false)));
    let first = store.watches(Some(job)).unwrap();
    // Nothing came of the second try, and of the third one more was done.
    assert!(writer.write(Event::Opened { at_ms: 3 }) && writer.write(stopped(false)));
    assert_eq!(store.watches(Some(job)).unwrap(), first);
    assert!(writer.write(Event::Opened { at_ms: 4 }) && writer.write(erased(1..2)));
    assert!(writer.write(one_done(1)) && writer.write(stopped(true)));

    let watches = store.watches(Some(job)).unwrap();

    let due: Vec<i64> = first.iter().map(|watch| watch.due_ms).collect();
    assert_eq!(due, [NOW_MS + 1000, NOW_MS + 5000]);
    let spans = spans(&store, job);
    assert!(watches.len() == 4 && spans.len() == 2 && spans[0].1 == spans[1].0, "{spans:?}");
    assert!(watches.iter().all(|watch| watch.from_event == 0 || watch.due_ms % 1000 == 1), "{watches:?}");
}

#[test]
fn what_a_kill_left_behind_is_looked_at_without_anybody_going_on_with_the_job() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(erased(0..2)) && writer.write(one_done(0)));
    store.leave_looks().unwrap();
    assert_eq!(store.watches(None).unwrap(), [], "it is at work");
    drop(writer);
    drop(store);

    let store = Store::open(directory.path()).unwrap();
    store.leave_looks().unwrap();
    store.leave_looks().unwrap();
    let left = store.watches(Some(job)).unwrap();
    // Who was erased before the kill and is done only now is looked for then.
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(Event::Opened { at_ms: 4 }) && writer.write(one_done(1)));
    assert!(writer.write(stopped(true)));

    assert_eq!((left.len(), left[0].due_ms), (2, NOW_MS + 1000));
    assert_eq!(spans(&store, job).len(), 2);
}

#[test]
fn who_was_erased_before_a_job_was_over_and_is_done_once_it_was_tried_again_is_looked_at_once() {
    for restarts in 0..4 {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        let job = store.create_job(watching("erase")).unwrap();
        let restart = |store: Store, is_now: bool| match is_now {
            true => {
                drop(store);
                let store = Store::open(directory.path()).unwrap();
                store.leave_looks().unwrap();
                store
            }
            false => store,
        };
        let mut writer = Listening::on(&store, job);
        let failed = Event::Ended { ended: vec![ended(1, Verdict::Failed(crate::job::Fail::Assert))] };
        assert!(writer.write(erased(0..2)) && writer.write(one_done(0)) && writer.write(failed));
        assert!(writer.write(stopped(true)));
        drop(writer);
        let first = spans(&store, job);
        store = restart(store, restarts & 1 > 0);
        let again =
            crate::job::Reopened { at_ms: 3, by: "ada".into(), positions: vec![1], even_if_sent: false };
        assert!(Listening::on(&store, job).write(Event::Reopened(again)));
        store = restart(store, restarts & 2 > 0);
        let mut writer = Listening::on(&store, job);
        assert!(writer.write(Event::Opened { at_ms: 4 }) && writer.write(one_done(1)));
        assert!(writer.write(stopped(true)));

        let spans = spans(&store, job);

        assert_eq!((first.len(), spans.len()), (1, 2), "{restarts}: {spans:?}");
        assert!(spans[0] == first[0] && spans[1].0 == spans[0].1, "{restarts}: {spans:?}");
        let due: Vec<i64> = store.watches(Some(job)).unwrap().iter().map(|watch| watch.due_ms).collect();
        assert_eq!(due, [NOW_MS + 1000, NOW_MS + 1001, NOW_MS + 5000, NOW_MS + 5001], "{restarts}");
    }
}

#[test]
fn a_job_that_stays_open_leaves_looks_often_at_first_and_then_once_a_day() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    for position in 0..50 {
        assert!(writer.write(erased(position..position + 1)) && writer.write(one_done(position)));
        assert!(writer.write(stopped(false)));
    }
    let open = spans(&store, job).len();

    assert!(writer.write(stopped(true)));

    assert_eq!((open, spans(&store, job).len()), (16, 17));
    let spans = spans(&store, job);
    assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "{spans:?}");
}

fn presumed(positions: &[u64]) -> Event {
    let marks = Vec::new();
    Event::Presumed(crate::job::Presumed { at_ms: NOW_MS, positions: positions.to_vec(), marks })
}

fn given_up(position: u64) -> Event {
    Event::Ended { ended: vec![ended(position, Verdict::Failed(Fail::Cancelled))] }
}

#[test]
fn whom_a_request_that_is_given_up_erased_or_may_have_is_looked_at_and_nobody_else_of_the_job() {
    let cancelled = || Event::Cancelled { at_ms: NOW_MS, by: "ada".into() };
    let both: [(&[Event], usize); 5] = [
        (&[erased(0..1), given_up(0)], 2),
        (&[presumed(&[0]), given_up(0)], 2),
        // Its input is gone, so nobody could list what was not over.
        (&[presumed(&[0])], 2),
        (&[erased(0..1), one_done(0), given_up(1)], 2),
        (
            &[
                erased(0..1),
                Event::Ended { ended: vec![ended(0, Verdict::Failed(Fail::Refused))] },
                given_up(1),
            ],
            0,
        ),
    ];
    for (events, expected) in both {
        let store = Store::temporary().unwrap();
        let job = store.create_job(watching("erase")).unwrap();
        let mut writer = Listening::on(&store, job);
        for event in events {
            assert!(writer.write(event.clone()));
        }
        assert!(writer.write(cancelled()));

        assert_eq!(store.watches(Some(job)).unwrap().len(), expected, "{events:?}");
        assert!(spans(&store, job).len() <= 1);
    }
}

#[test]
fn those_that_were_given_up_are_looked_at_apart_from_those_that_were_done() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(erased(0..4)) && writer.write(one_done(0)));
    assert!(writer.write(given_up(1)) && writer.write(given_up(2)) && writer.write(one_done(3)));
    assert!(writer.write(stopped(true)));

    let looked_at: Vec<(u64, u64)> = spans(&store, job)
        .into_iter()
        .map(|(from, to)| {
            let mut fold = crate::job::ToLookAt::behind(from);
            for recorded in store.events(job).map(Result::unwrap).filter(|recorded| recorded.number <= to) {
                fold.apply(recorded.number, &recorded.event);
            }
            (fold.count(), fold.given_up().count())
        })
        .collect();

    assert_eq!(looked_at, [(1, 0), (2, 2), (1, 0)]);
    assert_eq!(store.watches(Some(job)).unwrap().len(), 6);
}

#[test]
fn a_request_that_is_given_up_has_its_looks_at_once_although_nobody_goes_on_with_its_job() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(presumed(&[0])) && writer.write(given_up(0)));
    assert_eq!(store.watches(None).unwrap(), []);
    drop(writer);
    drop(store);

    // Killed before it was asked for; asked for by somebody else, and once more.
    let store = Store::open(directory.path()).unwrap();
    store.leave_looks_of(job).unwrap();
    let watches = store.watches(Some(job)).unwrap();
    store.leave_looks_of(job).unwrap();
    store.leave_looks_of(JobId(99)).unwrap();

    assert_eq!(watches.len(), 2);
    assert_eq!(store.watches(None).unwrap(), watches);
}

#[test]
fn certificates_that_are_owed_are_noted_with_the_look_until_they_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(watching("erase")).unwrap();
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(erased(0..2)) && writer.write(answered(0)) && writer.write(stopped(true)));
    let watches = store.watches(None).unwrap();
    store.end_watch_owing(&watches[0], Found::default(), vec![1], 1003).unwrap();
    store.end_watch_owing(&watches[0], Found::default(), vec![0], 1004).unwrap();
    store.end_watch(&watches[1], Found::default(), 1005).unwrap();
    drop(writer);
    drop(store);

    let store = Store::open(directory.path()).unwrap();
    let owed = store.owed_pages().unwrap();
    assert_eq!(
        owed,
        [OwedPages { job, positions: vec![1], watch: watches[0].id }],
        "noted once, with its end"
    );
    store.owe_pages(OwedPages { job, positions: vec![2], watch: 0 }).unwrap();
    store.owe_pages(OwedPages { job, positions: vec![0, 2], watch: 0 }).unwrap();
    store.pages_are_written(&owed[0]).unwrap();
    assert_eq!(store.owed_pages().unwrap(), [OwedPages { job, positions: vec![0, 2], watch: 0 }]);
}
