//! A key for every request: on the disk before what it seals, gone after its end, whatever a crash cuts off.

use std::fs;
use std::path::Path;

use super::*;
use crate::job::{ABANDONED, Fail, Pause, StepAnswer};
use crate::journal::seal::Seal;

/// What a step of a record answered, and its event.
fn remembered(store: &Store, job: JobId, position: u64) -> (Event, StepAnswer) {
    let output = store.sealer(job).unwrap().seal(position, "find", b"[\"b-1\"]").unwrap();
    let step = StepAnswer { position, step: "find".to_owned(), accepted: true, output, at_ms: 4 };
    let event = Answered {
        batch: position,
        at_ms: 1,
        status: 200,
        request_id: None,
        steps: vec![step.clone()],
        ended: Vec::new(),
        marks: Vec::new(),
    };
    (Event::Answered(event), step)
}

fn opens(store: &Store, job: JobId, step: &StepAnswer) -> bool {
    let sealer = store.sealer(job).unwrap();
    sealer.open(step.position, &step.step, &step.output).is_ok_and(|text| text.as_slice() == b"[\"b-1\"]")
}

fn end(position: u64, verdict: Verdict) -> Event {
    Event::Ended { ended: vec![ended(position, verdict)] }
}

/// The numbers of the keys on the disk.
fn on_the_disk(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path.join("keys/keys.db")).unwrap();
    connection.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap()
}

/// The store as a kill leaves it, with its keys.
fn killed(store: &Store) -> tempfile::TempDir {
    let path = store.path().to_owned();
    store
        .task(move |_| {
            let copy = tempfile::tempdir().unwrap();
            fs::create_dir(copy.path().join("keys")).unwrap();
            for folder in ["", "keys"] {
                for entry in fs::read_dir(path.join(folder)).unwrap().map(Result::unwrap) {
                    if entry.file_type().unwrap().is_file() && entry.file_name() != "lock" {
                        fs::copy(entry.path(), copy.path().join(folder).join(entry.file_name())).unwrap();
                    }
                }
            }
            Ok(copy)
        })
        .unwrap()
}

#[test]
fn a_sealed_answer_opens_only_where_it_belongs() {
    let store = Store::temporary().unwrap();
    let jobs = [store.create_job(new_job("a")).unwrap(), store.create_job(new_job("b")).unwrap()];
    let sealer = store.sealer(jobs[0]).unwrap();

    let sealed = sealer.seal(7, "find", b"x").unwrap();

    assert_eq!(sealer.open(7, "find", &sealed).unwrap().as_slice(), b"x");
    assert!(sealer.open(8, "find", &sealed).is_err() && sealer.open(7, "erase", &sealed).is_err());
    assert!(store.sealer(jobs[1]).unwrap().open(7, "find", &sealed).is_err());
    assert!((0..sealed.len()).all(|cut| sealer.open(7, "find", &sealed[..cut]).is_err()));
    let other = sealer.seal(8, "find", b"x").unwrap();
    assert_ne!(sealed[1..9], other[1..9], "another request has another key");
}

#[test]
fn the_key_of_a_request_is_on_the_disk_with_its_answer_and_goes_with_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let steps: Vec<StepAnswer> = (0..5)
        .map(|position| {
            let (event, step) = remembered(&store, job, position);
            assert!(listening.write(event));
            step
        })
        .collect();
    let verdicts = [
        Verdict::Done,
        Verdict::Skipped(crate::job::Skip::Condition),
        Verdict::Failed(Fail::Timeout),
        Verdict::Waiting(Pause::NeedsAttention),
    ];

    assert_eq!(on_the_disk(killed(&store).path()), 5);
    for (position, verdict) in (0..).zip(verdicts) {
        assert!(listening.write(end(position, verdict)));
    }
    drop((listening, store));

    assert_eq!(on_the_disk(directory.path()), 3);
    let store = Store::open(directory.path()).unwrap();
    let open: Vec<bool> = steps.iter().map(|step| opens(&store, job, step)).collect();
    assert_eq!(open, [false, false, true, true, true]);
}

