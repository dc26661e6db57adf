//! What came in: taken once, in order, with its cursor, sealed, bounded, and gone with its job.

use std::fs;

use super::*;
use crate::job::{Fail, WindowId};

const MOST: Most = Most { records: 100, bytes: 1 << 20 };
/// Looked for in every file of a store.
const MARKER: &str = "marker.of.a.person@example.com";

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
        received_ms: 1_800_000_000_000 + number as i64,
        record: format!(r#"{{"id":"{number}","subject":{{"email":"{MARKER}"}}}}"#).into_bytes(),
    }
}

fn due(number: u64, due_ms: i64) -> Arrival {
    Arrival { due_ms: Some(due_ms), ..arrival(number) }
}

fn ids_of(store: &Store, window: &Window) -> Vec<u64> {
    let text = store.window_text(window.id).unwrap();
    let lines = std::str::from_utf8(&text).unwrap().lines();
    let id = |line: &str| line.strip_prefix(r#"{"id":""#)?.split('"').next()?.parse().ok();
    lines.map(|line| id(line).unwrap()).collect()
}

/// The job of a window.
fn begin(store: &Store, window: &Window) -> JobId {
    let job = NewJob { window: Some(window.id), input_path: window.id.to_string(), ..new_job("erase") };
    store.create_job(job).unwrap()
}

#[test]
fn the_same_event_starts_nothing_again_and_moves_its_cursor_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let cursor = |value: &str| Some(Cursor { name: "feed".to_owned(), value: value.to_owned() });
    let elsewhere = Arrival { workflow: "consent".to_owned(), ..arrival(1) };

    let first = store.accept(vec![arrival(1), arrival(2), arrival(1), elsewhere], cursor("a")).unwrap();
    let again = store.accept(vec![arrival(2), arrival(3)], cursor("b")).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    let restarted = store.accept(vec![arrival(3)], None).unwrap();

    use Accepted::{New, Repeated};
    assert_eq!(first, [New, New, Repeated, New]);
    assert_eq!((again, restarted), (vec![Repeated, New], vec![Repeated]));
    assert_eq!(store.cursor("feed").unwrap().as_deref(), Some("b"));
    assert_eq!(store.cursor("other").unwrap(), None);
    let queued: Vec<_> =
        store.queue().unwrap().into_iter().map(|queue| (queue.workflow, queue.rows)).collect();
    assert_eq!(queued, [("consent".to_owned(), 1), ("erase".to_owned(), 3)]);
}

#[test]
fn an_older_event_of_a_sequence_starts_nothing_and_is_told_why() {
    let store = Store::temporary().unwrap();
    let turn = |number: u64, turn: i64| {
        let turn = Some(Turn { lane: [9; 32], number: turn });
        Arrival { turn, ..arrival(number) }
    };

    let taken = store.accept(vec![turn(1, 5), turn(2, 4), turn(3, 5), turn(4, 6), arrival(5)], None).unwrap();
    let again = store.accept(vec![turn(2, 4)], None).unwrap();

    use Accepted::{New, Outdated, Repeated};
    assert_eq!(taken, [New, Outdated, New, New, New]);
    assert_eq!(again, [Repeated]);
    let skipped = store.skipped().unwrap();
    assert_eq!((skipped[0].reason.as_str(), skipped[0].count, skipped.len()), ("outdated", 1, 1));
}

#[test]
fn what_is_looked_at_again_and_again_is_one_skip_with_its_last_reason() {
    let store = Store::temporary().unwrap();
    let skip = |number, reason, at_ms| Skipped {
        workflow: "erase".to_owned(),
        origin: "subtask:onetrust".to_owned(),
        key: key(number),
        reason,
        at_ms,
    };

    store.note_skipped(vec![skip(1, "paused", 1), skip(2, "closed", 2)]).unwrap();
    store.note_skipped(vec![skip(1, "closed", 3)]).unwrap();

    let skipped = store.skipped().unwrap();
    assert_eq!((skipped.len(), skipped[0].reason.as_str()), (1, "closed"));
    assert_eq!((skipped[0].count, skipped[0].last_ms), (2, 3));
}

#[test]
fn a_full_inbox_takes_nothing_of_a_call_and_leaves_its_cursor() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::with_small_inbox(directory.path(), 3).unwrap();
    let cursor = || Some(Cursor { name: "feed".to_owned(), value: "a".to_owned() });
    store.accept(vec![arrival(1), arrival(2)], None).unwrap();

    let full = store.accept(vec![arrival(3), arrival(4)], cursor());

    assert!(matches!(full, Err(StoreError::InboxFull { rows: 2 })), "{full:?}");
    assert_eq!((store.queue().unwrap()[0].rows, store.cursor("feed").unwrap()), (2, None));
    assert_eq!(store.accept(vec![arrival(3)], cursor()).unwrap(), [Accepted::New]);
    assert_eq!(store.accept(vec![arrival(3), arrival(1)], None).unwrap(), [Accepted::Repeated; 2]);
    // Room comes back with the end of a job, and is counted anew by the next process.
    let window = store.take_window("erase", MOST, 0).unwrap().unwrap();
    let job = begin(&store, &window);
    assert!(Listening::on(&store, job).write(stopped(true)));
    assert_eq!(store.accept((4..7).map(arrival).collect(), None).unwrap(), [Accepted::New; 3]);
    drop(store);
    let store = Store::with_small_inbox(directory.path(), 3).unwrap();
    assert!(matches!(store.accept(vec![arrival(9)], None), Err(StoreError::InboxFull { rows: 3 })));
}

