//! Records that a person had tried again after they failed, or while they waited for a person.
//!
//! A record that was reopened is not over, and its next end counts in place of the one before. To give
//! an end back, a state must have kept it; keeping all would take memory for every record of a job, so
//! the state is told beforehand which records are ever reopened: [`State::expecting`]. The rule that
//! keeps it right: what the service accepted is remembered and never sent again, and a call that must
//! not be repeated and may have been sent goes out again only when a person said so.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Proof, State};
use crate::job::{Ended, Fail, Pause, Position, Reopened, Status, Verdict};

/// How a record that is not over was reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReopenedAs {
    /// Unix milliseconds. What a step may take counts from here.
    pub at_ms: i64,
    /// Calls that must not be repeated go out again although they may have been sent.
    pub even_if_sent: bool,
}

/// What is kept of records for the sake of trying them again.
#[derive(Debug, Clone, Default)]
pub(super) struct Again {
    /// Records that some event of the job reopens.
    expected: BTreeSet<Position>,
    /// How those ended that are over.
    ends: HashMap<Position, (Verdict, Proof)>,
    /// Reopened and not over yet, with what was certain before.
    tried: BTreeMap<Position, (ReopenedAs, Proof)>,
    /// A call of them that must not be repeated may have been sent.
    parked: BTreeSet<Position>,
    /// The job was cancelled, and only what was reopened since is to be done.
    rest_is_given_up: bool,
}

impl Again {
    /// What was certain of a record before it was reopened.
    pub(super) fn proof(&self, position: Position) -> Proof {
        if self.tried.is_empty() {
            return Proof::default();
        }
        self.tried.get(&position).map_or_else(Proof::default, |(_, proof)| *proof)
    }

    /// Notes an end; `true` when the record's answers are to be kept with it.
    pub(super) fn keep(&mut self, position: Position, verdict: Verdict, proof: Proof) -> bool {
        if !self.tried.is_empty() {
            self.tried.remove(&position);
        }
        let is_expected = !self.expected.is_empty() && self.expected.contains(&position);
        if is_expected {
            self.ends.insert(position, (verdict, proof));
        } else if !self.parked.is_empty() {
            self.parked.remove(&position);
        }
        is_expected
    }

    /// Records that are being tried again, with what was certain before.
    pub(super) fn tried(&self) -> impl Iterator<Item = (Position, Proof)> {
        self.tried.iter().map(|(position, (_, proof))| (*position, *proof))
    }

    /// Whether what nothing was written about counts as cancelled.
    pub(super) fn rest_is_given_up(&self) -> bool {
        self.rest_is_given_up
    }
}

impl State {
    /// A state to fold the events of a job that has these records reopened, once or often. Folding
    /// them into a state that was not told leaves such a record over, which sends nothing.
    pub fn expecting(positions: impl IntoIterator<Item = Position>) -> State {
        let again = Again { expected: positions.into_iter().collect(), ..Again::default() };
        State { again, ..State::default() }
    }

    /// How an unfinished record was reopened; `None` when it is in its first try.
    pub fn reopened(&self, position: Position) -> Option<&ReopenedAs> {
        self.again.tried.get(&position).map(|(reopened, _)| reopened)
    }

    /// Unfinished records that were reopened, in the order of the input.
    pub fn all_reopened(&self) -> impl Iterator<Item = Position> {
        self.again.tried.keys().copied()
    }

    /// Records of which a call that must not be repeated may have been sent. Reopening such a record does nothing,
    /// unless a person says "even if sent".
    pub fn all_that_may_have_been_sent(&self) -> HashSet<Position> {
        let exchanges = self.unresolved().filter(|exchange| !exchange.repeatable);
        let in_the_air = exchanges.flat_map(|exchange| exchange.positions.iter());
        in_the_air.chain(&self.again.parked).copied().collect()
    }

    /// Whether the record was given up with its job and not taken up again since, as others were.
    pub fn is_given_up(&self, position: Position) -> bool {
        self.again.rest_is_given_up && !self.again.tried.contains_key(&position)
    }

