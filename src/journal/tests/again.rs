//! What of a job outlives its end, so that requests can be tried again.

use super::*;
use crate::job::{Fail, Reopened, Status, StepAnswer};

fn reopened(positions: &[u64]) -> Event {
    let (by, positions) = ("someone".to_owned(), positions.to_vec());
    Event::Reopened(Reopened { at_ms: 3, by, positions, even_if_sent: false })
}

fn refused(position: u64) -> Event {
    Event::Ended { ended: vec![ended(position, Verdict::Failed(Fail::Refused))] }
}

#[test]
fn a_finished_or_cancelled_job_is_open_again_when_requests_of_it_are_reopened() {
    let store = Store::temporary().unwrap();
    let cancelled = Event::Cancelled { at_ms: 1, by: "someone".to_owned() };

    for end in [stopped(true), cancelled] {
        let job = store.create_job(new_job("erase")).unwrap();
        let mut listening = Listening::on(&store, job);
        let mut status_after = |event| {
            assert!(listening.write(event));
            (store.job(job).unwrap().status, store.state(job).unwrap().status())
        };
        status_after(refused(1));
        let closed = status_after(end);
        assert!(closed.0.is_closed() && closed.0 == closed.1);
        assert_eq!(status_after(reopened(&[1])), (Status::Open, Status::Open));
        assert_eq!(status_after(stopped(true)), (Status::Finished, Status::Finished));
        assert_eq!(status_after(stopped(true)), (Status::Finished, Status::Finished));
    }
}

#[test]
fn what_a_failed_request_remembers_opens_after_the_job_ended_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let mut listening = Listening::on(&store, job);
    let output = store.sealer(job).unwrap().seal(1, "find", b"[\"b-1\"]").unwrap();
    let step = StepAnswer { position: 1, step: "find".to_owned(), accepted: true, output, at_ms: 4 };

    listening.writer.append(intended(0));
    let Event::Answered(answer) = answered(1) else { unreachable!() };
    listening.writer.append(Event::Answered(Answered { steps: vec![step], ended: Vec::new(), ..answer }));
    listening.writer.append(refused(1));
    assert!(listening.write(stopped(true)));
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert!(Listening::on(&store, job).write(reopened(&[1])));

    let state = store.state(job).unwrap();
    let answer = &state.answers_of(1)[0];
    let sealer = store.sealer(job).unwrap();
    assert_eq!(sealer.open(1, &answer.step, &answer.output).unwrap().as_slice(), b"[\"b-1\"]");
    assert_eq!(store.reopened(job).unwrap().into_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn only_what_was_finished_hinders_a_request_that_is_tried_again() {
    let store = Store::temporary().unwrap();
    let job = store.create_job(new_job("erase")).unwrap();
    let done = Event::Ended { ended: vec![ended(2, Verdict::Done)] };
    [refused(1), done].into_iter().for_each(|event| assert!(Listening::on(&store, job).write(event)));
    let other = IdEntry { content: u64::MAX, ..id_of(2) };

    let seen = [id_of(1), id_of(2), other, id_of(3)].map(|entry| store.ids().check_again(&entry).unwrap());

    assert_eq!(seen, [Seen::New, Seen::Duplicate, Seen::Conflict, Seen::New]);
}