#[test]
fn what_a_request_remembers_opens_after_its_job_ended_only_when_it_may_be_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut remembered_by = Vec::new();
    for verdict in [Verdict::Failed(Fail::Timeout), Verdict::Waiting(Pause::Retry)] {
        let job = store.create_job(new_job("erase")).unwrap();
        let mut listening = Listening::on(&store, job);
        let (event, step) = remembered(&store, job, 1);
        [event, end(1, verdict), stopped(true)].into_iter().for_each(|event| assert!(listening.write(event)));
        remembered_by.push((job, step));
    }
    drop(store);

    let store = Store::open(directory.path()).unwrap();
    let open: Vec<bool> = remembered_by.iter().map(|(job, step)| opens(&store, *job, step)).collect();
    store.prune(i64::MAX).unwrap();

    assert_eq!((open, on_the_disk(directory.path())), (vec![true, false], 0));
}

#[test]
fn no_crash_leaves_an_open_request_without_its_key_or_a_key_without_its_request() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let mut open = Vec::new();
    for position in 0..12 {
        let (event, step) = remembered(&store, job, position);
        // A key whose answer never comes to be written down.
        store.sealer(job).unwrap().seal(100 + position, "find", b"x").unwrap();
        assert!(listening.write(event));
        open.push(step);
        if position % 3 == 2 {
            let gone = open.remove(0);
            assert!(listening.write(end(gone.position, Verdict::Done)));
        }

        let copy = killed(&store);
        let store = Store::open(copy.path()).unwrap();

        assert!(open.iter().all(|step| opens(&store, job, step)), "after record {position}");
        let in_the_air = i64::try_from(position).unwrap() + 1;
        assert_eq!(on_the_disk(copy.path()), open.len() as i64 + in_the_air);
        assert!(Listening::on(&store, job).write(stopped(true)));
        drop(store);
        assert_eq!(on_the_disk(copy.path()), 0, "they go with the job at the latest");
    }
}

#[test]
fn a_kill_between_the_end_of_a_request_and_the_end_of_its_key_is_mended_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let (first, _) = remembered(&store, job, 1);
    let (second, step) = remembered(&store, job, 2);
    [first, second].into_iter().for_each(|event| assert!(listening.write(event)));
    let before = killed(&store);
    assert!(listening.write(end(1, Verdict::Done)));
    // The keys as they were before, and the database as it was after that.
    let after = killed(&store);
    for name in ["keys.db", "keys.db-wal"] {
        fs::copy(before.path().join("keys").join(name), after.path().join("keys").join(name)).unwrap();
    }
    drop(fs::remove_file(after.path().join("keys/keys.db-shm")));

    let store = Store::open(after.path()).unwrap();

    assert!(opens(&store, job, &step));
    assert_eq!(on_the_disk(after.path()), 1);
}

#[test]
fn a_request_that_is_over_while_a_call_of_it_is_in_the_air_keeps_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let (event, step) = remembered(&store, job, BATCH);
    let Event::Answered(abandoned) = answered(1) else { unreachable!() };
    let abandoned = Answered { status: ABANDONED, ended: Vec::new(), ..abandoned };
    let events = [event, intended(1), Event::Answered(abandoned), end(BATCH, Verdict::Done)];

    events.into_iter().for_each(|event| assert!(listening.write(event)));
    drop((listening, store));
    let store = Store::open(directory.path()).unwrap();

    assert!(opens(&store, job, &step));
    assert!(Listening::on(&store, job).write(stopped(true)));
    drop(store);
    assert_eq!(on_the_disk(directory.path()), 0);
}

