//! Which records of a job are over: one bit each.
//!
//! The bits grow with the positions that come. They stand in pieces that exist only where a record
//! ended, so that a wild position from a damaged journal costs one piece and not all the memory.

use std::collections::BTreeMap;

use super::Position;

/// Bits in a piece: 64 kB of records in 8 kB, and 150 pieces for ten million.
const PIECE_BITS: u64 = 65_536;
const WORDS: usize = (PIECE_BITS / 64) as usize;

/// A set of positions.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    pieces: BTreeMap<u64, Box<[u64]>>,
    count: u64,
}

impl Finished {
    /// Whether the record is over.
    pub fn contains(&self, position: Position) -> bool {
        let (piece, word, bit) = place(position);
        self.pieces.get(&piece).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
    }

    /// Notes that a record is over; `false` when it was before.
    pub fn insert(&mut self, position: Position) -> bool {
        let (piece, word, bit) = place(position);
        let words = self.pieces.entry(piece).or_insert_with(|| vec![0; WORDS].into_boxed_slice());
        match words.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                self.count += 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Notes that a record is not over after all; `false` when it was not.
    pub fn remove(&mut self, position: Position) -> bool {
        let (piece, word, bit) = place(position);
        match self.pieces.get_mut(&piece).and_then(|words| words.get_mut(word)) {
            Some(word) if *word & bit != 0 => {
                *word &= !bit;
                self.count -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The record of a place among those that are over, from 0.
    pub fn nth(&self, place: u64) -> Option<Position> {
        let mut left = place;
        for (piece, words) in &self.pieces {
            for (at, word) in (0_u64..).zip(words.iter()) {
                let count = u64::from(word.count_ones());
                if left >= count {
                    left -= count;
                    continue;
                }
                let bit = (0..64).filter(|bit| word & (1 << bit) != 0).nth(usize::try_from(left).ok()?)?;
                return Some(piece * PIECE_BITS + at * 64 + bit);
            }
        }
        None
    }

    /// The records that are over, in the order of the input.
    pub fn iter(&self) -> impl Iterator<Item = Position> {
        let words = self.pieces.iter().flat_map(|(piece, words)| {
            (0_u64..).zip(words.iter()).map(move |(at, word)| (piece * PIECE_BITS + at * 64, *word))
        });
        words.flat_map(|(first, word)| {
            let bits = (0..64).filter(move |bit| word & (1 << bit) != 0);
            bits.map(move |bit| first + bit)
        })
    }

    /// How many records are over.
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn place(position: Position) -> (u64, usize, u64) {
    let within = position % PIECE_BITS;
    (position / PIECE_BITS, (within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_over_once_and_its_neighbours_are_not() {
        let mut finished = Finished::default();

        let first = [0, 63, 64, 65_535, 65_536, u64::MAX].map(|position| finished.insert(position));
        let again = [0, 65_536, u64::MAX].map(|position| finished.insert(position));

        assert_eq!((first, again), ([true; 6], [false; 3]));
        assert_eq!(finished.count(), 6);
        let places = [0, 1, 2, 3, 4, 5, 6].map(|place| finished.nth(place));
        let known = [0, 63, 64, 65_535, 65_536, u64::MAX].map(Some);
        assert_eq!((&places[..6], places[6]), (&known[..], None));
        assert!(finished.contains(u64::MAX) && finished.contains(64));
        assert_eq!([63, 63, 9_000_000].map(|position| finished.remove(position)), [true, false, false]);
        assert!(finished.count() == 5 && !finished.contains(63) && finished.insert(63));
        assert_eq!(finished.iter().collect::<Vec<_>>(), [0, 63, 64, 65_535, 65_536, u64::MAX]);
        assert!(!finished.contains(1) && !finished.contains(u64::MAX - 1) && !finished.contains(65_537));
    }
}
