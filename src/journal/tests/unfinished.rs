//! What was not over in a store that is replaced by a backup of it: nothing is lost in silence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::job::{Attempted, Fail, MarkKind};
use crate::journal::seal::Seal;

const MOST: Most = Most { records: 100, bytes: 1 << 20 };

/// A folder with a store and a backup.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn open(&self) -> Store {
        Store::open(&self.store()).unwrap()
    }

    fn back_up(&self) {
        Reader::open(&self.store()).unwrap().backup(&self.0.path().join("backup")).unwrap();
    }

    fn restore(&self) -> Restored {
        restore(&self.store(), &self.0.path().join("backup"), Replace::Newer).unwrap()
    }
}

fn key(number: u64) -> [u8; 32] {
    Sha256::digest(number.to_le_bytes()).into()
}

fn arrival(number: u64) -> Arrival {
    Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: key(number),
        turn: None,
        due_ms: None,
        received_ms: 1_800_000_000_000 + number.cast_signed(),
        record: format!(r#"{{"id":"{number}"}}"#).into_bytes(),
    }
}

fn accept(store: &Store, numbers: impl IntoIterator<Item = u64>) {
    store.accept(numbers.into_iter().map(arrival).collect(), None).unwrap();
}

/// A job of what waits.
fn begin(store: &Store) -> JobId {
    let window = store.take_window("erase", MOST, 0).unwrap().unwrap();
    let job = NewJob { window: Some(window.id), input_path: window.id.to_string(), ..new_job("erase") };
    store.create_job(job).unwrap()
}

fn end(position: u64, verdict: Verdict) -> Event {
    Event::Ended { ended: vec![ended(position, verdict)] }
}

fn came(requests: u64, first: u64) -> Vec<Came> {
    let since_ms = 1_800_000_000_000 + first.cast_signed();
    vec![Came { workflow: "erase".to_owned(), requests, since_ms }]
}

