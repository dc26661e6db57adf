//! A process killed at any moment, a log cut anywhere, a disk that is full.
//!
//! A kill leaves the database and its log as they were on the disk; the tests copy both, cut the log,
//! and open the copy as the next process would.

use std::fs;
use std::path::Path;

use super::*;
use crate::job::State;

/// Small enough that a few batches make a segment, and a few dozen a merge.
const SEGMENT: usize = 200;

/// The store as a kill leaves it, with the log cut to a length.
fn killed(path: &Path, log_bytes: Option<u64>) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        if path.join(name).exists() {
            fs::copy(path.join(name), copy.path().join(name)).unwrap();
        }
    }
    if let Some(length) = log_bytes {
        let log = fs::OpenOptions::new().write(true).open(copy.path().join("journal.db-wal")).unwrap();
        log.set_len(length).unwrap();
    }
    copy
}

/// As [`killed`], at a moment when the writer is between two transactions, as it is between two
/// writes of the system: it tidies up by itself, and copying takes longer than a kill.
fn killed_now(store: &Store, log_bytes: Option<u64>) -> tempfile::TempDir {
    let path = store.path().to_owned();
    store.task(move |_| Ok(killed(&path, log_bytes))).unwrap()
}

/// Opens what a kill left; gives how many events are there, having checked that they are a prefix of
/// what was written and that exactly their ids count.
fn recovered(path: &Path, job: JobId, written: &[Event]) -> usize {
    let store = Store::with_small_segments(path, SEGMENT).unwrap();
    let events = events_of(&store, job);
    assert_eq!(events, written[..events.len()]);
    let mut state = State::default();
    events.iter().for_each(|event| state.apply(event));
    let records = written.len() as u64 * BATCH;
    for position in 0..records {
        let seen = store.ids().check(&id_of(position), job).unwrap();
        let expected = if state.is_finished(position) { Seen::Duplicate } else { Seen::New };
        assert_eq!(seen, expected, "record {position} after {} events", events.len());
    }
    let answers = events.iter().filter(|event| matches!(event, Event::Answered(_))).count();
    assert_eq!(
        super::ledger::attested(&store, "answered"),
        answers,
        "an event without its entry, or the other way"
    );
    events.len()
}

fn written(batches: u64) -> Vec<Event> {
    (0..batches).flat_map(|batch| [intended(batch), answered(batch)]).collect()
}

#[test]
fn a_kill_after_any_commit_keeps_everything_that_was_heard_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let events = written(30);

    for (count, event) in (1..).zip(&events) {
        assert!(listening.write(event.clone()));
        let copy = killed_now(&store, None);
        if count % 3 == 0 {
            assert!(recovered(copy.path(), job, &events) >= count);
        }
    }
}

#[test]
fn a_log_cut_anywhere_leaves_a_prefix_and_exactly_its_ids() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let events = written(40);
    events.iter().for_each(|event| assert!(listening.write(event.clone())));
    let whole = killed_now(&store, None);
    let log = fs::metadata(whole.path().join("journal.db-wal")).unwrap().len();

    let mut lengths = Vec::new();
    for cut in 1..=40_u64 {
        // Anywhere, also within a frame: an odd step through the log.
        let copy = killed(whole.path(), Some(log * cut / 40 - cut * 97 % 8192));
        if fs::metadata(copy.path().join("journal.db-wal")).unwrap().len() > log / 10 {
            lengths.push(recovered(copy.path(), job, &events));
        }
    }

    assert!(lengths.is_sorted() && lengths.len() > 30, "{lengths:?}");
    assert!(lengths[0] < 20 && lengths[lengths.len() - 1] > 70, "{lengths:?}");
}

#[test]
fn work_goes_on_where_a_cut_log_ended() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let events = written(20);
    events.iter().for_each(|event| assert!(listening.write(event.clone())));
    let log = fs::metadata(directory.path().join("journal.db-wal")).unwrap().len();
    let copy = killed_now(&store, Some(log * 2 / 3));

    let kept = recovered(copy.path(), job, &events);
    let store = Store::with_small_segments(copy.path(), SEGMENT).unwrap();
    let mut listening = Listening::on(&store, job);
    events[kept..].iter().for_each(|event| assert!(listening.write(event.clone())));
    drop(store);

    assert!(kept > 4 && kept < 40, "{kept}");
    assert_eq!(recovered(copy.path(), job, &events), 40);
}

#[test]
fn a_full_disk_closes_the_channel_and_keeps_what_was_heard_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let limit = |connection: &mut rusqlite::Connection| {
        connection.pragma_update_and_check(None, "max_page_count", 60, |_| Ok(())).unwrap();
        Ok(())
    };
    store.task(limit).unwrap();
    let events = written(200);

    let refused = events.iter().position(|event| !listening.write(event.clone())).unwrap();
    let error = listening.writer.error().unwrap();

    assert!(matches!(*error, StoreError::Full { .. }), "{error:?}");
    assert!(!listening.write(stopped(false)));
    let (sender, mut never) = tokio::sync::mpsc::unbounded_channel();
    store.writer(job, sender).append(stopped(false));
    assert_eq!(never.blocking_recv(), None);
    assert!(matches!(store.create_job(new_job("b")), Err(StoreError::Stopped(Some(_)))));
    assert!(refused > 10);
    drop(store);
    assert_eq!(recovered(directory.path(), job, &events), refused);
}

#[test]
fn a_key_of_an_earlier_release_whose_job_is_over_or_was_never_written_down_is_destroyed_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let (over, open) = (store.create_job(new_job("a")).unwrap(), store.create_job(new_job("b")).unwrap());
    let key = |job: JobId| directory.path().join("keys").join(format!("{job}.key"));
    assert!(Listening::on(&store, over).write(stopped(true)));
    drop(store);
    [over, open, JobId(9)].iter().for_each(|job| fs::write(key(*job), [1; 32]).unwrap());

    let store = Store::open(directory.path()).unwrap();

    assert!(!key(over).exists() && !key(JobId(9)).exists());
    assert!(key(open).exists());
    drop(store);
}
