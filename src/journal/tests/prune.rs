//! What is taken out of a store, and what stays.

use std::fs;

use super::*;
use crate::job::{Fail, MarkKind, Status};
use crate::request::{Order, OrderParts};

fn mark(number: u64) -> Mark {
    let nanoseconds = number as i64 * 1_000_000_000;
    let order = Order::from(OrderParts { nanoseconds, digits: 0, place: None, opts_out: false });
    Mark { kind: MarkKind::Erased, key: id_of(number).key, order }
}

/// A job of so many batches, each after what is there already.
fn job_of(store: &Store, batches: std::ops::Range<u64>, end: Option<Event>) -> JobId {
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(store, job);
    for batch in batches.clone() {
        listening.writer.append(intended(batch));
        let marks = (batch * BATCH..(batch + 1) * BATCH).map(mark).collect();
        listening.writer.append(answered_with(batch, marks));
    }
    let failed = Ended { id: id_of(1 << 40 | batches.start), ..ended(9_999, Verdict::Failed(Fail::Refused)) };
    let number = listening.writer.append(Event::Ended { ended: vec![failed] });
    assert!(listening.wait_for(number));
    if let Some(end) = end {
        assert!(listening.write(end));
    }
    job
}

const LATER: i64 = i64::MAX;

#[test]
fn an_old_job_loses_everything_but_what_keeps_the_next_one_right() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let cancelled = Event::Cancelled { at_ms: 1, by: "someone".to_owned() };
    let old = [job_of(&store, 0..40, Some(stopped(true))), job_of(&store, 40..50, Some(cancelled))];
    let open = job_of(&store, 50..60, None);
    fs::create_dir(directory.path().join("failures")).unwrap();
    let list = |job: JobId| directory.path().join("failures").join(format!("{job}.ndjson"));
    let key = |job: JobId| directory.path().join("keys").join(format!("{job}.key"));
    [old[0], old[1], open].iter().for_each(|job| fs::write(key(*job), [1; 32]).unwrap());
    [old[0], open].iter().for_each(|job| fs::write(list(*job), "{}\n").unwrap());

    let pruned = store.prune(LATER).unwrap();
    let none = store.prune(LATER).unwrap();

    assert_eq!((pruned.jobs.as_slice(), pruned.events), (old.as_slice(), 2 * 50 + 4));
    assert!(pruned.bytes_after < pruned.bytes_before * 3 / 4, "{pruned:?}");
    assert_eq!((none.jobs.len(), none.events), (0, 0));
    assert_eq!(store.jobs().unwrap().iter().map(|job| job.id).collect::<Vec<_>>(), [open]);
    assert_eq!(store.events(open).count(), 21);
    assert!(
        old.iter().all(|job| store.events(*job).count() == 0 && !key(*job).exists() && !list(*job).exists())
    );
    assert!(key(open).exists() && list(open).exists());
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    for at in 0..60 * BATCH {
        assert_eq!(store.ids().check(&id_of(at), JobId(77)).unwrap(), Seen::Duplicate);
        assert_eq!(store.marks().newest(MarkKind::Erased, id_of(at).key).unwrap(), Some(mark(at).order));
    }
    assert!(store.create_job(new_job("erase")).unwrap() > open);
}

#[test]
fn a_job_that_ended_lately_stays_and_takes_less_room() {
    let store = Store::temporary().unwrap();
    let job = job_of(&store, 0..60, Some(stopped(true)));
    let before = store.state(job).unwrap();

    let pruned = store.prune(1_000_000).unwrap();

    assert!(pruned.jobs.is_empty());
    // A store without anybody has its tables all the same.
    let empty = Store::temporary().unwrap().prune(1_000_000).unwrap().bytes_after;
    let each = (pruned.bytes_after - empty) / (60 * BATCH);
    assert!(each < 85, "{each} bytes a person");
    assert_eq!(store.state(job).unwrap().totals(), before.totals());
    assert_eq!(store.job(job).unwrap().status, Status::Finished);
}

#[test]
fn a_running_job_goes_on_while_old_ones_are_removed() {
    let store = Store::temporary().unwrap();
    let old = job_of(&store, 0..80, Some(stopped(true)));
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);

    std::thread::scope(|scope| {
        let pruning = scope.spawn(|| store.prune(LATER).unwrap());
        for batch in 100..160 {
            assert!(listening.write(answered(batch)));
        }
        assert_eq!(pruning.join().unwrap().jobs, [old]);
    });

    assert_eq!(store.events(job).count(), 60);
    assert!((0..80 * BATCH).all(|at| store.ids().check(&id_of(at), job).unwrap() == Seen::Duplicate));
}

#[test]
fn events_of_a_job_whose_removal_was_cut_short_are_removed_the_next_time() {
    let store = Store::temporary().unwrap();
    let (cut, whole) = (job_of(&store, 0..10, Some(stopped(true))), job_of(&store, 10..20, None));
    store
        .task(move |connection| {
            connection.execute("DELETE FROM jobs WHERE id = ?1", [cut.0]).unwrap();
            Ok(())
        })
        .unwrap();

    let pruned = store.prune(0).unwrap();

    assert_eq!((pruned.jobs.len(), pruned.events), (0, 22));
    assert_eq!((store.events(cut).count(), store.events(whole).count()), (0, 21));
}

#[test]
fn what_the_guard_counts_stays_for_a_day() {
    let store = Store::temporary().unwrap();
    let mut listening = Listening::on(&store, store.create_job(new_job("erase")).unwrap());
    let now = super::super::commit::now_ms();
    let note = |at_ms, people| Irreversible { workspace: "eu".to_owned(), at_ms, people };
    listening.writer.append_with(intended(0), Some(note(now - 90_000_000, 50)), None);
    let number = listening.writer.append_with(intended(1), Some(note(now - 3_000_000, 7)), None);
    assert!(listening.wait_for(number));

    store.prune(0).unwrap();

    assert_eq!(store.irreversible("eu", 0).unwrap(), 7);
}
