//! What steps answered stays in the events of a job that is over only as long as somebody could use it.

use super::*;
use crate::job::{Fail, MarkKind, Reopened, StepAnswer};
use crate::ledger::{Answer, Received, Witness};
use crate::request::{Order, OrderParts};

/// What looking for the person of a record answered, sealed.
fn looked_for(store: &Store, job: JobId, position: u64) -> StepAnswer {
    let output = store.sealer(job).unwrap().seal(position, "find", &[b'x'; 90]).unwrap();
    StepAnswer { position, step: "find".to_owned(), accepted: true, output, at_ms: 4 }
}

fn answered_alone(step: StepAnswer) -> Event {
    Event::Answered(Answered {
        batch: step.position,
        at_ms: 1_800_000_000_000,
        status: 200,
        request_id: None,
        steps: vec![step],
        ended: Vec::new(),
        marks: Vec::new(),
    })
}

fn end(position: u64, verdict: Verdict) -> Event {
    Event::Ended { ended: vec![ended(position, verdict)] }
}

/// A job of two requests that each looked for somebody; the first is done, the other failed.
fn job_of_two(store: &Store, new: NewJob) -> JobId {
    let job = store.create_job(new).unwrap();
    let mut listening = Listening::on(store, job);
    for (position, verdict) in [(0, Verdict::Done), (1, Verdict::Failed(Fail::Timeout))] {
        assert!(listening.write(answered_alone(looked_for(store, job, position))));
        assert!(listening.write(end(position, verdict)));
    }
    assert!(listening.write(stopped(true)));
    job
}

/// Which outputs are there, in the order of the steps, and whether they open.
fn outputs(store: &Store, job: JobId) -> Vec<Option<bool>> {
    let sealer = store.sealer(job).unwrap();
    let opens = |step: StepAnswer| {
        let opened = || sealer.open(step.position, &step.step, &step.output).is_ok();
        (!step.output.is_empty()).then(opened)
    };
    let steps = events_of(store.reader(), job).into_iter().flat_map(|event| match event {
        Event::Answered(answered) => answered.steps,
        _ => Vec::new(),
    });
    steps.map(opens).collect()
}

#[test]
fn an_output_goes_with_the_key_of_its_request_and_stays_while_the_request_may_be_tried_again() {
    let store = Store::temporary().unwrap();
    let job = job_of_two(&store, new_job("erase"));
    let before = store.state(job).unwrap().totals();
    assert_eq!(outputs(&store, job), [Some(false), Some(true)]);

    store.prune(0).unwrap();
    let over = outputs(&store, job);
    let again = Reopened { at_ms: 5, by: "ada".to_owned(), positions: vec![1], even_if_sent: false };
    let mut listening = Listening::on(&store, job);
    assert!(listening.write(Event::Reopened(again)));
    store.prune(0).unwrap();
    let kept = store.state(job).unwrap().answers_of(1).to_vec();
    assert!(listening.write(end(1, Verdict::Done)) && listening.write(stopped(true)));
    store.prune(0).unwrap();

    assert_eq!(over, [None, Some(true)]);
    assert!(kept.len() == 1 && !kept[0].output.is_empty(), "{kept:?}");
    assert_eq!(outputs(&store, job), [None, None]);
    let after = store.state(job).unwrap().totals();
    assert_eq!((before.done, after.done), (1, 2));
}

#[test]
fn what_failed_requests_remember_goes_with_the_retention_of_their_job() {
    let store = Store::temporary().unwrap();
    let format = serde_json::json!({ JobRecord::RETENTION_MS: 3_600_000_000_i64 });
    let job = job_of_two(&store, NewJob { format, ..new_job("erase") });

    store.prune(0).unwrap();
    let within = outputs(&store, job);
    store.end_retention(i64::MAX).unwrap();
    store.prune(0).unwrap();

    assert_eq!((within, outputs(&store, job)), (vec![None, Some(true)], vec![None, None]));
}

#[test]
fn what_a_job_keeps_for_its_looks_goes_with_the_last_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let watching = NewJob { format: serde_json::json!({ WATCH: [1000, 5000] }), ..new_job("erase") };
    let job = store.create_job(watching).unwrap();
    store.sealer(job).unwrap().keep_all().unwrap();
    let mut listening = Listening::on(&store, job);
    let found = answered_alone(looked_for(&store, job, 0));
    for event in [found, Event::Erased { positions: vec![0] }, end(0, Verdict::Done), stopped(true)] {
        assert!(listening.write(event));
    }
    let watches = store.watches(Some(job)).unwrap();

    store.prune(0).unwrap();
    let before = outputs(&store, job);
    store.end_watch(&watches[0], Found::default(), 1).unwrap();
    store.prune(0).unwrap();
    let between = outputs(&store, job);
    store.end_watch(&watches[1], Found::default(), 2).unwrap();
    drop(listening);
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    store.prune(0).unwrap();

    assert_eq!((before, between), (vec![Some(true)], vec![Some(true)]));
    assert_eq!(outputs(&store, job), [None]);
}

