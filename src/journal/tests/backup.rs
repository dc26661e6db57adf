//! A copy made while the store is in use, and the way back from it.

use std::fs;
use std::path::Path;

use super::*;
use crate::job::MarkKind;
use crate::request::{Order, OrderParts};

fn marked(batch: u64) -> Event {
    let order = OrderParts { nanoseconds: 7, digits: 9, place: None, opts_out: true };
    let mark = |number| Mark { kind: MarkKind::Erased, key: id_of(number).key, order: order.into() };
    answered_with(batch, (batch * BATCH..(batch + 1) * BATCH).map(mark).collect())
}

fn knows(store: &Store, at: u64) -> (bool, Option<Order>) {
    let seen = store.ids().check(&id_of(at), JobId(99)).unwrap();
    (seen == Seen::Duplicate, store.marks().newest(MarkKind::Erased, id_of(at).key).unwrap())
}

/// A store with an open job of two batches, a backup of it, and two batches more after that.
fn backed_up(path: &Path) -> JobId {
    let store = Store::open(&path.join("store")).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    (0..2).for_each(|batch| assert!(listening.write(marked(batch))));
    Reader::open(store.path()).unwrap().backup(&path.join("backup")).unwrap();
    (2..4).for_each(|batch| assert!(listening.write(marked(batch))));
    let later = store.create_job(new_job("consent")).unwrap();
    assert!(Listening::on(&store, later).write(stopped(false)));
    job
}

#[test]
fn a_backup_made_while_a_job_is_written_holds_a_moment_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(&directory.path().join("store"), 200).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let reader = Reader::open(store.path()).unwrap();

    for copy in 0..4_u64 {
        std::thread::scope(|scope| {
            let name = directory.path().join(format!("backup-{copy}"));
            let reader = &reader;
            let copying = scope.spawn(move || reader.backup(&name).unwrap());
            (copy * 20..copy * 20 + 20).for_each(|batch| assert!(listening.write(marked(batch))));
            assert_eq!(copying.join().unwrap().jobs, 1);
        });
    }

    for copy in 0..4_u64 {
        let place = directory.path().join(format!("restored-{copy}"));
        let backup = directory.path().join(format!("backup-{copy}"));
        assert_eq!(restore(&place, &backup, Replace::Older).unwrap().open_jobs, [job]);
        let restored = Store::open(&place).unwrap();
        let events = events_of(&restored, job);
        let count = events.len() as u64;
        assert_eq!(events, (0..count).map(marked).collect::<Vec<_>>());
        assert!(count >= copy * 20 && count <= copy * 20 + 20, "{count}");
        assert!((0..count * BATCH).all(|at| knows(&restored, at).0 && knows(&restored, at).1.is_some()));
        assert!((count * BATCH..80 * BATCH).all(|at| knows(&restored, at) == (false, None)));
    }
}

#[test]
fn a_store_that_has_more_is_replaced_only_by_force_and_says_what_it_forgot_until_that_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let job = backed_up(directory.path());
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));

    let refused = restore(&path, &backup, Replace::Older).unwrap_err();
    let untouched = Reader::open(&path).unwrap().jobs().unwrap().len();
    let restored = restore(&path, &backup, Replace::Newer).unwrap();

    assert!(matches!(refused, StoreError::WouldForget { .. }), "{refused}");
    assert_eq!((untouched, restored.open_jobs.as_slice()), (2, [job].as_slice()));
    assert_eq!(Reader::open(&path).unwrap().restored().unwrap(), Some(restored.clone()));
    let store = Store::open(&path).unwrap();
    // The jobs of between are forgotten, and what they finished and erased is not.
    assert!(knows(&store, 0).0 && knows(&store, 2 * BATCH).0 && knows(&store, 2 * BATCH).1.is_some());
    assert_eq!(
        (restored.carried.erasures, restored.carried.ids, restored.lost),
        (2 * BATCH, 2 * BATCH, None)
    );
    assert_eq!((store.jobs().unwrap().len(), store.marks().unknown_until_ms()), (1, None));
    // The number of the job that was lost is not given again.
    assert_eq!(store.create_job(new_job("erase")).unwrap(), JobId(3));
    assert_eq!((store.acknowledge_restore().unwrap(), store.acknowledge_restore().unwrap()), (true, false));
    assert_eq!(store.restored().unwrap(), None);
    let replaced = restored.replaced.unwrap();
    assert!(
        rusqlite::Connection::open(replaced.join("journal.db"))
            .unwrap()
            .execute_batch("PRAGMA quick_check")
            .is_ok()
    );
}