/// What waits, and opens.
fn waiting(store: &Store) -> Vec<String> {
    let Some(window) = store.take_window("erase", MOST, 0).unwrap() else { return Vec::new() };
    let text = store.window_text(window.id).unwrap();
    std::str::from_utf8(&text).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn whose_deletion_was_in_the_air_counts_as_erased() {
    let place = Place::new();
    let store = place.open();
    place.back_up();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let people = vec![(0, [1; 16]), (1, [2; 16])];
    assert!(listening.write(Event::Attempted(Attempted { batch: 0, tag: 9, people })));
    assert!(listening.write(intended(0)));
    drop((listening, store));

    let restored = place.restore();

    let store = place.open();
    let erased = |key| store.marks().newest(MarkKind::Erased, key).unwrap().is_some();
    assert_eq!([[1; 16], [2; 16], [3; 16]].map(erased), [true, true, false]);
    assert_eq!((restored.carried.presumed, restored.carried.erasures), (2, 0));
    let jobs = restored.unfinished.jobs;
    let job = jobs.first().map(|job| (job.job, job.input.as_str(), job.open, job.over, job.failed));
    assert_eq!((jobs.len(), job), (1, Some((JobId(1), "requests.ndjson", None, 0, 0))));
}

#[test]
fn what_waited_in_the_backup_and_was_given_up_since_does_not_wait_again() {
    let place = Place::new();
    let store = place.open();
    accept(&store, [1, 2]);
    place.back_up();
    let cancelled = begin(&store);
    assert!(Listening::on(&store, cancelled).write(Event::Cancelled { at_ms: 1, by: "ana".to_owned() }));
    accept(&store, [3]);
    drop(store);

    let restored = place.restore();

    assert_eq!((restored.unfinished.given_up, restored.unfinished.queued), (2, came(1, 3)));
    assert_eq!(waiting(&place.open()), [r#"{"id":"3"}"#]);
}

#[test]
fn what_was_not_taken_over_is_told_until_it_was_read_although_a_backup_is_put_back_once_more() {
    let place = Place::new();
    let store = place.open();
    place.back_up();
    store.create_job(new_job("erase")).unwrap();
    drop(store);

    let first = place.restore().unfinished.jobs;
    let again = place.restore().unfinished.jobs;
    place.open().acknowledge_restore().unwrap();

    assert_eq!((first.len(), again), (1, first));
    assert_eq!(place.restore().unfinished.jobs, []);
}

#[test]
fn whoever_approved_a_workflow_since_need_not_do_so_again() {
    let place = Place::new();
    let store = place.open();
    place.back_up();
    let approval =
        |name: &str| Approval { workflow: name.to_owned(), digest: [3; 32], by: "ana".to_owned(), at_ms: 1 };
    store.approve_at_first_start(vec![approval("erase")], 1).unwrap();
    drop(store);

    place.restore();

    let store = place.open();
    assert_eq!(store.approval("erase", &[3; 32]).unwrap(), Some(approval("erase")));
    assert!(!store.approve_at_first_start(vec![approval("other")], 2).unwrap(), "it was served before");
}

#[test]
fn what_came_in_after_the_backup_and_is_not_over_waits_again() {
    let place = Place::new();
    let store = place.open();
    accept(&store, [1]);
    place.back_up();
    accept(&store, [2, 3, 4, 5]);
    // Of the job one request is done, one failed and two were not begun.
    let mut listening = Listening::on(&store, begin(&store));
    assert!(listening.write(end(1, Verdict::Done)));
    assert!(listening.write(end(2, Verdict::Failed(Fail::Refused))));
    accept(&store, [6]);
    let cancelled = begin(&store);
    assert!(Listening::on(&store, cancelled).write(Event::Cancelled { at_ms: 1, by: "ana".to_owned() }));
    accept(&store, [7, 8]);
    assert!(store.take_window("erase", Most { records: 1, ..MOST }, 0).unwrap().is_some());
    drop((listening, store));

    let restored = place.restore();

    let store = place.open();
    let taken = store.accept((1..=8).map(arrival).collect(), None).unwrap();
    assert_eq!(taken, [Accepted::Repeated; 8]);
    let record = |number: u64| format!(r#"{{"id":"{number}"}}"#);
    assert_eq!(waiting(&store), [1, 3, 4, 5, 7, 8].map(record));
    assert_eq!(restored.unfinished.queued, came(5, 3));
    let Unfinished { lost, given_up, jobs, cancelled, is_partial, .. } = restored.unfinished;
    assert_eq!((lost, given_up, jobs, cancelled, is_partial), (vec![], 1, vec![], vec![], false));
    assert!(store.restored().unwrap().is_some_and(|known| known.unfinished.queued == came(5, 3)));
}

#[test]
fn a_store_in_which_only_requests_wait_that_the_backup_has_not_is_replaced_by_force_alone() {
    let place = Place::new();
    let store = place.open();
    accept(&store, [1]);
    place.back_up();
    let backup = place.0.path().join("backup");
    drop(store);
    restore(&place.store(), &backup, Replace::Older).unwrap();
    let store = place.open();
    accept(&store, [2]);
    drop(store);

    let refused = restore(&place.store(), &backup, Replace::Older).unwrap_err();

    assert!(matches!(refused, StoreError::WouldForget { .. }), "{refused}");
    assert_eq!(place.restore().unfinished.queued, came(1, 2));
}

#[test]
fn cursors_of_feeds_are_not_ahead_of_the_backup_and_what_was_told_once_is_kept() {
    let place = Place::new();
    let store = place.open();
    let moved = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        store.accept(Vec::new(), Some(Cursor { name, value })).unwrap();
    };
    [("feed", "monday"), ("look:a:1", "passed")].iter().for_each(|(name, value)| moved(name, value));
    place.back_up();
    let later = [("feed", "tuesday"), ("look:a:1", "waiting"), ("look:a:2", "waiting"), ("new", "tuesday")];
    later.iter().for_each(|(name, value)| moved(name, value));
    moved("told:inbox:1", "1");
    drop(store);

    place.restore();

    let store = place.open();
    let cursors: BTreeMap<String, String> =
        store.cursors("").unwrap().into_iter().map(|cursor| (cursor.name, cursor.value)).collect();
    let kept = [("feed", "monday"), ("look:a:1", "waiting"), ("look:a:2", "waiting"), ("new", "tuesday")];
    assert_eq!(cursors, kept.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn jobs_that_are_not_gone_on_with_are_named_with_what_is_left_of_them() {
    let place = Place::new();
    let store = place.open();
    let known = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, known);
    assert!(listening.write(end(0, Verdict::Done)));
    place.back_up();
    assert!(listening.write(Event::Cancelled { at_ms: 1, by: "ana".to_owned() }));
    let half = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, half);
    assert!(listening.write(end(0, Verdict::Done)));
    assert!(listening.write(stopped(false)));
    let failed = store.create_job(new_job("consent")).unwrap();
    let mut listening = Listening::on(&store, failed);
    assert!(listening.write(end(0, Verdict::Failed(Fail::Refused))));
    assert!(listening.write(stopped(true)));
    let done = store.create_job(new_job("consent")).unwrap();
    assert!(Listening::on(&store, done).write(stopped(true)));
    drop((listening, store));

    let restored = place.restore();

    let left = |job: &LeftJob| (job.job, job.workflow.clone(), job.open, job.failed);
    let named: Vec<_> = restored.unfinished.jobs.iter().map(left).collect();
    let (erase, consent) = ("erase".to_owned(), "consent".to_owned());
    assert_eq!(named, [(half, erase, Some(BATCH - 1), 0), (failed, consent, Some(0), 1)]);
    assert_eq!((restored.unfinished.cancelled, restored.open_jobs), (vec![known], vec![known]));
}

#[test]
fn what_cannot_be_opened_or_belongs_to_another_store_is_told() {
    let (without_keys, foreign) = (Place::new(), Place::new());
    for place in [&without_keys, &foreign] {
        let store = place.open();
        place.back_up();
        accept(&store, [1, 2]);
    }
    fs::remove_file(without_keys.store().join("keys/keys.db")).unwrap();
    fs::copy(without_keys.0.path().join("backup"), foreign.0.path().join("backup")).unwrap();

    let told = [&without_keys, &foreign].map(Place::restore);

    assert_eq!(told.each_ref().map(|told| told.unfinished.lost.clone()), [came(2, 1), came(2, 1)]);
    assert_eq!(told.map(|told| told.lost), [None, Some(Lost::Foreign)]);
    assert!([without_keys, foreign].iter().all(|place| waiting(&place.open()).is_empty()));
}

#[test]
fn of_a_store_that_is_gone_or_damaged_nobody_says_that_nothing_came_in() {
    let (gone, damaged) = (Place::new(), Place::new());
    for place in [&gone, &damaged] {
        let store = place.open();
        place.back_up();
        accept(&store, [1]);
    }
    fs::remove_file(gone.store().join("journal.db")).unwrap();
    let whole = fs::read(damaged.store().join("journal.db")).unwrap();
    fs::write(damaged.store().join("journal.db"), &whole[..whole.len() / 2]).unwrap();

    let told = [&gone, &damaged].map(|place| place.restore().unfinished.is_partial);

    assert_eq!(told, [true, true]);
}

#[test]
fn whom_the_guard_counted_since_the_backup_it_counts_after_it_was_put_back() {
    let place = Place::new();
    let store = place.open();
    let mut listening = Listening::on(&store, store.create_job(new_job("erase")).unwrap());
    let note = |at_ms, people| Some(Irreversible { workspace: "eu".to_owned(), at_ms, people });
    let first = listening.writer.append_with(intended(0), note(1000, 50), None);
    assert!(listening.wait_for(first));
    place.back_up();
    listening.writer.append_with(intended(1), note(1000, 25), None);
    let last = listening.writer.append_with(intended(2), note(2000, 1), None);
    assert!(listening.wait_for(last));
    drop((listening, store));

    place.restore();

    assert_eq!(place.open().irreversible("eu", 0).unwrap(), 76);
}

/// A database of the fourth format, with the secret of its marks and a note of when it was copied.
fn of_the_fourth_format(path: &Path) {
    let earlier = rusqlite::Connection::open(path).unwrap();
    for text in [
        include_str!("../migrations/001-jobs-events-segments.sql"),
        include_str!("../migrations/002-marks-and-second-tries.sql"),
        include_str!("../migrations/003-inbox.sql"),
        include_str!("../migrations/004-ledger.sql"),
        "INSERT INTO secrets (name, value) VALUES ('marks', zeroblob(20))",
        r#"INSERT INTO notes (name, value) VALUES ('backup', '{"at_ms":1}')"#,
        "PRAGMA user_version = 4",
    ] {
        earlier.execute_batch(text).unwrap();
    }
}

#[test]
fn what_waits_in_a_store_of_an_earlier_format_waits_again_in_a_backup_of_one() {
    for is_up_to_date in [false, true] {
        let place = Place::new();
        fs::create_dir_all(place.store().join("keys")).unwrap();
        of_the_fourth_format(&place.0.path().join("backup"));
        of_the_fourth_format(&place.store().join("journal.db"));
        let record = Seal::new(&[8; 32]).close(&[key(1).as_slice(), b"erase"].concat(), b"{\"id\":\"1\"}");
        let earlier = rusqlite::Connection::open(place.store().join("journal.db")).unwrap();
        let sql = "INSERT INTO inbox (workflow, origin, key, due_ms, received_ms, bytes, record) \
                   VALUES ('erase', 'hook:requests', ?1, 1, 1800000000001, 40, ?2)";
        earlier.execute(sql, rusqlite::params![key(1), record.unwrap()]).unwrap();
        drop(earlier);
        fs::write(place.store().join("keys/inbox.key"), [8; 32]).unwrap();
        if is_up_to_date {
            drop(place.open());
        }

        let restored = place.restore();

        assert_eq!((restored.lost, restored.unfinished.queued), (None, came(1, 1)), "{is_up_to_date}");
        assert_eq!(waiting(&place.open()), [r#"{"id":"1"}"#]);
    }
}