#[test]
fn a_record_that_is_no_line_of_its_own_is_refused_with_all_of_its_call() {
    let store = Store::temporary().unwrap();
    for record in [&b""[..], b" ", b"{}\n{}", b"{}\r", &vec![b'x'; MOST_RECORD_BYTES + 1]] {
        let wrong = Arrival { record: record.to_vec(), ..arrival(2) };

        let refused = store.accept(vec![arrival(1), wrong], None);

        assert!(matches!(refused, Err(StoreError::Arrival { .. })), "{refused:?}");
    }
    assert_eq!(store.queue().unwrap(), []);
}

#[test]
fn no_file_of_a_store_says_whom_a_request_is_about() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.accept((0..50).map(arrival).collect(), None).unwrap();
    let window = store.take_window("erase", MOST, 0).unwrap().unwrap();

    let text = store.window_text(window.id).unwrap();
    let elsewhere = Reader::open(directory.path()).unwrap().window_text(window.id).unwrap();

    assert!(std::str::from_utf8(&text).unwrap().contains(MARKER));
    assert_eq!(text, elsewhere);
    assert!(!format!("{:?}", arrival(1)).contains(MARKER));
    for name in ["journal.db", "journal.db-wal"] {
        let bytes = fs::read(directory.path().join(name)).unwrap();
        assert!(!bytes.windows(MARKER.len()).any(|part| part == MARKER.as_bytes()), "{name}");
    }
    drop(store);
    fs::remove_file(directory.path().join("keys/keys.db")).unwrap();
    let error = Reader::open(directory.path()).unwrap().window_text(window.id).unwrap_err();
    assert!(matches!(error, StoreError::InboxSealed), "{error}");
    let error = Store::open(directory.path()).unwrap_err();
    assert!(error.to_string().contains("keys.db"), "{error}");
}

#[test]
fn a_window_takes_the_earliest_deadlines_and_leaves_nobody_behind() {
    let store = Store::temporary().unwrap();
    let mut arrivals: Vec<Arrival> = (0..4).map(arrival).collect();
    arrivals.extend((10..30).map(|number| due(number, 5_000 - number as i64)));
    store.accept(arrivals, None).unwrap();
    let most = Most { records: 8, ..MOST };

    let first = store.take_window("erase", most, 0).unwrap().unwrap();
    let second = store.take_window("erase", most, 0).unwrap().unwrap();

    assert_eq!(ids_of(&store, &first), [29, 28, 27, 26, 25, 24, 0, 1]);
    assert_eq!(ids_of(&store, &second), [23, 22, 21, 20, 19, 18, 2, 3]);
    assert_eq!(first.records, 8);
    let small = store.take_window("erase", Most { bytes: 1, ..MOST }, 0).unwrap().unwrap();
    assert_eq!(small.records, 1);
    assert_eq!(store.take_window("other", MOST, 0).unwrap(), None);
}

#[test]
fn the_text_of_a_window_is_the_same_after_a_crash_and_without_a_job_its_rows_go_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.accept(vec![due(1, 9), arrival(2), due(3, 8), arrival(4)], None).unwrap();
    let most = Most { records: 3, ..MOST };
    let begun = store.take_window("erase", most, 7).unwrap().unwrap();
    let job = begin(&store, &begun);
    let never_begun = store.take_window("erase", most, 8).unwrap().unwrap();
    let text = store.window_text(begun.id).unwrap();
    drop(store);

    let store = Store::open(directory.path()).unwrap();
    let put_back = store.put_back_windows().unwrap();

    assert_eq!((put_back, store.window_text(begun.id).unwrap()), (1, text));
    assert!(matches!(store.window_text(never_begun.id), Err(StoreError::NoSuchWindow(_))));
    assert_eq!(store.open_windows().unwrap(), [Window { job: Some(job), ..begun.clone() }]);
    assert_eq!((store.window_of(job).unwrap(), store.queue().unwrap()[0].rows), (Some(begun.id), 1));
    let again = store.take_window("erase", most, 9).unwrap().unwrap();
    assert_eq!(ids_of(&store, &again), [4]);
    assert!(again.id > never_begun.id, "the number of a window is never used again");
}

