//! Erasures that left and of which nobody knows what they did.
//!
//! Fold a job's events, in the order they were written: what is left at the end may have been carried out. An
//! attempt of which an answer said that nothing was changed counts no more, and nobody counts whose erasure was
//! accepted, in whichever attempt. What a lost attempt did is not known from a later refusal, so it stays.

use std::collections::{BTreeMap, BTreeSet};

use super::{ABANDONED, Answered, Event, MarkKind, Position};

/// The erasures of a job that are not answered.
#[derive(Debug, Clone, Default)]
pub struct Attempts {
    batches: BTreeMap<u64, Batch>,
}

#[derive(Debug, Clone)]
struct Batch {
    tag: u64,
    people: Vec<(Position, [u8; 16])>,
    /// When it was last about to leave.
    at_ms: i64,
    repeatable: bool,
    is_in_the_air: bool,
    /// An attempt was not answered.
    was_lost: bool,
}

/// Somebody who may have been erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// The record.
    pub position: Position,
    /// Their key, as the gate has it.
    pub key: [u8; 16],
    /// Stands for the workspace.
    pub tag: u64,
    /// When the call was last about to leave, in Unix milliseconds.
    pub at_ms: i64,
}

impl Attempts {
    /// Takes one more event, written at a moment in Unix milliseconds.
    pub fn apply(&mut self, at_ms: i64, event: &Event) {
        match event {
            Event::Attempted(attempted) => {
                let people = attempted.people.clone();
                let (tag, repeatable) = (attempted.tag, true);
                let (is_in_the_air, was_lost) = (false, false);
                let batch = Batch { tag, people, at_ms, repeatable, is_in_the_air, was_lost };
                self.batches.insert(attempted.batch, batch);
            }
            Event::Intended(intended) => {
                if let Some(batch) = self.batches.get_mut(&intended.batch) {
                    // It had no answer before it is sent again.
                    batch.was_lost |= batch.is_in_the_air;
                    (batch.is_in_the_air, batch.at_ms) = (true, at_ms);
                    batch.repeatable = intended.repeatable;
                }
            }
            Event::Answered(answered) => self.answer(answered),
            Event::Presumed(presumed) => presumed.marks.iter().for_each(|mark| self.know(mark.key)),
            _ => {}
        }
    }

    /// Who may have been erased by calls of these records, or of all; each once, with their last attempt.
    pub fn unanswered(&self, of: Option<&BTreeSet<Position>>) -> Vec<Erasure> {
        let mut found: BTreeMap<(Position, [u8; 16]), Erasure> = BTreeMap::new();
        for batch in self.batches.values().filter(|batch| batch.is_in_the_air || batch.was_lost) {
            let asked = |(position, _): &&(Position, [u8; 16])| of.is_none_or(|of| of.contains(position));
            for (position, key) in batch.people.iter().filter(asked).copied() {
                let erasure = Erasure { position, key, tag: batch.tag, at_ms: batch.at_ms };
                let kept = found.entry((position, key)).or_insert(erasure);
                kept.at_ms = kept.at_ms.max(batch.at_ms);
            }
        }
        found.into_values().collect()
    }

    fn answer(&mut self, answered: &Answered) {
        for mark in answered.marks.iter().filter(|mark| mark.kind == MarkKind::Erased) {
            self.know(mark.key);
        }
        let Some(batch) = self.batches.get_mut(&answered.batch) else { return };
        // Of what must not be repeated an answer without a status says only that nobody asks again.
        // A gateway that says that nothing was done knows nothing of it; releases before this one wrote its answer down.
        let is_declined = matches!(answered.status, 408 | 502 | 503) && batch.repeatable;
        let is_lost =
            answered.status == ABANDONED || is_declined || (answered.status == 0 && !batch.repeatable);
        batch.was_lost |= is_lost && batch.is_in_the_air;
        batch.is_in_the_air = false;
        let is_decided = matches!(answered.status, 200..=499) && answered.status != 429;
        if is_decided && !batch.was_lost {
            self.batches.remove(&answered.batch);
        }
    }

