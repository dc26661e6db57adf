//! What a kill during the first start leaves, and what is left of a store whose database is gone.

use std::fs;
use std::path::Path;

use super::*;
use crate::journal::made::was_made;

/// Files of a store, each with what stands in it.
fn left(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    directory
}

#[test]
fn keys_lists_of_failures_or_a_log_without_its_database_say_that_there_was_one() {
    let lost: [&[(&str, &[u8])]; 7] = [
        &[("keys/ledger.key", &[7; 32])],
        &[("keys/keys.db", b"x")],
        &[("keys/inbox.key", &[7; 32])],
        &[("keys/job-7.key", &[7; 32])],
        &[("failures/job-7.ndjson", b"")],
        &[("journal.db-wal", b"x")],
        &[("journal.db", b""), ("journal.db-wal", b"x")],
    ];
    for files in lost {
        let directory = left(files);

        let refused = Store::open(directory.path()).unwrap_err();
        let unread = Reader::open(directory.path()).unwrap_err();

        assert!(matches!(refused, StoreError::Lost { .. }), "{files:?}: {refused}");
        assert!(matches!(unread, StoreError::Lost { .. }), "{files:?}: {unread}");
        for (name, contents) in files {
            assert_eq!(fs::read(directory.path().join(name)).unwrap(), *contents, "it is left as it was");
        }
    }
}

#[test]
fn what_a_kill_or_a_person_leaves_before_the_first_start_is_over_is_no_store_yet() {
    let half = left(&[]);
    let half = half.path().join("half");
    rusqlite::Connection::open(&half).unwrap().pragma_update(None, "application_id", 1).unwrap();
    let page = fs::read(&half).unwrap();
    let new: [&[(&str, &[u8])]; 6] = [
        &[("lock", b"17\n")],
        &[("journal.db", b"")],
        &[("journal.db", &page), ("journal.db-wal", b"x")],
        &[("keys/ledger.key.next", &[7; 16])],
        &[("keys/master.key", b"0123456789abcdef0123456789abcdef")],
        &[("pauses.json", b"{}"), ("certificates/.keep", b"")],
    ];
    for files in new {
        let directory = left(files);

        let opened = Store::open(directory.path());

        assert!(opened.is_ok(), "{files:?}: {opened:?}");
        drop(opened);
        assert!(was_made(directory.path()).unwrap());
    }
}

#[test]
fn nothing_says_that_there_was_a_store_before_its_database_can_stand_without_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let copy = left(&[("keys/ledger.key", &[7; 32])]);
    let database = |path: &Path| path.join("journal.db");

    fs::copy(database(directory.path()), database(copy.path())).unwrap();
    drop(store);

    assert!(Store::open(copy.path()).is_ok());
}