#[test]
fn the_same_marks_mean_the_same_after_a_restore() {
    let directory = tempfile::tempdir().unwrap();
    backed_up(directory.path());
    let key = |path: &Path| {
        let store = Store::open(path).unwrap();
        [MarkKind::Target, MarkKind::Erased].map(|kind| store.marks().key(kind, "eu", 7))
    };
    let before = key(&directory.path().join("store"));

    let elsewhere = directory.path().join("elsewhere");
    restore(&elsewhere, &directory.path().join("backup"), Replace::Older).unwrap();

    assert_eq!(key(&elsewhere), before);
}

#[test]
fn a_store_without_the_one_it_replaces_does_not_know_who_was_erased_until_a_person_says_so() {
    let directory = tempfile::tempdir().unwrap();
    backed_up(directory.path());
    let backup = directory.path().join("backup");
    let restored_to = |name: &str| {
        let path = directory.path().join(name);
        let restored = restore(&path, &backup, Replace::Newer).unwrap();
        let store = Store::open(&path).unwrap();
        let until = store.marks().unknown_until_ms().is_some_and(|until_ms| until_ms == restored.restored_ms);
        assert_eq!(until, restored.lost.is_some());
        (restored.lost, store)
    };
    let damaged = directory.path().join("damaged");
    fs::create_dir(&damaged).unwrap();
    let whole = fs::read(directory.path().join("store").join("journal.db")).unwrap();
    fs::write(damaged.join("journal.db"), &whole[..whole.len() / 2]).unwrap();
    drop(Store::open(&directory.path().join("foreign")).unwrap());

    assert_eq!(restored_to("foreign").0, Some(Lost::Foreign));
    assert_eq!(restored_to("damaged").0, Some(Lost::Unreadable));
    let (lost, store) = restored_to("nothing");
    assert_eq!(lost, Some(Lost::NothingThere));
    assert!(store.acknowledge_restore().unwrap());
    assert_eq!(store.marks().unknown_until_ms(), None);
    drop(store);
    assert_eq!(Store::open(&directory.path().join("nothing")).unwrap().marks().unknown_until_ms(), None);
    // What was not acknowledged is not known to whoever takes over from it either.
    assert_eq!(restored_to("damaged").0, Some(Lost::Forgetful));
}

#[test]
fn holds_that_were_made_after_the_backup_are_kept_and_those_that_were_removed_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let held = |name: &str| Held {
        people: crate::plan::PersonKey::like(&crate::request::Named::parse(name).unwrap()),
        identifiers: Vec::new(),
    };
    let reason = || crate::job::Reason::parse("case 1").unwrap();
    let store = Store::open(&path).unwrap();
    store.add_hold(held("u-1"), reason(), None, "ana".to_owned(), 1).unwrap();
    store.reader().backup(&backup).unwrap();
    store.remove_holds(held("u-1"), "ana".to_owned(), 2).unwrap();
    store.add_hold(held("u-2"), reason(), Some(9), "ana".to_owned(), 3).unwrap();
    drop(store);

    let restored = restore(&path, &backup, Replace::Newer).unwrap();

    let store = Store::open(&path).unwrap();
    let holds = |name: &str| store.hold_list().of(&held(name).people, 5).is_some();
    assert_eq!((holds("u-1"), holds("u-2"), holds("u-3")), (true, true, false));
    assert_eq!((restored.carried.holds, store.all_holds().len()), (1, 2));
}