#[test]
fn rows_go_with_the_job_that_carried_them_out_unless_something_may_be_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let window = |number| {
        store.accept(vec![arrival(number)], None).unwrap();
        let window = store.take_window("erase", MOST, 0).unwrap().unwrap();
        let job = begin(&store, &window);
        (window.id, job)
    };
    let ((well, done), (failing, failed), (open, stays)) = (window(1), window(2), window(3));
    let (given_up, cancelled) = window(4);

    assert!(Listening::on(&store, done).write(stopped(true)));
    let mut listening = Listening::on(&store, failed);
    listening.writer.append(Event::Ended { ended: vec![ended(0, Verdict::Failed(Fail::Refused))] });
    assert!(listening.write(stopped(true)));
    assert!(Listening::on(&store, stays).write(stopped(false)));
    assert!(Listening::on(&store, cancelled).write(Event::Cancelled { at_ms: 1, by: "ana".to_owned() }));

    let kept = |window| store.window_text(window).is_ok();
    assert_eq!([kept(well), kept(failing), kept(open), kept(given_up)], [false, true, true, true]);
    assert_eq!(store.open_windows().unwrap().len(), 1);
    store.prune(i64::MAX).unwrap();
    assert_eq!([kept(failing), kept(open), kept(given_up)], [false, true, false]);
    assert_eq!(
        store.accept(vec![arrival(1)], None).unwrap(),
        [Accepted::Repeated],
        "it is known all the same"
    );
}

#[test]
fn what_is_due_is_told_by_deadline_with_its_run() {
    let store = Store::temporary().unwrap();
    store.accept(vec![due(1, 300), due(2, 100), arrival(3), due(4, 200)], None).unwrap();
    let window = store.take_window("erase", MOST, 0).unwrap().unwrap();
    let job = begin(&store, &window);
    store.accept(vec![due(5, 150), due(6, 5_000)], None).unwrap();

    let found = store.due_before(1_000).unwrap();

    let run = |position| Standing::Run { job, position };
    let told: Vec<_> = found.iter().map(|due| (due.due_ms, due.standing)).collect();
    assert_eq!(told, [(100, run(0)), (150, Standing::Queued), (200, run(1)), (300, run(2))]);
    assert_eq!(ids_of(&store, &window), [2, 4, 1, 3]);
    assert_eq!(store.queue().unwrap()[0].due_ms, Some(150));
    assert_eq!(store.window_of(JobId(77)).unwrap(), None::<WindowId>);
}

#[test]
fn what_lies_there_at_the_first_start_is_approved_and_nothing_later_is() {
    let store = Store::temporary().unwrap();
    let approval = |digest, by: &str| Approval {
        workflow: "erase".to_owned(),
        digest: [digest; 32],
        by: by.to_owned(),
        at_ms: 5,
    };

    let first = store.approve_at_first_start(vec![approval(1, "first start")], 5).unwrap();
    let second = store.approve_at_first_start(vec![approval(2, "first start")], 6).unwrap();
    store.approve_workflows(vec![approval(3, "ana"), approval(1, "ben")]).unwrap();

    assert_eq!((first, second, store.was_served().unwrap()), (true, false, true));
    let by = |digest| store.approval("erase", &[digest; 32]).unwrap().map(|approval| approval.by);
    assert_eq!([by(1), by(2), by(3)].map(|by| by.unwrap_or_default()), ["first start", "", "ana"]);
}

#[test]
fn calls_that_come_together_are_all_answered() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();

    let taken: usize = std::thread::scope(|scope| {
        let call = |caller: u64| {
            let store = &store;
            move || {
                let call = |number| store.accept(vec![arrival(caller / 2 * 100 + number)], None).unwrap();
                (0..40).flat_map(call).filter(|accepted| *accepted == Accepted::New).count()
            }
        };
        let callers: Vec<_> = (0..8).map(|caller| scope.spawn(call(caller))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });

    assert_eq!((taken, store.queue().unwrap()[0].rows), (160, 160));
}

#[test]
fn of_a_window_that_is_kept_for_a_failure_only_what_may_be_tried_again_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.accept((1..=4).map(arrival).collect(), None).unwrap();
    let window = store.take_window("erase", MOST, 0).unwrap().unwrap();
    let job = begin(&store, &window);
    let whole = store.window_text(window.id).unwrap();
    let mut listening = Listening::on(&store, job);
    let failed = Verdict::Failed(Fail::Refused);
    let verdicts = [Verdict::Done, failed, Verdict::Done, Verdict::Skipped(crate::job::Skip::Condition)];
    let ended = (0..).zip(verdicts).map(|(position, verdict)| ended(position, verdict)).collect();

    assert!(listening.write(Event::Ended { ended }));
    let before = store.window_text(window.id).unwrap();
    assert!(listening.write(stopped(true)));
    let after = store.window_text(window.id).unwrap();
    drop((listening, store));

    assert_eq!(before, whole, "as long as the job is open");
    let lines: Vec<&str> = std::str::from_utf8(&after).unwrap().lines().collect();
    assert_eq!(lines.iter().map(|line| *line == FORGOTTEN).collect::<Vec<_>>(), [true, false, true, true]);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.window_text(window.id).unwrap(), after);
    assert_eq!(store.window_digest(window.id).unwrap(), Some([2; 32]), "the job knows it as it was");
}
