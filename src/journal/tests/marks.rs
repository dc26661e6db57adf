//! What the index of marks answers, and when.

use super::*;
use crate::job::MarkKind::{self, Erased, Target};
use crate::request::{Order, OrderParts};

fn order(second: i64) -> Order {
    let nanoseconds = second * 1_000_000_000;
    Order::from(OrderParts { nanoseconds, digits: 0, place: None, opts_out: false })
}

fn mark(kind: MarkKind, number: u64, order: Order) -> Mark {
    Mark { kind, key: id_of(number).key, order }
}

fn newest(store: &Store, kind: MarkKind, number: u64) -> Option<Order> {
    store.marks().newest(kind, id_of(number).key).unwrap()
}

#[test]
fn a_key_is_of_one_kind_one_workspace_and_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let key = |store: &Store, kind, workspace| store.marks().key(kind, workspace, 7);

    let keys = [key(&store, Target, "eu"), key(&store, Erased, "eu"), key(&store, Target, "us")];
    let elsewhere = key(&Store::temporary().unwrap(), Target, "eu");
    let space = store.marks().space("eu");
    drop(store);
    let again = key(&Store::open(directory.path()).unwrap(), Target, "eu");

    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2] && keys[0] != elsewhere);
    assert_eq!([space.key(Target, 7), again], [keys[0]; 2]);
    assert_ne!(space.key(Target, 8), keys[0]);
    assert!(!format!("{space:?}").contains(['[', '0']));
}

#[test]
fn of_two_marks_of_a_target_the_one_that_does_not_yield_stays_whichever_came_first() {
    let store = Store::temporary().unwrap();
    let mut listening = Listening::on(&store, store.create_job(new_job("consent")).unwrap());
    let (old, new, out) = (order(100), order(101), order(101).opting(true));

    let marks = vec![
        mark(Target, 1, old),
        mark(Target, 1, new),
        mark(Target, 2, new),
        mark(Target, 2, old),
        mark(Target, 3, out),
        mark(Target, 3, new),
        mark(Target, 4, new),
        mark(Target, 4, out),
    ];
    assert!(listening.write(answered_with(0, marks)));

    let held = [1, 2, 3, 4, 5].map(|number| newest(&store, Target, number));
    assert_eq!(held, [Some(new), Some(new), Some(out), Some(out), None]);
}

#[test]
fn the_later_of_two_erasures_stays_and_an_erasure_is_no_target() {
    let store = Store::temporary().unwrap();
    let mut listening = Listening::on(&store, store.create_job(new_job("erase")).unwrap());

    let marks = vec![mark(Erased, 1, order(101)), mark(Erased, 1, order(100)), mark(Target, 2, order(7))];
    assert!(listening.write(answered_with(0, marks)));

    assert_eq!(newest(&store, Erased, 1), Some(order(101)));
    assert_eq!([newest(&store, Target, 1), newest(&store, Erased, 2)], [None; 2]);
}

#[test]
fn a_mark_is_known_as_soon_as_its_answer_is_heard_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_segments(directory.path(), 500).unwrap();
    let mut listening = Listening::on(&store, store.create_job(new_job("consent")).unwrap());
    let marks = |batch: u64| {
        (batch * BATCH..(batch + 1) * BATCH)
            .map(|number| mark(Target, number, order(number as i64)))
            .collect()
    };
    let mut known = 0;

    for batch in 0..200 {
        listening.writer.append(answered_with(batch, marks(batch)));
    }
    while known < 200 {
        assert!(listening.wait_for(known + 1));
        let numbers = known * BATCH..listening.heard * BATCH;
        assert!(numbers.clone().all(|n| newest(&store, Target, n) == Some(order(n as i64))));
        known = listening.heard;
    }
}

#[test]
fn marks_and_ids_keep_their_meaning_across_segments_merges_and_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::with_small_segments(directory.path(), 200).unwrap();
    let store = open();
    let job = store.create_job(new_job("consent")).unwrap();
    // Every person twice, the newer state first for every second of them; few are erased.
    let marks = |batch: u64, second: u64| -> Vec<Mark> {
        let people = batch * BATCH..(batch + 1) * BATCH;
        let of = |n: u64| mark(Target, n, order(((n + second) % 2) as i64));
        people
            .flat_map(|n| [of(n)].into_iter().chain((n % 50 == 0).then(|| mark(Erased, n, order(5)))))
            .collect()
    };

    let mut listening = Listening::on(&store, job);
    for second in 0..2 {
        (0..60).for_each(|batch| assert!(listening.write(answered_with(batch, marks(batch, second)))));
    }
    drop(store);
    let store = open();

    for n in 0..60 * BATCH {
        assert_eq!(newest(&store, Target, n), Some(order(1)), "{n}");
        assert_eq!(newest(&store, Erased, n), (n % 50 == 0).then(|| order(5)), "{n}");
        assert_eq!(store.ids().check(&id_of(n), job).unwrap(), Seen::Duplicate);
        assert_eq!(newest(&store, Target, n + 100_000), None);
    }
}

