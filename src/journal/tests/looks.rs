//! A restored store looks at whoever the store that it replaces was to look at.

use std::path::Path;

use super::*;
use crate::job::{Status, WindowId};

fn watching(name: &str, window: Option<WindowId>) -> NewJob {
    NewJob { format: serde_json::json!({ WATCH: [1000, 5000] }), window, ..new_job(name) }
}

/// A window with one record that came in.
fn window(store: &Store, number: u8) -> WindowId {
    let arrival = Arrival {
        workflow: "erase".to_owned(),
        origin: "hook:requests".to_owned(),
        key: [number; 32],
        turn: None,
        due_ms: None,
        received_ms: 1,
        record: format!("{{\"n\":{number}}}").into_bytes(),
    };
    store.accept(vec![arrival], None).unwrap();
    let most = Most { records: 10, bytes: 1 << 20 };
    store.take_window("erase", most, 1).unwrap().unwrap().id
}

/// Erases one person in a job, by more than the request names.
fn erase(store: &Store, job: JobId, position: u64) {
    let mut writer = Listening::on(store, job);
    assert!(writer.write(Event::Erased { positions: vec![position] }));
    let done = match answered(0) {
        Event::Answered(whole) => {
            Event::Answered(Answered { ended: vec![ended(position, Verdict::Done)], ..whole })
        }
        other => other,
    };
    let sealed = store.sealer(job).unwrap().seal_sought(position, b"u-1@example.com").unwrap();
    let number = writer.writer.append_sought(done, None, None, vec![(position, sealed)]);
    assert!(writer.wait_for(number));
}

fn end(store: &Store, job: JobId) {
    assert!(Listening::on(store, job).write(stopped(true)));
}

/// What events say of records: their ids may have gone to the index.
fn told(events: Vec<Event>) -> Vec<Vec<(u64, Verdict)>> {
    let ends = |event: &Event| event.ends().iter().map(|ended| (ended.position, ended.verdict)).collect();
    events.iter().map(ends).collect()
}

fn is_sought(store: &Store, job: JobId, position: u64) -> bool {
    matches!(store.sought(job, position).unwrap(), Sought::Kept(plain) if plain.as_slice() == b"u-1@example.com")
}

/// A job that is under way when the backup is made and over later, and one that began after it; one look at the
/// people of the first is over.
fn watched_since(path: &Path) -> (JobId, JobId) {
    let store = Store::open(&path.join("store")).unwrap();
    let first = store.create_job(watching("erase", Some(window(&store, 1)))).unwrap();
    erase(&store, first, 0);
    let waits = window(&store, 2);
    store.backup(&path.join("backup")).unwrap();
    erase(&store, first, 1);
    end(&store, first);
    let second = store.create_job(watching("erase", Some(waits))).unwrap();
    erase(&store, second, 0);
    end(&store, second);
    let [look, ..] = &store.watches(Some(first)).unwrap()[..] else { panic!("it leaves looks") };
    let found = Found { people: 2, gone: 2, ..Found::default() };
    store.end_watch(look, found, 7).unwrap();
    (first, second)
}

#[test]
fn looks_at_whoever_was_erased_after_the_backup_are_taken_over_and_those_that_are_over_are_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = watched_since(directory.path());
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let was = Reader::open(&path).unwrap().watches(None).unwrap();
    let events = [first, second].map(|job| told(events_of(&Reader::open(&path).unwrap(), job)));

    let restored = restore(&path, &backup, Replace::Newer).unwrap();

    // The job that was open then is over, as it was, and nothing of it is sent again.
    assert_eq!((restored.carried.looks, restored.lost), (3, None));
    assert_eq!((restored.open_jobs.as_slice(), restored.lost_runs, restored.lost_records), (&[][..], 0, 0));
    let is_whole = |store: &Store| {
        assert_eq!(store.watches(None).unwrap(), was);
        assert_eq!(was.iter().filter(|watch| watch.over_ms.is_none()).count(), 3);
        for (job, position) in [(first, 0), (first, 1), (second, 0)] {
            assert!(is_sought(store, job, position), "{job}:{position}");
        }
        assert_eq!([first, second].map(|job| told(events_of(store, job))), events);
        assert_eq!([first, second].map(|job| store.job(job).unwrap().status), [Status::Finished; 2]);
        let texts = [1, 2]
            .map(|number| String::from_utf8(store.window_text(WindowId(number)).unwrap().to_vec()).unwrap());
        assert!(
            texts.iter().zip(["{\"n\":1}", "{\"n\":2}"]).all(|(text, is)| text.contains(is)),
            "{texts:?}"
        );
    };
    is_whole(&Store::open(&path).unwrap());
    assert!(Store::open(&path).unwrap().acknowledge_restore().unwrap());
    // Now that nobody wants the other one back, keys that nothing needs are destroyed.
    let store = Store::open(&path).unwrap();
    is_whole(&store);
    assert_eq!(
        store.take_window("erase", Most { records: 10, bytes: 1 << 20 }, 1).unwrap().map(|it| it.id),
        None
    );
    assert_eq!(store.create_job(new_job("erase")).unwrap(), JobId(3));
}

