//! What the index of ids answers, and when.

use super::*;
use crate::job::{Fail, Pause, Skip};

fn other_content(position: u64) -> IdEntry {
    IdEntry { content: u64::MAX, ..id_of(position) }
}

fn store_with(ends: Vec<Ended>) -> (Store, JobId) {
    let store = Store::temporary().unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    assert!(Listening::on(&store, job).write(Event::Ended { ended: ends }));
    (store, job)
}

#[test]
fn a_finished_id_is_a_duplicate_for_every_job_and_other_content_a_conflict() {
    let (store, job) = store_with(vec![ended(1, Verdict::Done), ended(2, Verdict::Skipped(Skip::NoMatch))]);

    for job in [job, JobId(job.0 + 1)] {
        let seen = |entry| store.ids().check(&entry, job).unwrap();
        assert_eq!(
            [seen(id_of(1)), seen(id_of(2)), seen(id_of(3))],
            [Seen::Duplicate, Seen::Duplicate, Seen::New]
        );
        assert_eq!(seen(other_content(1)), Seen::Conflict);
    }
}

#[test]
fn a_failed_id_counts_in_its_own_job_only() {
    let (store, job) = store_with(vec![ended(1, Verdict::Failed(Fail::Refused))]);
    let later = JobId(job.0 + 1);

    let seen = |entry, job| store.ids().check(&entry, job).unwrap();

    assert_eq!([seen(id_of(1), job), seen(other_content(1), job)], [Seen::Duplicate, Seen::Conflict]);
    assert_eq!([seen(id_of(1), later), seen(other_content(1), later)], [Seen::New, Seen::New]);
}

#[test]
fn what_is_no_end_or_repeats_another_request_makes_no_id_count() {
    let (store, job) = store_with(vec![
        ended(1, Verdict::Skipped(Skip::Duplicate)),
        ended(2, Verdict::Failed(Fail::IdConflict)),
        ended(3, Verdict::Waiting(Pause::Retry)),
        ended(4, Verdict::Waiting(Pause::NeedsAttention)),
    ]);

    let seen = [1, 2, 3, 4].map(|position| store.ids().check(&id_of(position), job).unwrap());

    assert_eq!(seen, [Seen::New; 4]);
}

#[test]
fn a_finished_id_stays_finished_when_it_fails_later() {
    let (store, job) = store_with(vec![ended(1, Verdict::Done)]);
    let later = store.create_job(new_job("erase")).unwrap();
    let failed = Ended { id: other_content(1), ..ended(1, Verdict::Failed(Fail::KindMismatch)) };

    assert!(Listening::on(&store, later).write(Event::Ended { ended: vec![failed] }));

    let seen = |entry| store.ids().check(&entry, later).unwrap();
    assert_eq!([seen(id_of(1)), seen(other_content(1))], [Seen::Duplicate, Seen::Conflict]);
    assert_eq!(store.ids().check(&id_of(1), job).unwrap(), Seen::Duplicate);
}

#[test]
fn ids_keep_their_meaning_across_segments_merges_and_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::with_small_segments(directory.path(), 200).unwrap();
    let store = open();
    let (first, later) = (store.create_job(new_job("a")).unwrap(), store.create_job(new_job("b")).unwrap());
    // Every third fails in the first job; the later job finishes every second of those.
    let verdict = |position| if position % 3 == 0 { Verdict::Failed(Fail::Refused) } else { Verdict::Done };
    let batch = |batch: u64, job| {
        let positions = (batch * BATCH..(batch + 1) * BATCH).filter(|at| job == first || at % 6 == 0);
        let verdict = |at| if job == first { verdict(at) } else { Verdict::Done };
        Event::Ended { ended: positions.map(|at| ended(at, verdict(at))).collect() }
    };

    for job in [first, later] {
        let mut listening = Listening::on(&store, job);
        (0..60).for_each(|number| assert!(listening.write(batch(number, job))));
    }
    drop(store);
    let store = open();

    for position in 0..60 * BATCH {
        let seen = |job| store.ids().check(&id_of(position), job).unwrap();
        let failed_only = position % 3 == 0 && position % 6 != 0;
        let expected = if failed_only { Seen::New } else { Seen::Duplicate };
        assert_eq!((seen(first), seen(later)), (Seen::Duplicate, expected), "{position}");
        assert_eq!(store.ids().check(&id_of(position + 100_000), first).unwrap(), Seen::New);
    }
}

#[test]
fn an_id_is_known_as_soon_as_its_end_is_heard_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), 500).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let mut known = 0;

    for batch in 0..200 {
        listening.writer.append(answered(batch));
    }
    while known < 200 {
        assert!(listening.wait_for(known + 1));
        let positions = known * BATCH..listening.heard * BATCH;
        assert!(positions.clone().all(|at| store.ids().check(&id_of(at), job).unwrap() == Seen::Duplicate));
        known = listening.heard;
    }
}