    /// Notes which records wait for a person because of a call that must not be repeated.
    pub(super) fn note_parked(&mut self, ended: &[Ended]) {
        let is_parked = |ended: &&Ended| ended.verdict == Verdict::Waiting(Pause::NeedsAttention);
        if (self.batches.is_empty() && self.in_the_air.is_empty()) || !ended.iter().any(|one| is_parked(&one))
        {
            return;
        }
        let exchanges = self.unresolved().filter(|exchange| !exchange.repeatable);
        let in_the_air: HashSet<Position> =
            exchanges.flat_map(|exchange| exchange.positions.iter().copied()).collect();
        let parked = ended.iter().filter(is_parked).map(|ended| ended.position);
        self.again.parked.extend(parked.filter(|position| in_the_air.contains(position)));
    }

    pub(super) fn reopen(&mut self, reopened: &Reopened) {
        if self.status == Some(Status::Cancelled) {
            self.give_up_the_rest();
        }
        self.status = None;
        let &Reopened { at_ms, by: _, ref positions, even_if_sent } = reopened;
        let sent = self.all_that_may_have_been_sent();
        let mut again = HashSet::new();
        for position in positions.iter().copied() {
            if sent.contains(&position) && !even_if_sent {
                continue;
            }
            let mut before = self.again.proof(position);
            if self.finished.contains(position) {
                // Without its end it stays over: nothing is sent that nobody can count.
                let Some((verdict, proof)) = self.again.ends.remove(&position) else { continue };
                self.finished.remove(position);
                self.totals.take_back(verdict, proof);
                before = proof;
            } else if let Some(paused) = self.paused.remove(&position) {
                before = paused.proof.and(before);
            }
            again.insert(position);
            self.waits.remove(&position);
            self.decisions.forget(position);
            if let Some(answers) = self.answers.get_mut(&position) {
                answers.retain(|answer| answer.accepted);
            }
            self.again.tried.insert(position, (ReopenedAs { at_ms, even_if_sent }, before));
        }
        if even_if_sent {
            self.forget_that_they_left(&again);
        }
    }

    /// Forgets the calls of an action made of others at which a record failed, or came to wait for a person: it
    /// begins anew when it is tried again. What it asks next hangs on what it was told before, so answers of
    /// two tries must not be mixed. Such calls are numbered from 0, and no others are.
    pub(super) fn forget_what_failed(&mut self, ended: &Ended) {
        let Some(step) = ended.failure.as_ref().and_then(|failure| failure.step.as_deref()) else { return };
        let Some(answers) = self.answers.get_mut(&ended.position) else { return };
        let is_of = |path: &str| path.strip_prefix(step).is_some_and(|rest| rest.starts_with('#'));
        let first = format!("{step}#0");
        if answers.iter().any(|answer| answer.step == first) {
            answers.retain(|answer| !is_of(&answer.step));
        }
    }

    /// Everything that is not over ends as the cancellation of the job says.
    fn give_up_the_rest(&mut self) {
        let paused = self.paused.iter().map(|(position, paused)| (*position, paused.proof));
        let waiting = self.waits.keys().map(|position| (*position, self.again.proof(*position)));
        let unfinished: BTreeMap<Position, Proof> = self.again.tried().chain(waiting).chain(paused).collect();
        for (position, proof) in unfinished {
            self.finish(position, Verdict::Failed(Fail::Cancelled), proof);
        }
        self.again.rest_is_given_up = true;
    }

    /// A person said of these records that it does not matter.
    fn forget_that_they_left(&mut self, again: &HashSet<Position>) {
        self.again.parked.retain(|position| !again.contains(position));
        let now = self.batches.values_mut().map(|batch| &mut batch.exchange);
        for exchange in self.in_the_air.exchanges_mut().chain(now).filter(|exchange| !exchange.repeatable) {
            exchange.positions.retain(|carried| !again.contains(carried));
        }
    }
}

#[cfg(test)]
mod tests;
