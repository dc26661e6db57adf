//! The segments against a plain map, through flushes, merges, slices and crashes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::journal::schema;

/// The greater value stays, whichever is newer: the order of merging cannot hide a mistake.
const GREATEST: Family = Family { number: 9, keep: |older, newer| older.max(newer) };
const RECENT: usize = 300;

struct Bench {
    _directory: TempDir,
    path: PathBuf,
    connection: Connection,
    keepers: Keepers,
    sorted: Arc<Sorted>,
    added: i64,
}

impl Bench {
    fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let connection = schema::open_or_make(&path).unwrap();
        let (keepers, sorted) = open(&connection, &path);
        Bench { _directory: directory, path, connection, keepers, sorted, added: 0 }
    }

    /// Drops everything that is not in the database.
    fn crash(&mut self) -> i64 {
        (self.keepers, self.sorted) = open(&self.connection, &self.path);
        self.keepers.watermark(GREATEST)
    }

    fn add(&mut self, key: Key, value: u8) {
        self.keepers.insert(GREATEST, [(key, [value; 16])].into_iter());
        self.added += 1;
    }

    fn work(&mut self, records: usize) {
        let transaction = self.connection.transaction().unwrap();
        self.keepers.work(&transaction, self.added, records).unwrap();
        transaction.commit().unwrap();
        self.keepers.committed();
    }

    fn work_it_off(&mut self) {
        while self.keepers.has_work(self.added) {
            self.work(1000);
        }
    }

    fn get(&self, key: Key) -> Option<u8> {
        let mut found: Option<u8> = None;
        let nothing = self.sorted.find(key, |value| {
            found = found.max(Some(value[0]));
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(nothing.unwrap(), None);
        found
    }

    fn count(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn open(connection: &Connection, path: &std::path::Path) -> (Keepers, Arc<Sorted>) {
    let sorted = Arc::new(Sorted::new(Arc::new(Mutex::new(schema::open_reader(path).unwrap()))));
    let keepers = Keepers::open(connection, &[(GREATEST, &sorted)], RECENT).unwrap();
    (keepers, sorted)
}

/// Keys that spread as digests do, each twice in the first 30,000 calls.
fn key(number: u64) -> Key {
    let half = (number % 15_000 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Key::from(half) << 64 | Key::from(half.rotate_left(17))
}

#[test]
fn the_segments_answer_as_a_map_does_while_they_are_merged_in_slices() {
    let (mut bench, mut map) = (Bench::new(), BTreeMap::new());

    for number in 0..30_000_u64 {
        let value = (number * 7 % 251) as u8;
        let known = map.entry(key(number)).or_insert(value);
        *known = value.max(*known);
        bench.add(key(number), value);
        if number % 60 == 0 {
            bench.work(97);
            let earlier = key(number / 2);
            assert_eq!(bench.get(earlier), map.get(&earlier).copied());
        }
    }
    bench.work_it_off();

    assert!(map.iter().all(|(key, value)| bench.get(*key) == Some(*value)));
    assert!((15_000..20_000).all(|number| bench.get(key(number) + 1).is_none()));
    assert!(bench.count("SELECT count(*) FROM segments") < 24);
    assert!(bench.count("SELECT max(tier) FROM segments") >= 2);
}

#[test]
fn a_crash_at_any_slice_loses_nothing_and_leaves_nothing_behind() {
    let mut bench = Bench::new();

    for number in 0..6000_u64 {
        bench.add(key(number), 1);
        if number % 10 == 0 {
            bench.work(211);
        }
        if number % 370 == 0 {
            let covered = bench.crash();
            // What no segment covers comes again from the events.
            let again = (covered..bench.added).map(|number| (key(number as u64), [1; 16]));
            bench.keepers.insert(GREATEST, again);
        }
    }
    bench.work_it_off();

    assert!(bench.crash() > 5000);
    assert!((0..5000).all(|number| bench.get(key(number)) == Some(1)));
    let rows = "SELECT count(*) FROM blocks WHERE id >> 32 NOT IN (SELECT id FROM segments)";
    assert_eq!(bench.count(rows), 0);
    assert!(bench.count("SELECT max(tier) FROM segments") >= 1);
}

#[test]
fn a_missing_block_is_damage_and_not_an_absent_key() {
    let mut bench = Bench::new();
    (0..400).for_each(|number| bench.add(key(number), 1));
    bench.work(1);

    bench.connection.execute("DELETE FROM blocks", []).unwrap();
    let error = bench.sorted.find(key(3), |_| ControlFlow::<()>::Continue(())).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the store is damaged: a block of its index is missing; restore it from a backup (`privaflow store restore FILE`)"
    );
}

#[test]
fn blocks_that_an_earlier_release_wrote_answer_as_before_and_are_merged_with_packed_ones() {
    let mut bench = Bench::new();
    (0..2_000).for_each(|number| bench.add(key(number), (number % 200) as u8));
    bench.work_it_off();
    let rows: Vec<i64> = {
        let mut statement = bench.connection.prepare("SELECT id FROM blocks ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };

    // Side by side with a sum, and as the first format had them, without one.
    for row in rows {
        let plain = |block: &block::Block<'_>| -> Vec<u8> {
            let one = |(key, value): (Key, Value)| [key.to_be_bytes(), value].concat();
            block.records().flat_map(one).collect()
        };
        let mut bytes = block::read(&bench.connection, row, plain).unwrap().unwrap();
        if row % 3 != 0 {
            let sum = crate::journal::checksum::checksum(row.cast_unsigned(), &bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        bench.connection.execute("UPDATE blocks SET records = ?2 WHERE id = ?1", (row, bytes)).unwrap();
    }
    let as_they_were = (0..2_000).all(|number| bench.get(key(number)) == Some((number % 200) as u8));
    verify(&bench.connection).unwrap();
    (2_000..6_000).for_each(|number| bench.add(key(number), (number % 200) as u8));
    bench.work_it_off();

    assert!(as_they_were);
    assert!((0..6_000).all(|number| bench.get(key(number)) == Some((number % 200) as u8)));
    assert!((10_000..11_000).all(|number| bench.get(key(number)).is_none()));
    verify(&bench.connection).unwrap();
}
