//! Whose people are looked for again, of the requests of a job.
//!
//! Those that were done after they erased, and those that a person gave up after an erasure of theirs was accepted,
//! or left and was never answered: nobody else would ever learn what became of these. One that failed, waits, was
//! skipped or forgotten is not among them. Fold a job's events, in the order they were written; events never change,
//! so the same span of them gives the same requests again.

use super::{Event, Fail, Finished, Position, Verdict};

/// The requests of one job whose people are looked for again.
#[derive(Debug, Clone, Default)]
pub struct ToLookAt {
    from_event: i64,
    /// Erased somebody, or may have.
    erased: Finished,
    over: Finished,
    found: Finished,
    given_up: Finished,
}

impl ToLookAt {
    /// Of requests that ended behind an event, by its number.
    pub fn behind(from_event: i64) -> ToLookAt {
        ToLookAt { from_event, ..ToLookAt::default() }
    }

    /// Takes the next event of the job, with its number.
    pub fn apply(&mut self, number: i64, event: &Event) {
        match event {
            Event::Erased { positions } => self.note_erased(positions),
            Event::Presumed(presumed) => self.note_erased(&presumed.positions),
            Event::Reopened(reopened) => {
                for position in &reopened.positions {
                    self.over.remove(*position);
                    // It is over once more when it ends, and is looked at for that end.
                    self.found.remove(*position);
                    self.given_up.remove(*position);
                }
            }
            // What is over by this alone could not be listed one by one.
            Event::Cancelled { .. } if number > self.from_event => {
                let left: Vec<Position> = self.open().collect();
                left.into_iter().for_each(|position| self.give_up(position));
            }
            Event::Answered(_) | Event::Ended { .. } => self.end(number, event),
            Event::Opened { .. }
            | Event::Intended(_)
            | Event::Passed { .. }
            | Event::Waiting { .. }
            | Event::Held { .. }
            | Event::Approved { .. }
            | Event::Cancelled { .. }
            | Event::Identified { .. }
            | Event::Decided(_)
            | Event::Attempted(_)
            | Event::Stopped(_) => {}
        }
    }

    /// Notes requests that erased somebody, or may have.
    pub fn note_erased(&mut self, positions: &[Position]) {
        for position in positions {
            self.erased.insert(*position);
        }
    }

    /// Whether a request erased somebody, or may have.
    pub fn has_erased(&self, position: Position) -> bool {
        self.erased.contains(position)
    }

    /// Requests that erased somebody, or may have, and are not over.
    pub fn open(&self) -> impl Iterator<Item = Position> {
        self.erased.iter().filter(|position| !self.over.contains(*position))
    }

    /// The requests, in the order of the input.
    pub fn found(self) -> Finished {
        self.found
    }

    /// Those of them that were given up.
    pub fn given_up(&self) -> &Finished {
        &self.given_up
    }

    fn end(&mut self, number: i64, event: &Event) {
        for ended in event.ends() {
            let position = ended.position;
            match ended.verdict {
                Verdict::Waiting(_) => continue,
                _ if number <= self.from_event || !self.erased.contains(position) => {}
                Verdict::Done => drop(self.found.insert(position)),
                Verdict::Failed(Fail::Cancelled) => self.give_up(position),
                Verdict::Failed(_) | Verdict::Skipped(_) => {}
            }
            self.over.insert(position);
        }
    }

    fn give_up(&mut self, position: Position) {
        self.found.insert(position);
        self.given_up.insert(position);
        self.over.insert(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Ended, IdEntry, Presumed, Reopened};

    fn erased(positions: &[Position]) -> Event {
        Event::Erased { positions: positions.to_vec() }
    }

    fn presumed(positions: &[Position]) -> Event {
        Event::Presumed(Presumed { at_ms: 1, positions: positions.to_vec(), marks: Vec::new() })
    }

    fn ended(position: Position, verdict: Verdict) -> Event {
        let (accepted, verified, failure) = (true, false, None);
        let id = IdEntry { key: [0; 16], content: 0 };
        Event::Ended { ended: vec![Ended { position, verdict, accepted, verified, id, failure }] }
    }

    fn given_up(position: Position) -> Event {
        ended(position, Verdict::Failed(Fail::Cancelled))
    }

    fn cancelled() -> Event {
        Event::Cancelled { at_ms: 1, by: "ada".into() }
    }

    fn looked_at(from_event: i64, events: &[Event]) -> (Vec<Position>, Vec<Position>) {
        let mut fold = ToLookAt::behind(from_event);
        (1..).zip(events).for_each(|(number, event)| fold.apply(number, event));
        let given_up = fold.given_up().iter().collect();
        (fold.found().iter().collect(), given_up)
    }

    #[test]
    fn who_was_erased_is_looked_for_whether_the_request_was_done_or_given_up() {
        let failed = ended(3, Verdict::Failed(Fail::Refused));
        let forgotten = ended(4, Verdict::Failed(Fail::Forgotten));
        let events = [
            erased(&[1, 3, 4]),
            ended(1, Verdict::Done),
            failed,
            forgotten,
            presumed(&[2]),
            given_up(2),
            given_up(5),
            ended(6, Verdict::Done),
        ];

        assert_eq!(looked_at(0, &events), (vec![1, 2], vec![2]));
        assert_eq!(looked_at(2, &events), (vec![2], vec![2]), "only what ended behind the event");
    }

    #[test]
    fn a_job_that_is_given_up_without_its_input_gives_up_all_that_was_not_over() {
        let events = [erased(&[1, 2]), ended(1, Verdict::Failed(Fail::Refused)), presumed(&[7]), cancelled()];

        assert_eq!(looked_at(0, &events), (vec![2, 7], vec![2, 7]));
        assert_eq!(looked_at(4, &events), (vec![], vec![]));
    }

    #[test]
    fn what_is_tried_again_is_looked_at_when_it_is_over_again() {
        let positions = vec![1];
        let again = Event::Reopened(Reopened { at_ms: 1, by: "ada".into(), positions, even_if_sent: false });
        let events = [erased(&[1]), given_up(1), again];

        assert_eq!(looked_at(0, &events), (vec![], vec![]));
        let over = [&events[..], &[ended(1, Verdict::Done)]].concat();
        assert_eq!(looked_at(0, &over), (vec![1], vec![]));
        assert_eq!(looked_at(0, &events[..2]), (vec![1], vec![1]), "a look left before stays");
    }
}