    /// What became of somebody is known.
    fn know(&mut self, key: [u8; 16]) {
        self.batches.retain(|_, batch| {
            batch.people.retain(|(_, known)| *known != key);
            !batch.people.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Attempted, Intended, Mark, NEVER_LEFT};
    use crate::request::Order;

    const ANA: [u8; 16] = [1; 16];
    const BEN: [u8; 16] = [2; 16];

    fn attempted(batch: u64) -> Event {
        Event::Attempted(Attempted { batch, tag: 9, people: vec![(0, ANA), (1, BEN)] })
    }

    fn intended(batch: u64, attempt: u32) -> Event {
        let positions = if attempt == 0 { vec![0, 1] } else { Vec::new() };
        Event::Intended(Intended { batch, attempt, repeatable: true, step: 0, positions, calls: 2 })
    }

    fn answered(batch: u64, status: u16, erased: &[[u8; 16]]) -> Event {
        let mark = |key: &[u8; 16]| Mark { kind: MarkKind::Erased, key: *key, order: Order::placed(0, 9) };
        let marks = erased.iter().map(mark).collect();
        let (steps, ended) = (Vec::new(), Vec::new());
        Event::Answered(Answered { batch, at_ms: 0, status, request_id: None, steps, ended, marks })
    }

    fn left(events: &[Event]) -> Vec<(Position, [u8; 16], i64)> {
        let mut attempts = Attempts::default();
        (1..).zip(events).for_each(|(at_ms, event)| attempts.apply(at_ms, event));
        let left = attempts.unanswered(None).into_iter();
        left.map(|erasure| (erasure.position, erasure.key, erasure.at_ms)).collect()
    }

    #[test]
    fn what_left_without_an_answer_may_have_erased() {
        assert_eq!(left(&[attempted(0), intended(0, 0)]), [(0, ANA, 2), (1, BEN, 2)]);
        assert_eq!(left(&[attempted(0)]), []);
    }

    #[test]
    fn what_was_accepted_or_refused_is_known() {
        assert_eq!(left(&[attempted(0), intended(0, 0), answered(0, 201, &[ANA, BEN])]), []);
        assert_eq!(left(&[attempted(0), intended(0, 0), answered(0, 400, &[])]), []);
        assert_eq!(left(&[attempted(0), intended(0, 0), answered(0, NEVER_LEFT, &[])]), []);
        assert_eq!(left(&[attempted(0), intended(0, 0), answered(0, 429, &[])]), []);
    }

    #[test]
    fn what_a_gateway_declined_may_have_erased() {
        for status in [502, 503] {
            assert_eq!(left(&[attempted(0), intended(0, 0), answered(0, status, &[])]).len(), 2);
        }
    }

    #[test]
    fn a_later_attempt_that_changed_nothing_says_nothing_of_a_lost_one() {
        let lost = [attempted(0), intended(0, 0), intended(0, 1), answered(0, 429, &[])];

        assert_eq!(left(&lost), [(0, ANA, 3), (1, BEN, 3)]);
        assert_eq!(left(&[attempted(0), intended(0, 0), answered(0, ABANDONED, &[])]).len(), 2);
    }

    #[test]
    fn who_was_erased_by_another_batch_is_known() {
        let again = [attempted(0), intended(0, 0), attempted(1), intended(1, 0), answered(1, 201, &[ANA])];

        assert_eq!(left(&again), [(1, BEN, 2)]);
    }

    #[test]
    fn only_the_records_that_are_asked_for_are_told() {
        let mut attempts = Attempts::default();
        attempts.apply(1, &attempted(0));
        attempts.apply(2, &intended(0, 0));

        let of: Vec<Position> =
            attempts.unanswered(Some(&BTreeSet::from([1]))).iter().map(|erasure| erasure.position).collect();

        assert_eq!(of, [1]);
    }
}