#[test]
fn a_family_with_few_records_does_not_make_every_start_read_all_events() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("consent")).unwrap();
    let mut listening = Listening::on(&store, job);
    listening.writer.append(answered_with(0, vec![mark(Erased, 1, order(5))]));

    for batch in 1..6000 {
        let answer = Event::Ended { ended: vec![ended(batch, Verdict::Done)] };
        listening.writer.append(answer);
    }
    assert!(listening.wait_for(6000));
    store.task(|_| Ok(())).unwrap();
    drop(store);

    let store = Store::open(directory.path()).unwrap();
    let sql = "SELECT min(event) FROM watermarks WHERE family IN (1, 2, 3) HAVING count(*) = 3";
    let covered: i64 =
        store.task(move |connection| Ok(connection.query_row(sql, [], |row| row.get(0)).unwrap())).unwrap();
    assert!(covered > 1, "{covered}");
    assert_eq!(newest(&store, Erased, 1), Some(order(5)));
}

#[test]
fn a_store_of_the_first_format_is_brought_up_to_date_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("consent")).unwrap();
    assert!(Listening::on(&store, job).write(answered(0)));
    drop(store);
    let database = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    let later: Vec<String> = {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN \
                   ('jobs', 'events', 'segments', 'blocks', 'watermarks', 'irreversible')";
        let mut statement = database.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    // One may refer to another.
    database.pragma_update(None, "foreign_keys", false).unwrap();
    later.iter().for_each(|name| database.execute_batch(&format!("DROP TABLE {name}")).unwrap());
    let first = "DROP INDEX reopenings; DROP INDEX jobs_to_compact; \
                 ALTER TABLE jobs DROP COLUMN keeps_key; ALTER TABLE jobs DROP COLUMN compacted_to; \
                 ALTER TABLE jobs DROP COLUMN compacted; ALTER TABLE events DROP COLUMN sum; \
                 ALTER TABLE segments DROP COLUMN sum; PRAGMA user_version = 1";
    database.execute_batch(first).unwrap();
    drop(database);

    let refused = Reader::open(directory.path()).unwrap_err().to_string();
    let store = Store::open(directory.path()).unwrap();

    assert!(
        refused.contains("`privaflow store prune`, or what else writes to it, brings it up to date"),
        "{refused}"
    );
    assert_eq!(events_of(&store, job), [answered(0)]);
    assert_eq!(store.ids().check(&id_of(3), job).unwrap(), Seen::Duplicate);
    assert_eq!(newest(&store, Target, 3), None);
}

#[test]
fn a_new_gate_keeps_twelve_bytes_of_a_key_and_one_that_was_there_goes_on_with_all() {
    let directory = tempfile::tempdir().unwrap();
    let key = || Store::open(directory.path()).unwrap().marks().key(Erased, "w", 7);
    let short = key();
    let database = rusqlite::Connection::open(directory.path().join("journal.db")).unwrap();
    let before = "DELETE FROM notes WHERE name = 'gate_keys'; PRAGMA user_version = 10";
    database.execute_batch(before).unwrap();
    drop(database);

    let whole = key();

    assert_eq!(short[8..12], [0; 4]);
    assert_ne!(whole[8..12], [0; 4]);
    assert_eq!((&short[..8], &short[12..]), (&whole[..8], &whole[12..]));
    assert_eq!(whole, key());
}

#[test]
fn whoever_was_erased_before_a_backup_stays_erased_when_a_store_that_was_pruned_since_is_replaced_by_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let store = Store::open(&path).unwrap();
    let watching = NewJob { format: serde_json::json!({ WATCH: [1000] }), ..new_job("erase") };
    let job = store.create_job(watching).unwrap();
    let Event::Answered(answered) = answered(0) else { panic!("it is an answer") };
    let marks = vec![mark(Erased, 1, order(5)), mark(Target, 2, order(6))];
    let mut writer = Listening::on(&store, job);
    assert!(writer.write(Event::Answered(Answered { marks, ..answered })));
    assert!(writer.write(stopped(true)));
    drop(writer);
    store.backup(&backup).unwrap();
    let events = events_of(&store, job).len();
    store.prune(0).unwrap();
    assert!(events_of(&store, job).len() <= events);
    drop(store);

    restore(&path, &backup, Replace::Newer).unwrap();

    let store = Store::open(&path).unwrap();
    let kept = [(Erased, 1), (Target, 2)].map(|(kind, number)| newest(&store, kind, number));
    assert_eq!(kept, [Some(order(5)), Some(order(6))]);
    assert_eq!(store.ids().check(&id_of(3), JobId(9)).unwrap(), Seen::Duplicate);
}
