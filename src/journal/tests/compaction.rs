//! Events of jobs that are over are made small, and say and mean what they did.

use std::time::{Duration, Instant};

use super::*;
use crate::job::{Fail, Failure, MarkKind, State};
use crate::request::{Order, OrderParts};

const SEGMENT: usize = 200;
const BATCHES: u64 = 60;

fn mark(number: u64) -> Mark {
    let order =
        OrderParts { nanoseconds: number as i64 * 1_000_000, digits: 3, place: None, opts_out: false };
    Mark { kind: MarkKind::Target, key: id_of(number).key, order: Order::from(order) }
}

fn failed(position: u64) -> Ended {
    let (code, message) = ("refused".to_owned(), "look at it".to_owned());
    let failure = Failure { request: None, line: position + 1, step: None, code, message };
    Ended { failure: Some(failure), ..ended(position, Verdict::Failed(Fail::Refused)) }
}

fn written() -> Vec<Event> {
    let marks = |batch: u64| (batch * BATCH..(batch + 1) * BATCH).map(mark).collect();
    let exchanges = (0..BATCHES).flat_map(|batch| [intended(batch), answered_with(batch, marks(batch))]);
    let failures = Event::Ended { ended: (0..40).map(|at| failed(BATCHES * BATCH + at)).collect() };
    exchanges.chain([failures, stopped(true)]).collect()
}

/// A store whose one job is over.
fn finished(path: &std::path::Path) -> (Store, JobId) {
    let store = Store::with_small_segments(path, SEGMENT).unwrap();
    let job = store.create_job(new_job("consent")).unwrap();
    let mut listening = Listening::on(&store, job);
    written().into_iter().for_each(|event| assert!(listening.writer.append(event) > 0));
    assert!(listening.wait_for(2 * BATCHES + 2));
    (store, job)
}

/// Bytes of the bodies of a job's events, once the writer has nothing to do that it could do.
fn bytes_when_idle(store: &Store) -> i64 {
    let began = Instant::now();
    loop {
        let sum = "SELECT sum(length(body)) FROM events";
        let ask = move |committer: &mut super::super::commit::Committer| {
            let bytes = committer.connection.query_row(sum, [], |row| row.get::<_, i64>(0)).unwrap();
            Ok((bytes, committer.has_work()))
        };
        let (bytes, has_work) = store.with_committer(ask).unwrap();
        if !has_work || began.elapsed() > Duration::from_secs(60) {
            return bytes;
        }
        std::thread::yield_now();
    }
}

fn observed(state: &State) -> (crate::job::Totals, Vec<bool>, crate::job::Status) {
    let finished = (0..BATCHES * BATCH + 50).map(|at| state.is_finished(at)).collect();
    (state.totals(), finished, state.status())
}

#[test]
fn a_job_that_is_over_takes_a_few_bytes_a_person_and_says_what_it_said() {
    let directory = tempfile::tempdir().unwrap();
    let (store, job) = finished(directory.path());
    let mut before = State::default();
    written().iter().for_each(|event| before.apply(event));

    let bytes = bytes_when_idle(&store);
    drop(store);
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();

    // The newest records are in no segment yet, so their events stay whole.
    let whole = (2 * SEGMENT) as u64 * 50;
    assert!((bytes as u64) < BATCHES * BATCH * 3 + whole + 40 * 40, "{bytes}");
    assert_eq!(observed(&store.state(job).unwrap()), observed(&before));
    let failures: Vec<Failure> = events_of(&store, job)
        .into_iter()
        .flat_map(|event| match event {
            Event::Ended { ended } => ended,
            _ => Vec::new(),
        })
        .filter_map(|ended| ended.failure)
        .collect();
    assert_eq!((failures.len(), failures[7].line), (40, BATCHES * BATCH + 8));
    for at in 0..BATCHES * BATCH {
        assert_eq!(store.ids().check(&id_of(at), JobId(99)).unwrap(), Seen::Duplicate);
        assert_eq!(store.marks().newest(MarkKind::Target, id_of(at).key).unwrap(), Some(mark(at).order));
    }
}

#[test]
fn an_open_job_stays_as_it_is_until_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();
    let job = store.create_job(new_job("consent")).unwrap();
    let mut listening = Listening::on(&store, job);
    (0..BATCHES).for_each(|batch| assert!(listening.write(answered(batch))));
    let open = bytes_when_idle(&store);

    assert!(listening.write(stopped(true)));
    let over = bytes_when_idle(&store);

    assert!(open > over * 3, "{open} {over}");
    assert_eq!(events_of(&store, job).len() as u64, BATCHES + 1);
}

#[test]
fn a_kill_while_events_are_made_small_leaves_each_whole_or_small() {
    let directory = tempfile::tempdir().unwrap();
    let (store, job) = finished(directory.path());
    let before = observed(&store.state(job).unwrap());

    for _ in 0..12 {
        let path = store.path().to_owned();
        let copy = store
            .task(move |_| {
                let copy = tempfile::tempdir().unwrap();
                for name in ["journal.db", "journal.db-wal"] {
                    drop(std::fs::copy(path.join(name), copy.path().join(name)));
                }
                Ok(copy)
            })
            .unwrap();
        let next = Store::with_small_segments(copy.path(), SEGMENT).unwrap();
        assert_eq!(observed(&next.state(job).unwrap()), before);
        bytes_when_idle(&next);
        assert_eq!(observed(&next.state(job).unwrap()), before);
        let known = |at| next.ids().check(&id_of(at), JobId(99)).unwrap() == Seen::Duplicate;
        assert!((0..BATCHES * BATCH).all(known));
    }
}
