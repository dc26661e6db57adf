//! What a million people cost. Run it alone, optimised, to see the figures:
//! `cargo test --release --lib a_million_people -- --ignored --nocapture`.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use super::*;
use crate::job::MarkKind;
use crate::request::{Order, OrderParts};

/// One state of a person, changed at some time in the last months.
fn mark(number: u64) -> Mark {
    let nanoseconds = 1_790_000_000_000_000_000 + (number * 7_919 % 9_999_991) as i64 * 1_000_000_000;
    let parts = OrderParts { nanoseconds, digits: 0, place: None, opts_out: number.is_multiple_of(3) };
    Mark {
        kind: MarkKind::Target,
        key: *Sha256::digest((number | 1 << 60).to_le_bytes()).first_chunk().unwrap(),
        order: Order::from(parts),
    }
}

/// CPU time of the threads with a name that starts so, since they began (Linux).
fn cpu_of(thread: &str) -> Option<Duration> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let ticks = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        name.starts_with(thread).then_some(ticks(11)? + ticks(12)?)
    });
    Some(Duration::from_millis(ticks.sum::<u64>() * 10))
}

fn resident_kb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[test]
#[ignore = "a measurement"]
fn a_million_people() {
    let people: u64 =
        std::env::var("PRIVAFLOW_TEST_PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("consent")).unwrap();
    let mut listening = Listening::on(&store, job);
    let before = resident_kb();
    let (mut busy, began) = (Duration::ZERO, Instant::now());

    for batch in 0..people / BATCH {
        let prepare = Instant::now();
        let marks = (batch * BATCH..(batch + 1) * BATCH).map(mark).collect();
        let (intent, answer) = (intended(batch), answered_with(batch, marks));
        busy += prepare.elapsed();
        listening.writer.append(intent);
        let number = listening.writer.append(answer);
        // As an engine does with sixteen exchanges in flight.
        assert!(listening.wait_for(number.saturating_sub(32)));
    }
    let number = listening.writer.append(stopped(true));
    assert!(listening.wait_for(number));
    let (took, cpu) = (began.elapsed(), cpu_of("journal"));
    store.task(|_| Ok(())).unwrap();

    let check = |from: u64, to: u64, step: usize| {
        let ids: Vec<IdEntry> = (from..to).step_by(step).map(id_of).collect();
        // The median of short stretches: a stretch in which another process ran says nothing.
        let mut stretches: Vec<Duration> = ids
            .chunks(100)
            .map(|ids| {
                let began = Instant::now();
                ids.iter().for_each(|id| drop(black_box(store.ids().check(id, job))));
                began.elapsed() / ids.len() as u32
            })
            .collect();
        stretches.sort_unstable();
        stretches[stretches.len() / 2]
    };
    let (absent, present) = (check(people, people + 200_000, 1), check(0, people, 37));
    println!("{people} people: {took:?} of which {busy:?} to make the events");
    println!("writer thread, CPU: {cpu:?}; resident before {before:?} kB, after {:?} kB", resident_kb());
    println!("one check: absent {absent:?}, present {present:?}");
    drop(store);
    let size = || fs::metadata(directory.path().join("journal.db")).unwrap().len();
    println!("{} bytes when the job ended, {:.1} a person", size(), size() as f64 / people as f64);
    let began = Instant::now();
    let store = Store::open(directory.path()).unwrap();
    println!("opened again in {:?}", began.elapsed());
    let mark = |from: u64, to: u64, step: usize| {
        let space = store.marks().space("eu");
        let began = Instant::now();
        for number in (from..to).step_by(step) {
            let key = space.key(MarkKind::Target, u128::from(number));
            drop(black_box(store.marks().newest(MarkKind::Target, key)));
        }
        began.elapsed() / ((to - from) as u32 / step as u32)
    };
    println!("one mark: key and question {:?}, absent erasure {:?}", mark(0, 200_000, 1), {
        let began = Instant::now();
        for number in 0..100_000_u64 {
            let key = id_of(number).key;
            drop(black_box(store.marks().newest(MarkKind::Erased, key)));
        }
        began.elapsed() / 100_000
    });
    let pages = |sql: &str| {
        let sql = sql.to_owned();
        store.task(move |c| Ok(c.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap())).unwrap()
    };
    let began = Instant::now();
    while store.with_committer(|committer| Ok(committer.has_work())).unwrap() {
        std::thread::yield_now();
    }
    println!("tidied up in {:?}", began.elapsed());
    let truncate = |c: &mut rusqlite::Connection| {
        c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        Ok(())
    };
    store.task(truncate).unwrap();
    let (all, free) = (pages("PRAGMA page_count"), pages("PRAGMA freelist_count"));
    println!(
        "{} bytes, {:.1} a person, {:.1} % free",
        size(),
        size() as f64 / people as f64,
        free as f64 / all as f64 * 100.0
    );
    let began = Instant::now();
    let state = store.state(job).unwrap();
    println!("folded {} in {:?}", state.finished(), began.elapsed());
}

/// What the keys of requests cost that keep one answer each, beside requests that keep nothing.
#[test]
#[ignore = "a measurement"]
fn keys_of_a_hundred_thousand_people() {
    let people: u64 =
        std::env::var("PRIVAFLOW_TEST_PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    for keeps in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let job = store.create_job(new_job("erase")).unwrap();
        let sealer = store.sealer(job).unwrap();
        let mut listening = Listening::on(&store, job);
        let began = Instant::now();
        for batch in 0..people / BATCH {
            let step = |position| crate::job::StepAnswer {
                position,
                step: "find".to_owned(),
                accepted: true,
                output: match keeps {
                    true => sealer.seal(position, "find", &[7; 200]).unwrap(),
                    false => vec![7; 250],
                },
                at_ms: 1,
            };
            let Event::Answered(answer) = answered(batch) else { unreachable!() };
            let steps = (batch * BATCH..(batch + 1) * BATCH).map(step).collect();
            listening.writer.append(intended(2 * batch));
            listening.writer.append(Event::Answered(Answered { steps, ended: Vec::new(), ..answer.clone() }));
            listening.writer.append(intended(2 * batch + 1));
            let number = listening.writer.append(Event::Answered(answer));
            assert!(listening.wait_for(number.saturating_sub(32)));
        }
        let number = listening.writer.append(stopped(true));
        assert!(listening.wait_for(number));
        let (took, cpu) = (began.elapsed(), cpu_of("journal"));
        let per_second = people as f64 / took.as_secs_f64();
        println!("keys: {keeps}; {people} people in {took:?}, {per_second:.0} a second; writer {cpu:?}");
        drop((listening, sealer, store));
        let keys = fs::metadata(directory.path().join("keys/keys.db")).map_or(0, |file| file.len());
        println!("{keys} bytes of keys in the end");
    }
}
