//! A database or log that was cut or overwritten: an earlier state, or a refusal that names the way out.
//!
//! Nothing of what a damaged store does say may be wrong: it opens with less, or fails; it never leaves
//! out a commit that was moved into the database, and never panics.

use std::fs;
use std::path::Path;

use super::*;
use crate::job::MarkKind;
use crate::request::{Order, OrderParts};

const SEGMENT: usize = 200;
const BATCHES: u64 = 24;
const NAMES: [&str; 2] = ["journal.db", "journal.db-wal"];

fn order() -> Order {
    OrderParts { nanoseconds: 7, digits: 9, place: None, opts_out: true }.into()
}

fn marked(batch: u64) -> Event {
    let mark = |number| Mark { kind: MarkKind::Target, key: id_of(number).key, order: order() };
    answered_with(batch, (batch * BATCH..(batch + 1) * BATCH).map(mark).collect())
}

fn written() -> Vec<Event> {
    (0..BATCHES).flat_map(|batch| [intended(batch), marked(batch)]).collect()
}

/// A store after a job, as a kill leaves it, or closed; the bytes of its database and its log.
fn bytes_after_a_job(closed: bool) -> ([Vec<u8>; 2], JobId) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), SEGMENT).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    for (count, event) in (1..).zip(written()) {
        assert!(listening.write(event));
        if count == BATCHES {
            // Half of it stands in the database, the other half in the log.
            let checkpoint = |c: &mut rusqlite::Connection| {
                c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
                Ok(())
            };
            store.task(checkpoint).unwrap();
        }
    }
    let path = directory.path().to_owned();
    let read = move || NAMES.map(|name| fs::read(path.join(name)).unwrap_or_default());
    if closed {
        drop(store);
        return (read(), job);
    }
    (store.task(move |_| Ok(read())).unwrap(), job)
}

/// What became of a store with these files.
#[derive(Debug, PartialEq)]
enum Found {
    /// It said so, with the way out.
    Refused,
    /// It has so many events, and exactly their ids and marks.
    Has(usize),
}

fn opened(files: [&[u8]; 2], job: JobId) -> Found {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in NAMES.iter().zip(files).filter(|(_, bytes)| !bytes.is_empty()) {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    look(directory.path(), job).unwrap_or_else(|error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text.push_str(&format!(": {error}"));
            source = error.source();
        }
        let names_the_way_out =
            text.contains("privaflow store restore FILE") || text.contains("cannot be read");
        assert!(names_the_way_out, "{text} ({error:?})");
        Found::Refused
    })
}

fn look(path: &Path, job: JobId) -> Result<Found, StoreError> {
    let store = Store::with_small_segments(path, SEGMENT)?;
    match store.job(job) {
        // A log that is cut before the first commit leaves an empty store.
        Err(StoreError::NoSuchJob(_)) => return Ok(Found::Has(0)),
        other => drop(other?),
    }
    let events =
        store.events(job).map(|recorded| Ok(recorded?.event)).collect::<Result<Vec<_>, StoreError>>()?;
    assert!(written().starts_with(&events), "events are missing in the middle");
    let answered = events.len() as u64 / 2 * BATCH;
    for at in 0..BATCHES * BATCH {
        let seen = store.ids().check(&id_of(at), job)? == Seen::Duplicate;
        let marked = store.marks().newest(MarkKind::Target, id_of(at).key)?.is_some();
        assert_eq!((seen, marked), (at < answered, at < answered), "record {at} of {answered}");
    }
    Ok(Found::Has(events.len()))
}

#[test]
fn a_log_cut_or_overwritten_anywhere_leaves_an_earlier_state() {
    let ([database, log], job) = bytes_after_a_job(false);

    for cut in 0..24 {
        let at = log.len() * cut / 24 + cut * 37 % 512;
        let cut = opened([&database, &log[..at.min(log.len())]], job);
        let mut damaged = log.clone();
        let end = (at + 700).min(log.len());
        damaged[at.min(end)..end].fill(0x5a);
        let overwritten = opened([&database, &damaged], job);

        for found in [cut, overwritten] {
            // What was moved into the database is there, whatever became of the log.
            assert!(matches!(found, Found::Has(events) if events >= BATCHES as usize), "{at}: {found:?}");
        }
    }
}

#[test]
fn a_database_cut_anywhere_is_refused() {
    for closed in [true, false] {
        let ([database, log], job) = bytes_after_a_job(closed);
        for cut in 0..16 {
            let at = (database.len() * cut / 16 + cut * 131 % 4096).min(database.len() - 1);

            let found = opened([&database[..at], &log], job);

            // All of it can be in the log, if the log was begun with it.
            let is_right = found == Found::Refused || found == Found::Has(written().len());
            assert!(is_right || at == 0, "cut at {at} of {}: {found:?}", database.len());
        }
    }
}

/// Which page of a database, from 0, SQLite's index of events by job begins with.
fn page_of_the_index_of_events(database: &[u8]) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    fs::write(&path, database).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'events_by_job'";
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize - 1
}

#[test]
fn a_database_overwritten_anywhere_is_whole_or_refused() {
    let ([database, log], job) = bytes_after_a_job(true);
    let unsummed = page_of_the_index_of_events(&database);
    let mut refused = 0;
    for place in 0..72_usize {
        let at = database.len() * place / 72 + place * 1009 % 8192;
        let length = [1, 8, 64, 512, 4096, 8192][place % 6];
        let mut damaged = database.clone();
        let end = (at + length).min(damaged.len());
        let start = at.min(end);
        if start / 8192 == unsummed {
            // SQLite's own index has no sums: bytes that are changed in one of its entries hide an event.
            continue;
        }
        match place % 3 {
            0 => damaged[start..end].fill(0),
            1 => damaged[start..end].iter_mut().for_each(|byte| *byte ^= 0x11),
            _ => damaged[start..end].fill(0xff),
        }

        let found = opened([&damaged, &log], job);

        assert!(matches!(found, Found::Refused | Found::Has(48)), "{length} bytes at {at}: {found:?}");
        refused += usize::from(found == Found::Refused);
    }
    assert!(refused > 24, "{refused}");
}
