//! Calls of earlier processes, or of earlier tries, of which nobody knows whether they were made.
//!
//! That a later try of the same call was refused, or never left, says nothing about the earlier one. So a
//! record's call is in the air until the journal says what came of a call of this record, or that the
//! record is over, or that it waits for a person.
//!
//! Where the record was over before its call was answered, because the time of its step was, the call stays
//! in the air until the journal answers its exchange, whatever becomes of the record.
//!
//! Where a person must not be erased for now, or nobody knows whether they were, the call is kept back: whom it may
//! have erased counts as erased by then, so nobody waits for its answer, and it is made again with its record.

use std::collections::{BTreeMap, HashSet};

use super::{State, Unresolved};
use crate::job::{Position, StepAnswer};

/// A call whose record was over, or went on, before it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abandoned {
    /// The record.
    pub position: Position,
    /// What the record had been told when it made the call.
    pub answers: Vec<StepAnswer>,
}

/// Exchanges that may have been made, by the numbers of their batches.
#[derive(Debug, Clone, Default)]
pub(super) struct InTheAir {
    exchanges: BTreeMap<u64, Unresolved>,
    /// The records in them; one that landed may still stand here.
    positions: HashSet<Position>,
    abandoned: BTreeMap<u64, Vec<Abandoned>>,
    /// Records whose calls count as made, and were not made again since.
    presumed: HashSet<Position>,
}

impl InTheAir {
    /// Exchanges that are in the air, in the order they left.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = &Unresolved> {
        self.exchanges.values()
    }

    pub(super) fn exchanges_mut(&mut self) -> impl Iterator<Item = &mut Unresolved> {
        self.exchanges.values_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// Whether a call of a record may have been made in an exchange that is in the air.
    pub(super) fn has(&self, position: Position) -> bool {
        self.positions.contains(&position)
    }

    /// An exchange has no answer, and whoever made it does not wait for one.
    pub(super) fn leave(&mut self, exchange: Unresolved) {
        self.positions.extend(&exchange.positions);
        self.exchanges.insert(exchange.batch, exchange);
    }

    /// It is known what came of a call of a record.
    pub(super) fn land(&mut self, position: Position) {
        // Nearly always nothing is in the air.
        if self.positions.is_empty() || !self.positions.remove(&position) {
            return;
        }
        self.exchanges.retain(|_, exchange| {
            exchange.positions.retain(|carried| *carried != position);
            !exchange.positions.is_empty()
        });
        if self.exchanges.is_empty() {
            self.positions.clear();
        }
    }

    /// Exchanges that nothing about their records settles, by the numbers of their batches.
    pub(super) fn abandoned(&self) -> impl Iterator<Item = (u64, &[Abandoned])> {
        self.abandoned.iter().map(|(batch, calls)| (*batch, calls.as_slice()))
    }

    /// An exchange has no answer, and its records wait for none any more; `told` is what they were told.
    pub(super) fn abandon(&mut self, exchange: &Unresolved, told: impl Fn(Position) -> Vec<StepAnswer>) {
        let calls = exchange
            .positions
            .iter()
            .map(|position| Abandoned { position: *position, answers: told(*position) });
        self.abandoned.insert(exchange.batch, calls.collect());
    }

    /// It is said what becomes of an exchange.
    pub(super) fn settle(&mut self, batch: u64) {
        self.abandoned.remove(&batch);
        self.exchanges.remove(&batch);
        if self.exchanges.is_empty() {
            self.positions.clear();
        }
    }

    /// What calls of these records may have done counts as done.
    pub(super) fn presume(&mut self, positions: &[Position]) {
        self.presumed.extend(positions);
    }

    /// Calls of these records are about to leave.
    pub(super) fn leaves(&mut self, positions: &[Position]) {
        if !self.presumed.is_empty() {
            self.presumed.retain(|position| !positions.contains(position));
        }
    }
}

impl State {
    /// Whether whom calls of this record may have erased counts as erased already.
    pub fn is_presumed(&self, position: Position) -> bool {
        self.in_the_air.presumed.contains(&position)
    }

    /// Whether a record waits for a person although a call of it may have been made, and nobody needs to wait for
    /// the answer to that: the gate knows whom it may have erased, or it erases nobody.
    pub fn is_kept_back(&self, position: Position) -> bool {
        self.is_in_doubt(position) || (self.is_on_hold(position) && self.is_presumed(position))
    }
}
