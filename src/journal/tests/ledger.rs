//! The ledger beside the events it attests: never one without the other, closed by days, signed in time.

use super::*;
use crate::journal::ledger::{Ledger, Packing, append_to, rows, verify};
use crate::journal::{marks, schema};
use crate::ledger::{Chain, Digests, Entry, Exporter, Fact, Signer, Verified, Verifier};
use crate::request::{Identity, identity};

const HOUR_MS: i64 = 3_600_000;
/// 2026-11-22, ten o'clock.
const NOW_MS: i64 = 1_795_341_600_000;

/// How many entries say a fact, in a ledger that holds together.
pub(super) fn attested(reader: &Reader, fact: &str) -> usize {
    verify(&reader.lock()).unwrap();
    let fact = format!("\"fact\":\"{fact}\"");
    let rows = reader.ledger(0, u32::MAX).unwrap();
    rows.iter().filter(|row| String::from_utf8_lossy(&row.entry).contains(&fact)).count()
}

fn approved() -> Fact {
    Fact::Approved { job: "job-1".to_owned(), by: "anna".to_owned() }
}

struct Kept {
    connection: rusqlite::Connection,
    ledger: Ledger,
    _directory: tempfile::TempDir,
}

impl Kept {
    fn new() -> Kept {
        let directory = tempfile::tempdir().unwrap();
        let connection = schema::open_or_make(&directory.path().join("journal.db")).unwrap();
        let ledger = opened(&connection, 7);
        Kept { connection, ledger, _directory: directory }
    }

    /// One fact, and a head when it is time for one.
    fn add(&mut self, at_ms: i64) {
        self.ledger.append(&self.connection, at_ms, &approved()).unwrap();
        self.ledger.sign_if_due(&self.connection, at_ms).unwrap();
    }

    fn facts(&self) -> Vec<Fact> {
        let rows = rows(&self.connection, 0, u32::MAX).unwrap();
        rows.iter().map(|row| Entry::of_bytes(&row.entry).unwrap().fact.unwrap()).collect()
    }

    fn verified(&self) -> Verified {
        let signer = Signer::new(&[7; 32]);
        let (mut exporter, begin) = Exporter::begin(Chain::default(), &[signer.public()]).unwrap();
        let mut verifier = Verifier::new(Vec::new(), None);
        verifier.line(&begin).unwrap();
        for row in rows(&self.connection, 0, u32::MAX).unwrap() {
            verifier.line(&exporter.line(&row.entry, &row.hash)).unwrap();
        }
        verifier.line(&exporter.end(NOW_MS, &signer).unwrap()).unwrap();
        verifier.finish().unwrap()
    }
}

fn opened(connection: &rusqlite::Connection, key: u8) -> Ledger {
    Ledger::open(connection, Signer::new(&[key; 32]), marks::secret(connection).unwrap()).unwrap()
}

#[test]
fn a_day_is_closed_with_the_root_of_its_entries_also_after_a_restart() {
    let mut kept = Kept::new();
    [0, 1, 2].iter().for_each(|minute| kept.add(NOW_MS + minute * 60_000));
    kept.ledger = opened(&kept.connection, 7);

    kept.add(NOW_MS + 14 * HOUR_MS);
    kept.add(NOW_MS + 15 * HOUR_MS);
    kept.ledger = opened(&kept.connection, 7);
    kept.add(NOW_MS + 70 * HOUR_MS);

    let closed = |fact| match fact {
        Fact::Day { day, first, last, .. } => Some((day, first, last)),
        _ => None,
    };
    let days: Vec<_> = kept.facts().into_iter().filter_map(closed).collect();
    assert_eq!(days.len(), 2);
    assert_eq!((days[0].0.as_str(), days[0].1), ("2026-11-22", 1));
    assert_eq!((days[1].0.as_str(), days[1].1), ("2026-11-23", days[0].2 + 1));
    assert_eq!(kept.verified().days, 2);
}

#[test]
fn a_clock_that_goes_back_closes_no_day_twice() {
    let mut kept = Kept::new();
    for hours in [0, 20, 0, 21] {
        kept.add(NOW_MS + hours * HOUR_MS);
    }

    assert_eq!(kept.verified().days, 1);
}

#[test]
fn a_head_is_signed_within_an_hour_and_a_thousand_entries() {
    let mut kept = Kept::new();
    kept.add(NOW_MS);
    let first = kept.verified().heads;
    (0..998).for_each(|_| kept.add(NOW_MS + 60_000));
    let within = kept.verified().heads;
    kept.add(NOW_MS + 60_000);
    kept.add(NOW_MS + 60_000);
    let behind = kept.verified().heads;
    kept.add(NOW_MS + 2 * HOUR_MS);

    // The first one is late at once: nothing was ever signed.
    assert_eq!((first, within, behind, kept.verified().heads), (1, 1, 2, 3));
    assert!(!kept.ledger.is_unsigned());
}

#[test]
fn another_key_is_named_before_it_signs() {
    let mut kept = Kept::new();
    kept.add(NOW_MS);
    append_to(
        &kept.connection,
        NOW_MS,
        &Fact::Restored {
            backup_at: "x".to_owned(),
            erasures: 0,
            holds: 0,
            presumed: 0,
            requests: 0,
            unknown: false,
        },
    )
    .unwrap();

    kept.ledger = opened(&kept.connection, 8);
    assert!(kept.ledger.is_unsigned());
    kept.add(NOW_MS);

    // The last to sign stands last: that is who made the export.
    let fingerprints = [8, 7].map(|key| Signer::new(&[key; 32]).public().fingerprint());
    assert_eq!(kept.verified().keys, fingerprints);
    assert_eq!(crate::journal::ledger::keys(&kept.connection).unwrap().len(), 2);
}

