//! States that an input sets more than once: of these only the newest counts.
//!
//! A file may hold a person's history. Where an older record says something else than a newer one, Braze
//! rightly holds what the newer one says, so only that is compared. First all states pass a filter of fixed
//! size, which tells what may stand there twice; only for those it is remembered how new the newest is.

use std::collections::HashMap;

use crate::job::Position;
use crate::request::Order;

/// Bits of the filter (32 MB): of ten million states one in five hundred is remembered in vain.
const BITS: u64 = 1 << 28;

/// The states of an input that may stand there more than once.
pub(super) struct Repeats {
    filter: Vec<u64>,
    newest: HashMap<u128, Option<(Order, Position)>>,
}

impl Repeats {
    pub(super) fn new() -> Repeats {
        Repeats { filter: vec![0; usize::try_from(BITS / 64).unwrap_or_default()], newest: HashMap::new() }
    }

    /// First pass: a state of some record.
    pub(super) fn saw(&mut self, target: u128) {
        let mut was_there = true;
        for half in [target as u64, (target >> 64) as u64] {
            let bit = half % BITS;
            let Some(word) = usize::try_from(bit / 64).ok().and_then(|at| self.filter.get_mut(at)) else {
                return;
            };
            was_there &= *word & (1 << (bit % 64)) != 0;
            *word |= 1 << (bit % 64);
        }
        if was_there {
            self.newest.insert(target, None);
        }
    }

    /// After the first pass: the filter is of no more use.
    pub(super) fn is_any(&mut self) -> bool {
        self.filter = Vec::new();
        !self.newest.is_empty()
    }

    /// Second pass: how new a state of some record is.
    pub(super) fn date(&mut self, target: u128, order: Order, position: Position) {
        let Some(newest) = self.newest.get_mut(&target) else { return };
        // What comes later in the input stands where time does not tell.
        let yields = |held: &(Order, Position)| order.yields_to(&held.0);
        if !newest.as_ref().is_some_and(yields) {
            *newest = Some((order, position));
        }
    }

    /// Whether a newer record sets the state.
    pub(super) fn is_superseded(&self, target: u128, position: Position) -> bool {
        let newest = self.newest.get(&target).copied().flatten();
        newest.is_some_and(|(_, newest)| newest != position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_of_several_records_counts_whatever_their_order() {
        let states = [(7_u128, 2000, 0), (9, 1000, 1), (7, 1000, 2)];
        let mut repeats = Repeats::new();
        states.iter().for_each(|(target, _, _)| repeats.saw(*target));
        assert!(repeats.is_any());
        for (target, at_ms, position) in states {
            repeats.date(target, Order::of(moment(at_ms)), position);
        }

        let superseded = states.map(|(target, _, position)| repeats.is_superseded(target, position));

        assert_eq!(superseded, [false, false, true]);
    }

    #[test]
    fn of_two_records_of_one_moment_the_opt_out_counts() {
        let mut repeats = Repeats::new();
        [5, 5].into_iter().for_each(|target| repeats.saw(target));
        repeats.date(5, Order::of(moment(1000)).opting(true), 0);
        repeats.date(5, Order::of(moment(1000)), 1);

        assert!(!repeats.is_superseded(5, 0) && repeats.is_superseded(5, 1));
    }

    fn moment(ms: i64) -> crate::request::Moment {
        crate::request::Moment { seconds: ms / 1000, nanoseconds: 0, digits: 0 }
    }
}