#[test]
fn what_onetrust_was_told_of_a_job_that_is_taken_over_as_it_stood_is_not_told_again() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = watched_since(directory.path());
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let store = Store::open(&path).unwrap();
    // Of the second somebody told before something else happened to it.
    let newest = [(1, store.newest_event(first).unwrap()), (2, store.newest_event(second).unwrap() - 1)];
    let told = newest.map(|(window, event)| (format!("told:{}", WindowId(window)), event.to_string()));
    for (name, value) in told.clone() {
        store.accept(Vec::new(), Some(Cursor { name, value })).unwrap();
    }
    drop(store);

    restore(&path, &backup, Replace::Newer).unwrap();

    let cursors = Store::open(&path).unwrap().cursors("told:").unwrap();
    let kept: Vec<_> = cursors.into_iter().map(|cursor| (cursor.name, cursor.value)).collect();
    assert_eq!(kept, told[..1]);
}

#[test]
fn what_was_erased_in_a_job_that_goes_on_is_looked_at_once_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let store = Store::open(&path).unwrap();
    store.backup(&backup).unwrap();
    let job = store.create_job(watching("erase", None)).unwrap();
    erase(&store, job, 0);
    drop(store);

    let restored = restore(&path, &backup, Replace::Newer).unwrap();
    let store = Store::open(&path).unwrap();
    store.leave_looks().unwrap();

    assert_eq!((restored.carried.looks, store.job(job).unwrap().status), (0, Status::Open));
    assert_eq!(store.watches(Some(job)).unwrap().len(), 2);
    assert!(is_sought(&store, job, 0));
}

#[test]
fn looks_that_the_backup_has_are_the_same_after_it_was_put_back_where_nothing_can_be_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = watched_since(directory.path());
    let elsewhere = directory.path().join("elsewhere");

    let restored = restore(&elsewhere, &directory.path().join("backup"), Replace::Newer).unwrap();

    assert_eq!((restored.carried.looks, restored.lost), (0, Some(Lost::NothingThere)));
    assert_eq!(restored.open_jobs, [first]);
    let store = Store::open(&elsewhere).unwrap();
    assert!(store.watches(None).unwrap().is_empty() && store.job(second).is_err());
}

#[test]
fn whoever_was_forgotten_after_the_backup_is_not_looked_for() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("store"), directory.path().join("backup"));
    let store = Store::open(&path).unwrap();
    let job = store.create_job(watching("erase", None)).unwrap();
    erase(&store, job, 0);
    end(&store, job);
    store.backup(&backup).unwrap();
    store.forget(&[7], vec![(job, vec![0])], 0, "ada".to_owned()).unwrap();
    drop(store);

    restore(&path, &backup, Replace::Newer).unwrap();

    let store = Store::open(&path).unwrap();
    assert_eq!(store.sought(job, 0).unwrap(), Sought::Destroyed);
    let sealed: Vec<u8> = store.lock().query_row("SELECT sealed FROM sought", [], |row| row.get(0)).unwrap();
    assert_eq!((sealed.as_slice(), store.watches(Some(job)).unwrap().len()), (&[][..], 2));
}

#[test]
fn a_store_that_went_on_from_an_earlier_backup_gives_nothing_in_the_place_of_what_another_one_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let (path, at) = (directory.path().join("store"), |name: &str| directory.path().join(name));
    let store = Store::open(&path).unwrap();
    let before = store.create_job(new_job("erase")).unwrap();
    assert!(Listening::on(&store, before).write(answered(0)));
    store.backup(&at("early")).unwrap();
    let mine = store.create_job(watching("erase", None)).unwrap();
    erase(&store, mine, 0);
    end(&store, mine);
    store.backup(&at("late")).unwrap();
    let was = (store.watches(None).unwrap(), events_of(&store, mine));
    drop(store);
    // It is put back, and goes on with another job under the same numbers of events.
    std::fs::remove_file(path.join("journal.db")).unwrap();
    restore(&path, &at("early"), Replace::Newer).unwrap();
    let store = Store::open(&path).unwrap();
    let other = store.create_job(watching("erase", None)).unwrap();
    (0..4).for_each(|position| erase(&store, other, position));
    end(&store, other);
    drop(store);

    let restored = restore(&path, &at("late"), Replace::Newer).unwrap();

    assert_eq!((restored.lost, restored.carried.looks), (Some(Lost::Branched), 0));
    let store = Store::open(&path).unwrap();
    assert_eq!((store.watches(None).unwrap(), events_of(&store, mine)), was);
}