#[test]
fn events_that_stand_in_one_row_keep_their_numbers_and_moments_and_are_removed_each() {
    let store = Store::temporary().unwrap();
    let job = job_of_two(&store, new_job("erase"));
    let numbers = |store: &Store| -> Vec<(i64, i64)> {
        store.events(job).map(Result::unwrap).map(|recorded| (recorded.number, recorded.at_ms)).collect()
    };
    let rows = |store: &Store| {
        let sql = "SELECT count(*) FROM events";
        store.task(move |connection| Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()))
    };
    let before = (numbers(&store), store.newest_event(job).unwrap());

    store.prune(0).unwrap();
    let together = (numbers(&store), store.newest_event(job).unwrap());
    let stored = rows(&store).unwrap();
    let pruned = store.prune(i64::MAX).unwrap();

    assert_eq!((together, stored), (before, 2));
    assert_eq!((pruned.jobs, pruned.events), (vec![job], 5));
}

/// Deletes so many people, each with so many identifiers; if they are looked for first, each by a call alone.
/// Gives the bytes a person takes in the end.
fn bytes_of_a_deletion(people: u64, identifiers: u64, looks: bool) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let digest = |number: u64| -> [u8; 16] { *Sha256::digest(number.to_be_bytes()).first_chunk().unwrap() };
    let witness = |position: u64, calls: u32, is_intent: bool| {
        let received = Received {
            position,
            request: id_of(position).key,
            identifiers: vec![u128::from_be_bytes(digest(position | 1 << 50))],
            kind: "deletion",
            received_at: Some("2026-11-20T10:00:00Z".to_owned()),
            due_at: None,
        };
        let answer = Answer { position, step: "find".to_owned(), found: Some(1) };
        Some(Box::new(Witness {
            action: "braze/users.export.ids".to_owned(),
            effect: crate::catalogue::Effect::Read,
            workspace: "braze-production".to_owned(),
            calls,
            received: if is_intent { vec![received] } else { Vec::new() },
            answers: if is_intent { Vec::new() } else { vec![answer] },
        }))
    };
    for position in (0..people).filter(|_| looks) {
        let one = Intended {
            batch: position,
            attempt: 0,
            repeatable: true,
            step: 0,
            positions: vec![position],
            calls: 1,
        };
        listening.writer.append_with(Event::Intended(one), None, witness(position, 1, true));
        let answer = answered_alone(looked_for(&store, job, position));
        listening.writer.append_with(answer, None, witness(position, 1, false));
    }
    for batch in 0..people / BATCH {
        let mark = |number: u64| {
            let at_ms = 1_800_000_000_000 + batch as i64 / 4;
            let parts = OrderParts {
                nanoseconds: at_ms * 1_000_000,
                digits: 3,
                place: Some(7 << 33),
                opts_out: true,
            };
            Mark { kind: MarkKind::Erased, key: digest(number | 1 << 60), order: Order::from(parts) }
        };
        let marks = (batch * BATCH * identifiers..(batch + 1) * BATCH * identifiers).map(mark).collect();
        listening.writer.append(intended(people + batch));
        listening.writer.append(match answered_with(batch, marks) {
            Event::Answered(answered) => Event::Answered(Answered { batch: people + batch, ..answered }),
            other => other,
        });
    }
    let number = listening.writer.append(stopped(true));
    assert!(listening.wait_for(number));
    drop(listening);
    let state = store.state(job).unwrap().totals();
    store.prune(0).unwrap();
    assert_eq!((state.done, store.state(job).unwrap().totals()), (people, state));
    drop(store);
    let size = |folder: &std::path::Path| -> u64 {
        std::fs::read_dir(folder).unwrap().filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
    };
    // A store without anybody has its tables all the same, each a page of eight kilobytes at least.
    (size(directory.path()) + size(&directory.path().join("keys"))).saturating_sub(50 * 8192) / people
}

#[test]
fn a_person_deleted_by_two_identifiers_takes_less_than_eighty_five_bytes_in_the_end() {
    let bytes = bytes_of_a_deletion(20_025, 2, false);

    assert!(bytes < 85, "{bytes} bytes a person");
}

#[test]
fn a_person_looked_for_by_address_and_deleted_takes_less_than_a_hundred_and_fifty_bytes_in_the_end() {
    let bytes = bytes_of_a_deletion(8_025, 3, true);

    assert!(bytes < 150, "{bytes} bytes a person");
}
