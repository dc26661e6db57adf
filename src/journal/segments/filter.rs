//! A Bloom filter that touches one cache line per question (split blocks, as Parquet's).
//!
//! It may say yes to a key that is not there, never no to one that is. A yes reads the database, so the
//! many filters of small segments are exact ones (one stranger in 1,600), and the few of great segments,
//! which are nearly all memory that grows with the store, are small ones (one in 70).

use super::Key;

/// Bits per record of a filter that has few: each of up to fourteen such filters is asked of every key, and to read
/// a block takes as long as to ask hundreds of them.
const BITS_OF_FEW: usize = 18;
/// Bits per record of a filter that has many: 11 MB for ten million records.
const BITS_OF_MANY: usize = 9;
/// From here on records are many.
const MANY: usize = 1 << 20;

const WORDS: usize = 8;
type Line = [u32; WORDS];
const LINE_BYTES: usize = size_of::<Line>();

/// Odd constants of the Parquet format's filter: one bit of every word is chosen by each.
const SALTS: Line =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Says whether a key may be there.
#[derive(Debug)]
pub(super) struct Filter {
    lines: Box<[Line]>,
}

impl Filter {
    /// An empty filter with room for so many records.
    pub(super) fn with_room(records: usize) -> Filter {
        let bits = if records < MANY { BITS_OF_FEW } else { BITS_OF_MANY };
        let lines = (records * bits).div_ceil(LINE_BYTES * 8).max(1);
        Filter { lines: vec![[0; WORDS]; lines].into_boxed_slice() }
    }

    pub(super) fn insert(&mut self, probe: Probe) {
        let line = self.line(probe);
        for (word, bit) in self.lines.get_mut(line).into_iter().flatten().zip(probe.mask) {
            *word |= bit;
        }
    }

    pub(super) fn may_contain(&self, probe: Probe) -> bool {
        let Some(line) = self.lines.get(self.line(probe)) else { return true };
        // All words, and not up to the first that says no: where that stands no processor can guess, and until it knows
        // it would not fetch the line of the next key.
        let missing = line.iter().zip(probe.mask).fold(0, |missing, (word, bit)| missing | (!word & bit));
        missing == 0
    }

    /// How it stands on the disk, a cache line at a time: whole it would double its memory.
    pub(super) fn chunks(&self) -> impl Iterator<Item = [u8; LINE_BYTES]> {
        self.lines.iter().map(|line| {
            let mut chunk = [0; LINE_BYTES];
            let (words, _) = chunk.as_chunks_mut::<4>();
            words.iter_mut().zip(line).for_each(|(to, word)| *to = word.to_le_bytes());
            chunk
        })
    }

    /// How many bytes [`Filter::chunks`] are.
    pub(super) fn len_bytes(&self) -> usize {
        self.lines.len() * LINE_BYTES
    }

    /// The filter whose [`Filter::chunks`] these are; `None` when the length cannot be one.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Filter> {
        let (words, []) = bytes.as_chunks::<4>() else { return None };
        let (lines, []) = words.as_chunks::<WORDS>() else { return None };
        let lines: Box<[Line]> = lines.iter().map(|line| line.map(u32::from_le_bytes)).collect();
        (!lines.is_empty()).then_some(Filter { lines })
    }

    fn line(&self, probe: Probe) -> usize {
        ((u128::from(probe.spread) * self.lines.len() as u128) >> 64) as usize
    }
}

/// What every filter asks of a key, worked out once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    spread: u64,
    mask: Line,
}

impl Probe {
    pub(super) fn of(key: Key) -> Probe {
        // The multiplication spreads keys that are no digests, as in tests.
        let spread = ((key >> 64) as u64 ^ key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let low = (key as u64 ^ spread >> 29) as u32;
        Probe { spread, mask: SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn key(number: u64) -> Key {
        let digest = Sha256::digest(number.to_le_bytes());
        Key::from_be_bytes(*digest.first_chunk().unwrap())
    }

    #[test]
    fn a_key_that_is_there_is_always_found_and_a_stranger_rarely() {
        let mut filter = Filter::with_room(20_000);
        (0..20_000).for_each(|number| filter.insert(Probe::of(key(number))));

        let filter = Filter::of_bytes(&filter.chunks().flatten().collect::<Vec<u8>>()).unwrap();
        let strangers =
            (20_000..120_000).filter(|number| filter.may_contain(Probe::of(key(*number)))).count();

        assert!((0..20_000).all(|number| filter.may_contain(Probe::of(key(number)))));
        assert!(strangers < 120, "{strangers} of 100,000 strangers were let in");
        assert!(filter.len_bytes() <= 20_000 * 18 / 8 + 32);
    }

    #[test]
    fn many_keys_share_a_smaller_filter_that_still_turns_most_strangers_away() {
        let records = MANY as u64;
        let mut filter = Filter::with_room(MANY);
        (0..records).for_each(|number| filter.insert(Probe::of(key(number))));

        let asked = records..records + 100_000;
        let strangers = asked.filter(|number| filter.may_contain(Probe::of(key(*number)))).count();

        assert!((0..records).step_by(97).all(|number| filter.may_contain(Probe::of(key(number)))));
        assert!(strangers < 2_000, "{strangers} of 100,000 strangers were let in");
        assert!(filter.len_bytes() <= MANY * 9 / 8 + 32);
    }

    #[test]
    fn keys_that_are_no_digests_are_found_too() {
        let mut filter = Filter::with_room(1000);

        (0..1000).for_each(|key| filter.insert(Probe::of(key)));

        assert!((0..1000).all(|key| filter.may_contain(Probe::of(key))));
        assert!(Filter::of_bytes(&[0; 33]).is_none() && Filter::of_bytes(&[]).is_none());
    }
}