#[test]
fn a_row_that_was_changed_in_the_database_is_told() {
    let mut kept = Kept::new();
    (0..5).for_each(|_| kept.add(NOW_MS));
    assert!(verify(&kept.connection).is_ok());

    let changed = "CAST(replace(CAST(entry AS TEXT), 'anna', 'otto') AS BLOB)";
    kept.connection.execute(&format!("UPDATE ledger SET entry = {changed} WHERE seq = 5"), []).unwrap();

    assert!(matches!(verify(&kept.connection), Err(StoreError::Damaged { .. })));
}

#[test]
fn jobs_that_cannot_be_removed_leave_the_chain_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    assert!(Listening::on(&store, job).write(stopped(true)));
    // What cannot be removed is a key that is a folder.
    std::fs::create_dir(directory.path().join("keys").join(format!("{job}.key"))).unwrap();

    assert!(store.prune(i64::MAX).is_err());
    let next = store.create_job(new_job("erase")).unwrap();
    assert!(Listening::on(&store, next).write(stopped(true)));

    assert_eq!((attested(&store, "stopped"), attested(&store, "pruned")), (2, 1));
}

#[test]
fn what_came_in_is_attested_once_by_what_its_job_will_be_known_by() {
    let store = Store::temporary().unwrap();
    let arrival = |number: u8| Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [number; 32],
        turn: None,
        due_ms: None,
        received_ms: NOW_MS,
        record: format!(r#"{{"id":"r-{number}","subject":{{"email":"a@example.com"}}}}"#).into_bytes(),
    };

    store.accept(vec![arrival(1), arrival(2)], None).unwrap();
    store.accept(vec![arrival(2)], None).unwrap();
    store.accept((10..30).map(arrival).collect(), None).unwrap();

    let known = |id: &str| {
        let key = identity("erase", Identity::Id(id));
        store.pseudonyms().unwrap().request(&key)
    };
    let received = |row: Stored| match Entry::of_bytes(&row.entry)?.fact? {
        Fact::Received { requests, digests, .. } => Some((requests, digests)),
        _ => None,
    };
    let told: Vec<_> = store.ledger(0, u32::MAX).unwrap().into_iter().filter_map(received).collect();
    assert_eq!(told, [(2, vec![known("r-1"), known("r-2")]), (20, Vec::new())]);
}

#[test]
fn packed_entries_come_back_as_they_were_written_and_a_changed_pack_is_refused() {
    let mut kept = Kept::new();
    for number in 0..4_400 {
        kept.add(NOW_MS + number * 7);
    }
    let before = rows(&kept.connection, 0, u32::MAX).unwrap();
    let since = |kept: &Kept, at_ms| crate::journal::ledger::first_since(&kept.connection, at_ms).unwrap();
    let sinces = [0, NOW_MS + 700, NOW_MS + 30_000, i64::MAX];
    let firsts = sinces.map(|at_ms| since(&kept, at_ms));

    let mut packs = 0;
    while kept.ledger.has_work(Packing::Idle) {
        kept.ledger.work(&kept.connection).unwrap();
        packs += 1;
    }

    let sql = "SELECT count(*) FROM ledger";
    let unpacked: u64 = kept.connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap().into();
    assert_eq!((packs, unpacked), (2, before.len() as u64 - 2 * 2048));
    assert!(!kept.ledger.has_work(Packing::Busy));
    assert_eq!(rows(&kept.connection, 0, u32::MAX).unwrap(), before);
    assert_eq!(rows(&kept.connection, 2_040, 20).unwrap(), before[2_040..2_060]);
    assert_eq!(sinces.map(|at_ms| since(&kept, at_ms)), firsts);
    let at = |seq| crate::journal::ledger::chain_at(&kept.connection, seq).unwrap();
    for seq in [1, 2_048, 2_049, 4_300] {
        assert_eq!(at(seq), Some(Chain { seq, hash: before[seq as usize - 1].hash }));
    }
    assert_eq!(at(before.len() as u64 + 1), None);
    verify(&kept.connection).unwrap();
    // It goes on from there, in this process and the next.
    kept.add(NOW_MS + 40_000);
    kept.ledger = opened(&kept.connection, 7);
    kept.add(NOW_MS + 25 * HOUR_MS);
    assert_eq!(kept.verified().chain.seq, rows(&kept.connection, 0, u32::MAX).unwrap().len() as u64);
    let day = kept.facts().into_iter().find_map(|fact| match fact {
        Fact::Day { first, last, .. } => Some((first, last)),
        _ => None,
    });
    assert_eq!(day.map(|(first, _)| first), Some(1), "the day is closed over packed entries too");
    for change in [
        "UPDATE ledger_packs SET entries = substr(entries, 1, length(entries) - 1) WHERE last = 2048",
        "UPDATE ledger_packs SET hash = before WHERE last = 2048",
        "DELETE FROM ledger_packs WHERE last = 2048",
    ] {
        kept.connection.execute_batch("SAVEPOINT changed").unwrap();
        kept.connection.execute(change, []).unwrap();
        assert!(verify(&kept.connection).is_err(), "{change}");
        kept.connection.execute_batch("ROLLBACK TO changed").unwrap();
    }
}