#[test]
fn a_record_that_came_in_has_a_key_of_its_own_that_goes_with_its_row() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let arrival = |number: u8| Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [number; 32],
        turn: None,
        due_ms: None,
        received_ms: 0,
        record: format!(r#"{{"id":"{number}"}}"#).into_bytes(),
    };
    store.accept(vec![arrival(1), arrival(2), arrival(1)], None).unwrap();
    let window = store.take_window("erase", Most { records: 9, bytes: 1 << 20 }, 0).unwrap().unwrap();
    let job = NewJob { window: Some(window.id), input_path: window.id.to_string(), ..new_job("erase") };
    let job = store.create_job(job).unwrap();
    store.accept(vec![arrival(3)], None).unwrap();
    let copy = killed(&store);

    assert!(Listening::on(&store, job).write(stopped(true)));
    drop(store);

    assert_eq!(on_the_disk(directory.path()), 1, "that of the one that waits");
    let store = Store::open(copy.path()).unwrap();
    assert_eq!(store.window_text(window.id).unwrap().as_slice(), b"{\"id\":\"1\"}\n{\"id\":\"2\"}\n");
    assert_eq!(on_the_disk(copy.path()), 3, "that of the one that came twice is swept up");
}

#[test]
fn what_is_destroyed_stands_in_no_file_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    for position in 0..40 {
        assert!(listening.write(remembered(&store, job, position).0));
    }
    let wrapped: Vec<Vec<u8>> = {
        let connection = rusqlite::Connection::open(directory.path().join("keys/keys.db")).unwrap();
        let mut statement = connection.prepare("SELECT wrapped FROM keys").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let there = |name: &str| {
        let bytes = fs::read(directory.path().join("keys").join(name)).unwrap_or_default();
        wrapped.iter().filter(|key| bytes.windows(key.len()).any(|part| part == key.as_slice())).count()
    };
    let before = there("keys.db").max(there("keys.db-wal"));

    for position in 0..40 {
        assert!(listening.write(end(position, Verdict::Done)));
    }
    drop((listening, store));

    assert_eq!((before, wrapped.len(), there("keys.db"), there("keys.db-wal")), (40, 40, 0, 0));
}

#[test]
fn what_an_earlier_release_sealed_still_opens() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let place = [&job.0.to_le_bytes(), 1_u64.to_le_bytes().as_slice(), b"find"].concat();
    let output = Seal::new(&[7; 32]).close(&place, b"[\"b-1\"]").unwrap();
    fs::write(directory.path().join("keys").join(format!("{job}.key")), [7; 32]).unwrap();
    let step = StepAnswer { position: 1, step: "find".to_owned(), accepted: true, output, at_ms: 4 };
    let record = Seal::new(&[8; 32]).close(&[[9; 32].as_slice(), b"erase"].concat(), b"{}").unwrap();
    fs::write(directory.path().join("keys/inbox.key"), [8; 32]).unwrap();
    let insert = move |connection: &mut rusqlite::Connection| {
        let sql = "INSERT INTO inbox (workflow, origin, key, due_ms, received_ms, bytes, record) \
                   VALUES ('erase', 'hook:a', ?1, 1, 1, 1, ?2)";
        connection.execute(sql, rusqlite::params![[9_u8; 32], record]).unwrap();
        Ok(())
    };
    store.task(insert).unwrap();
    drop(store);

    let store = Store::open(directory.path()).unwrap();
    let window = store.take_window("erase", Most { records: 9, bytes: 1 << 20 }, 0).unwrap().unwrap();

    assert!(opens(&store, job, &step));
    assert_eq!(store.window_text(window.id).unwrap().as_slice(), b"{}\n");
    assert!(directory.path().join("keys/inbox.key").exists());
}

#[test]
fn a_job_that_keeps_nothing_makes_no_key_and_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("consent")).unwrap();
    let mut listening = Listening::on(&store, job);

    (0..20).for_each(|batch| assert!(listening.write(answered(batch))));
    assert!(listening.write(stopped(true)));
    drop(store);

    let names: Vec<_> = fs::read_dir(directory.path().join("keys")).unwrap().map(Result::unwrap).collect();
    assert_eq!(names.iter().map(fs::DirEntry::file_name).collect::<Vec<_>>(), ["ledger.key"]);
}