#[test]
fn a_store_in_use_is_not_replaced_and_a_file_is_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    backed_up(directory.path());
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let store = Store::open(&path).unwrap();

    let in_use = restore(&path, &backup, Replace::Newer).unwrap_err();
    let there = store.backup(&backup).unwrap_err();

    assert!(matches!(in_use, StoreError::InUse { .. }), "{in_use}");
    assert!(matches!(there, StoreError::BackupExists { .. }), "{there}");
}

#[test]
fn a_damaged_or_foreign_file_is_no_backup_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    backed_up(directory.path());
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let whole = fs::read(&backup).unwrap();
    let mut bad = vec![b"no database".to_vec(), whole[..whole.len() / 2].to_vec(), Vec::new()];
    for at in (100..whole.len()).step_by(whole.len() / 9) {
        let mut damaged = whole.clone();
        damaged[at..(at + 64).min(whole.len())].fill(0xa5);
        bad.push(damaged);
    }
    bad.push(fs::read(path.join("journal.db")).unwrap());

    let mut refused = 0;
    for bytes in &bad {
        let file = directory.path().join("bad");
        fs::write(&file, bytes).unwrap();
        // A byte in a free page is nobody's.
        if let Err(error) = restore(&path, &file, Replace::Older) {
            let expected = matches!(error, StoreError::NotABackup { .. } | StoreError::WouldForget { .. });
            assert!(expected, "{error:?}");
            refused += 1;
        }
    }

    assert_eq!(refused, bad.len());
    assert_eq!(Reader::open(&path).unwrap().jobs().unwrap().len(), 2);
}

#[test]
fn a_damaged_store_is_replaced_without_force() {
    let directory = tempfile::tempdir().unwrap();
    let job = backed_up(directory.path());
    let path = directory.path().join("store");
    let length = fs::metadata(path.join("journal.db")).unwrap().len();
    let database = fs::OpenOptions::new().write(true).open(path.join("journal.db")).unwrap();
    database.set_len(length / 2).unwrap();

    let error = Store::open(&path).unwrap_err().to_string();
    restore(&path, &directory.path().join("backup"), Replace::Older).unwrap();

    assert!(error.contains("`privaflow store restore FILE`"), "{error}");
    assert_eq!(Store::open(&path).unwrap().events(job).count(), 2);
}

#[test]
fn a_backup_that_an_earlier_release_made_is_brought_up_to_date_on_its_way_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("elsewhere"), directory.path().join("backup"));
    let earlier = rusqlite::Connection::open(&backup).unwrap();
    for migration in [
        include_str!("../migrations/001-jobs-events-segments.sql"),
        include_str!("../migrations/002-marks-and-second-tries.sql"),
        include_str!("../migrations/003-inbox.sql"),
        include_str!("../migrations/004-ledger.sql"),
        r#"INSERT INTO notes (name, value) VALUES ('backup', '{"at_ms":1}')"#,
        "INSERT INTO jobs (workflow_name, workflow_digest, workflow_text, input_path, input_digest, format, \
         started_ms, sandbox, status) VALUES ('erase', zeroblob(32), '', 'a', zeroblob(32), 'null', 1, 0, 1)",
        "PRAGMA user_version = 4",
    ] {
        earlier.execute_batch(migration).unwrap();
    }
    drop(earlier);

    let restored = restore(&path, &backup, Replace::Older).unwrap();

    assert_eq!(restored.open_jobs, [JobId(1)]);
    drop(Store::open(&path).unwrap());
    let version: i64 = rusqlite::Connection::open(&backup)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    let left = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("upgrading")));
    assert_eq!(version, 4, "the backup stays as it was");
}
