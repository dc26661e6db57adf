//! What people were asked about records, and what they answered.
//!
//! A record at an `approve` step waits until somebody says yes or no to that very step; one that would erase
//! somebody who must not be erased waits until it is let go. The rule that keeps it right: an answer counts
//! for the step at which the record waited when it was given, and for nothing that is asked later.

use std::collections::{BTreeMap, HashMap};

use super::State;
use crate::job::{Answer, Decision, Ended, FORGETFUL, ON_HOLD, Pause, Position, Verdict};

/// An answer to an `approve` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Path of the step.
    pub step: String,
    /// Whether it was yes.
    pub approved: bool,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who, as the system knows them.
    pub by: String,
}

/// What is asked and answered about records that are not over.
#[derive(Debug, Clone, Default)]
pub(super) struct Decisions {
    /// The step at which each of them waits.
    asked: BTreeMap<Position, String>,
    /// Each with whether that is because nobody knows who was erased.
    on_hold: BTreeMap<Position, bool>,
    decided: HashMap<Position, Vec<Decided>>,
}

impl Decisions {
    /// A record was left waiting.
    pub(super) fn ask(&mut self, ended: &Ended) {
        self.asked.remove(&ended.position);
        self.on_hold.remove(&ended.position);
        let Some(why) = &ended.failure else { return };
        match (ended.verdict, &why.step) {
            (Verdict::Waiting(Pause::Approval), Some(step)) => {
                self.asked.insert(ended.position, step.clone());
            }
            (Verdict::Waiting(Pause::NeedsAttention), _)
                if matches!(why.code.as_str(), ON_HOLD | FORGETFUL) =>
            {
                self.on_hold.insert(ended.position, why.code == FORGETFUL);
            }
            _ => {}
        }
    }

    /// A record is over, or begins anew: what was said about it counts no more.
    pub(super) fn forget(&mut self, position: Position) {
        if !self.asked.is_empty() {
            self.asked.remove(&position);
        }
        if !self.on_hold.is_empty() {
            self.on_hold.remove(&position);
        }
        if !self.decided.is_empty() {
            self.decided.remove(&position);
        }
    }
}

impl State {
    /// The `approve` step at which a record waits, by its path.
    pub fn asked(&self, position: Position) -> Option<&str> {
        self.decisions.asked.get(&position).map(String::as_str)
    }

    /// Whether a record waits because somebody must not be erased, or nobody knows whether they were.
    pub fn is_on_hold(&self, position: Position) -> bool {
        self.decisions.on_hold.contains_key(&position)
    }

    /// Whether it waits because a restored store does not know who was erased.
    pub(super) fn is_in_doubt(&self, position: Position) -> bool {
        self.decisions.on_hold.get(&position).is_some_and(|is_in_doubt| *is_in_doubt)
    }

    /// Records that wait for that, in the order of the input.
    pub fn on_hold(&self) -> impl Iterator<Item = Position> {
        self.decisions.on_hold.keys().copied()
    }

    /// What was answered to an `approve` step of a record that is not over.
    pub fn decision(&self, position: Position, step: &str) -> Option<&Decided> {
        self.decisions.decided.get(&position)?.iter().rev().find(|decided| decided.step == step)
    }

    /// Records of which something was decided and that are not over.
    pub fn decided(&self) -> impl Iterator<Item = Position> {
        self.decisions.decided.keys().copied()
    }

    pub(super) fn decide(&mut self, decision: &Decision) {
        let Decision { at_ms, by, positions, answer, reason: _ } = decision;
        for position in positions.iter().copied().filter(|position| !self.finished.contains(*position)) {
            let is_answered = match answer {
                Answer::LetGo => self.decisions.on_hold.remove(&position).is_some(),
                Answer::Approved | Answer::Rejected => match self.decisions.asked.remove(&position) {
                    Some(step) => {
                        let approved = *answer == Answer::Approved;
                        let decided = Decided { step, approved, at_ms: *at_ms, by: by.clone() };
                        self.decisions.decided.entry(position).or_default().push(decided);
                        true
                    }
                    None => false,
                },
            };
            if is_answered {
                self.paused.remove(&position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{ASKED, Event, Failure, IdEntry};

    fn asked(position: Position, step: &str) -> Event {
        let failure = Failure {
            request: None,
            line: 1,
            step: Some(step.to_owned()),
            code: ASKED.to_owned(),
            message: String::new(),
        };
        let ended = Ended {
            position,
            verdict: Verdict::Waiting(Pause::Approval),
            accepted: false,
            verified: false,
            id: IdEntry { key: [0; 16], content: 0 },
            failure: Some(failure),
        };
        Event::Ended { ended: vec![ended] }
    }

    fn said(position: Position, answer: Answer) -> Event {
        let by = "ana".to_owned();
        Event::Decided(Decision { at_ms: 7, by, positions: vec![position], answer, reason: None })
    }

    fn after(events: &[Event]) -> State {
        let mut state = State::default();
        events.iter().for_each(|event| state.apply(event));
        state
    }

    #[test]
    fn an_answer_counts_for_the_step_at_which_the_record_waits() {
        let state = after(&[asked(3, "first"), said(3, Answer::Approved), asked(3, "second")]);

        assert_eq!(state.decision(3, "first").map(|decided| decided.approved), Some(true));
        assert_eq!((state.decision(3, "second"), state.asked(3)), (None, Some("second")));
        assert_eq!(state.pause_of(3), Some(Pause::Approval));
    }

    #[test]
    fn an_answer_that_nobody_asked_for_changes_nothing() {
        let state = after(&[said(3, Answer::Approved), asked(3, "first"), said(4, Answer::Rejected)]);

        assert_eq!((state.decision(3, "first"), state.asked(3)), (None, Some("first")));
        assert_eq!(state.decided().count(), 0);
    }

    #[test]
    fn a_record_that_is_answered_waits_no_more() {
        let state = after(&[asked(3, "first"), said(3, Answer::Rejected)]);

        assert_eq!((state.pause_of(3), state.asked(3)), (None, None));
        assert_eq!(state.decision(3, "first").map(|decided| decided.approved), Some(false));
        assert_eq!(state.decided().collect::<Vec<_>>(), [3]);
    }
}