#[test]
fn a_restored_backup_opens_nothing_whose_key_was_destroyed_since_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let store = Store::open(&path).unwrap();
    let arrival = |number: u8| Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [number; 32],
        turn: None,
        due_ms: None,
        received_ms: 0,
        record: format!(r#"{{"id":"{number}"}}"#).into_bytes(),
    };
    let take =
        |store: &Store| store.take_window("erase", Most { records: 9, bytes: 1 << 20 }, 0).unwrap().unwrap();
    store.accept(vec![arrival(1), arrival(2)], None).unwrap();
    let window = take(&store);
    let job = NewJob { window: Some(window.id), input_path: window.id.to_string(), ..new_job("erase") };
    let job = store.create_job(job).unwrap();
    let file = store.create_job(new_job("erase")).unwrap();
    let steps = [remembered(&store, file, 1), remembered(&store, file, 2)];
    let mut listening = Listening::on(&store, file);
    steps.iter().for_each(|(event, _)| assert!(listening.write(event.clone())));
    store.accept(vec![arrival(3), arrival(4)], None).unwrap();
    store.backup(&backup).unwrap();
    // The window is carried out, one run of the file too, and what waited last.
    assert!(Listening::on(&store, job).write(stopped(true)));
    assert!(listening.write(end(1, Verdict::Done)));
    let later = take(&store);
    let later = NewJob { window: Some(later.id), input_path: later.id.to_string(), ..new_job("erase") };
    let later = store.create_job(later).unwrap();
    store.accept(vec![arrival(5)], None).unwrap();
    assert!(Listening::on(&store, later).write(stopped(true)));
    drop((listening, store));

    let restored = restore(&path, &backup, Replace::Newer).unwrap();

    assert_eq!((restored.lost_records, restored.lost_runs), (4, 1));
    let store = Store::open(&path).unwrap();
    // What came in after the backup waits again.
    assert_eq!(store.window_text(take(&store).id).unwrap().as_slice(), b"{\"id\":\"5\"}\n");
    assert_eq!((store.queue().unwrap(), restored.unfinished.requests()), (vec![], 1));
    let text = store.window_text(window.id).unwrap();
    assert_eq!(text.as_slice(), [FORGOTTEN, "\n", FORGOTTEN, "\n"].concat().as_bytes());
    assert_eq!(store.window_digest(window.id).unwrap(), Some([2; 32]));
    assert_eq!([opens(&store, file, &steps[0].1), opens(&store, file, &steps[1].1)], [false, true]);
    drop(store);
    // Somewhere else, without the folder of the keys.
    let elsewhere = directory.path().join("elsewhere");
    let refused = restore(&elsewhere, &backup, Replace::Older).unwrap_err();
    assert!(matches!(refused, StoreError::KeysElsewhere { records: 4, .. }), "{refused}");
    assert_eq!(restore(&elsewhere, &backup, Replace::Newer).unwrap().lost_runs, 2);
    assert_eq!(Store::open(&elsewhere).unwrap().queue().unwrap(), []);
}

#[test]
fn what_failed_requests_remember_is_kept_as_long_as_their_workflow_says() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let begin = |format| store.create_job(NewJob { format, ..new_job("erase") }).unwrap();
    let hour = 3_600_000;
    let short = begin(serde_json::json!({ "retention_ms": hour }));
    let (long, unsaid) =
        (begin(serde_json::json!({ "retention_ms": 9 * hour })), begin(serde_json::Value::Null));
    let steps = [short, long, unsaid].map(|job| {
        let (event, step) = remembered(&store, job, 1);
        let mut listening = Listening::on(&store, job);
        let events = [event, end(1, Verdict::Failed(Fail::Timeout)), stopped(true)];
        events.into_iter().for_each(|event| assert!(listening.write(event)));
        step
    });
    let now_ms = jiff::Timestamp::now().as_millisecond();

    let before = store.end_retention(now_ms).unwrap();
    let after = store.end_retention(now_ms + 2 * hour).unwrap();
    let again = store.end_retention(now_ms + 2 * hour).unwrap();

    assert_eq!((before, after, again), (Vec::new(), vec![short], Vec::new()));
    let open = [short, long, unsaid].into_iter().zip(&steps).map(|(job, step)| opens(&store, job, step));
    assert_eq!(open.collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(on_the_disk(directory.path()), 2);
}
