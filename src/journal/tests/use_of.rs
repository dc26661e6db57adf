//! Jobs, events, notes and keys as the engine uses them.

use super::*;
use crate::job::Status;

#[test]
fn a_job_is_found_again_by_what_it_carries_out_and_on_what() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let other = store.create_job(new_job("consent")).unwrap();

    let found = store.find_job("erase", &[1; 32], &[2; 32]).unwrap().unwrap();

    assert_eq!((found.id, found.status), (job, Status::Open));
    assert_eq!(found.format, serde_json::json!({"format": "ndjson"}));
    assert_eq!(found, store.job(job).unwrap());
    assert_eq!(store.find_job("erase", &[1; 32], &[3; 32]).unwrap(), None);
    assert_eq!(store.open_jobs("consent").unwrap().len(), 1);
    assert_eq!(store.jobs().unwrap().iter().map(|job| job.id).collect::<Vec<_>>(), [job, other]);
    let missing = store.job(JobId(77)).unwrap_err();
    assert_eq!(missing.to_string(), "there is no job-77; `privaflow jobs list` shows the jobs there are");
}

#[test]
fn events_come_back_in_order_whoever_wrote_meanwhile() {
    let store = Store::temporary().unwrap();
    let jobs = [store.create_job(new_job("a")).unwrap(), store.create_job(new_job("b")).unwrap()];
    let mut writers = jobs.map(|job| Listening::on(&store, job));

    for batch in 0..150 {
        for writer in &mut writers {
            writer.writer.append(intended(batch));
            writer.writer.append(answered(batch));
        }
    }

    for (mut writer, job) in writers.into_iter().zip(jobs) {
        assert!(writer.wait_for(300));
        let expected: Vec<Event> = (0..150).flat_map(|batch| [intended(batch), answered(batch)]).collect();
        assert_eq!(events_of(&store, job), expected);
    }
}

#[test]
fn the_status_of_a_job_follows_its_events_and_its_end_is_final() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let mut status_after = |event| {
        assert!(listening.write(event));
        store.job(job).unwrap().status
    };
    let by = || "someone".to_owned();

    let statuses = [
        status_after(Event::Held { subjects: 501, limit: 500, max_change: None }),
        status_after(stopped(false)),
        status_after(Event::Approved { at_ms: 1, by: by() }),
        status_after(stopped(true)),
        status_after(Event::Cancelled { at_ms: 1, by: by() }),
    ];

    use Status::{Finished, Held, Open};
    assert_eq!(statuses, [Held, Held, Open, Finished, Finished]);
    assert_eq!(store.open_jobs("erase").unwrap(), []);
}

#[test]
fn people_irreversibly_written_to_are_counted_with_the_event_that_wrote() {
    let store = Store::temporary().unwrap();
    let mut listening = Listening::on(&store, store.create_job(new_job("erase")).unwrap());
    let note =
        |workspace: &str, at_ms, people| Irreversible { workspace: workspace.to_owned(), at_ms, people };

    listening.writer.append_with(intended(0), Some(note("eu", 1000, 50)), None);
    listening.writer.append_with(intended(1), Some(note("eu", 1000, 25)), None);
    listening.writer.append_with(intended(2), Some(note("us", 1500, 9)), None);
    let number = listening.writer.append_with(intended(3), Some(note("eu", 2000, 1)), None);

    assert!(listening.wait_for(number));
    let counts = [("eu", 0), ("eu", 1001), ("eu", 2001), ("us", 0), ("ap", 0)]
        .map(|(workspace, since)| store.irreversible(workspace, since).unwrap());
    assert_eq!(counts, [76, 1, 0, 9, 0]);
}

#[test]
fn a_throw_away_store_leaves_nothing() {
    let store = Store::temporary().unwrap();
    let path = store.path().to_owned();
    store.create_job(new_job("erase")).unwrap();

    let was_there = path.join("journal.db").exists();
    drop(store);

    assert!(was_there && !path.exists());
}

#[test]
fn what_was_handed_over_is_written_before_the_store_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);

    for batch in 0..40 {
        listening.writer.append(answered(batch));
    }
    drop(store);

    assert!(listening.wait_for(40));
    assert!(!listening.write(answered(40)));
    assert_eq!(events_of(&Reader::open(directory.path()).unwrap(), job).len(), 40);
}

#[test]
fn an_event_of_a_later_release_is_told_and_ends_the_reading() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    (0..3).for_each(|batch| assert!(listening.write(intended(batch))));
    let damage = |connection: &mut rusqlite::Connection| {
        connection.execute("UPDATE events SET body = x'2a01', sum = NULL WHERE id = 2", []).unwrap();
        Ok(())
    };
    store.task(damage).unwrap();

    let read: Vec<_> = store.events(job).collect();

    assert_eq!(read.len(), 2);
    let error = read.into_iter().last().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "event 2 of job-1 cannot be read");
}
