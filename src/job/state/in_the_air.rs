//! Calls of earlier processes, or of earlier tries, of which nobody knows whether they were made.
//!
//! That a later try of the same call was refused, or never left, says nothing about the earlier one. So a
//! record's call is in the air until the journal says what came of a call of this record, or that the
//! record is over, or that it waits for a person.

use std::collections::{BTreeMap, HashSet};

use super::Unresolved;
use crate::job::Position;

/// Exchanges that may have been made, by the numbers of their batches.
#[derive(Debug, Clone, Default)]
pub(super) struct InTheAir {
    exchanges: BTreeMap<u64, Unresolved>,
    /// The records in them; one that landed may still stand here.
    positions: HashSet<Position>,
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

    /// It is said what becomes of an exchange.
    pub(super) fn settle(&mut self, batch: u64) {
        self.exchanges.remove(&batch);
        if self.exchanges.is_empty() {
            self.positions.clear();
        }
    }
}
