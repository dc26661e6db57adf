//! The records of a block without what they have in common.
//!
//! ```text
//! 1 │ count │ bytes of the key that differ │ of the value │ first key │ first value │ rows
//! 1   2       2 (a bit for each of 16)       2              16          16            count × width
//! ```
//!
//! Neighbours begin alike, were made by the same job, in the same minutes: a byte that is the same in all keys
//! or all values of a block stands once, and a row holds the others, those of the key first. So a record of an
//! id takes 23 bytes in place of 32, one of the gate 16; nothing is lost of any. Rows are of one width, so that
//! a key is found by halves. Numbers are little-endian.

use super::{Key, Value};

/// Bytes of a key, and of a value.
const BYTES: usize = 16;
/// First byte: what a later release lays out in another way begins with another.
const LAYOUT: u8 = 1;
/// Bytes before the rows.
const HEAD_BYTES: usize = 1 + 2 + 2 + 2 + BYTES + BYTES;

/// Records that are to stand in one block, with what it takes so far.
#[derive(Debug, Default)]
pub(super) struct Packing {
    records: Vec<(Key, Value)>,
    /// Bits in which some key differs from the first, and some value.
    keys: u128,
    values: u128,
    width: usize,
}

impl Packing {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes a record, if all of them then take so many bytes at most; `false` when they would take more.
    pub(super) fn take(&mut self, key: Key, value: Value, most_bytes: usize) -> bool {
        let (first_key, first_value) = self.records.first().copied().unwrap_or((key, value));
        let keys = self.keys | key ^ first_key;
        let values = self.values | u128::from_be_bytes(value) ^ u128::from_be_bytes(first_value);
        let width = if (keys, values) == (self.keys, self.values) {
            self.width
        } else {
            (mask_of(keys).count_ones() + mask_of(values).count_ones()) as usize
        };
        let count = self.records.len() + 1;
        let is_room = HEAD_BYTES + count * width <= most_bytes && count <= usize::from(u16::MAX);
        if is_room || self.records.is_empty() {
            self.records.push((key, value));
            (self.keys, self.values, self.width) = (keys, values, width);
        }
        is_room || count == 1
    }

    /// Writes the records behind what `out` holds, and is empty again.
    pub(super) fn put(&mut self, out: &mut Vec<u8>) {
        let Some((first_key, first_value)) = self.records.first().copied() else { return };
        let (of_keys, of_values) = (mask_of(self.keys), mask_of(self.values));
        out.reserve(HEAD_BYTES + self.records.len() * self.width + 8);
        out.push(LAYOUT);
        out.extend_from_slice(&(self.records.len() as u16).to_le_bytes());
        out.extend_from_slice(&of_keys.to_le_bytes());
        out.extend_from_slice(&of_values.to_le_bytes());
        out.extend_from_slice(&first_key.to_be_bytes());
        out.extend_from_slice(&first_value);
        for (key, value) in self.records.drain(..) {
            put_chosen(of_keys, &key.to_be_bytes(), out);
            put_chosen(of_values, &value, out);
        }
        (self.keys, self.values, self.width) = (0, 0, 0);
    }
}

/// The records of a block as they were packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'a> {
    first_key: [u8; BYTES],
    first_value: Value,
    of_keys: u16,
    of_values: u16,
    count: usize,
    width: usize,
    rows: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Reads what [`Packing::put`] wrote, and a byte of filling; `None` when it is something else.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Packed<'a>> {
        let (layout, rest) = bytes.split_first()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (of_keys, rest) = rest.split_first_chunk()?;
        let (of_values, rest) = rest.split_first_chunk()?;
        let (first_key, rest) = rest.split_first_chunk()?;
        let (first_value, rest) = rest.split_first_chunk()?;
        let [count, of_keys, of_values] = [count, of_keys, of_values].map(|bytes| u16::from_le_bytes(*bytes));
        let (count, width) = (usize::from(count), (of_keys.count_ones() + of_values.count_ones()) as usize);
        let rows = rest.get(..count * width)?;
        let is_whole = *layout == LAYOUT && count > 0 && rest.len() - rows.len() <= 1;
        let (first_key, first_value) = (*first_key, *first_value);
        is_whole.then_some(Packed { first_key, first_value, of_keys, of_values, count, width, rows })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The record at a place; `None` behind the end.
    pub(super) fn record(&self, index: usize) -> Option<(Key, Value)> {
        let row = self.row(index)?;
        let (of_key, of_value) = row.split_at_checked(self.of_keys.count_ones() as usize)?;
        let key = with_chosen(self.first_key, self.of_keys, of_key);
        Some((Key::from_be_bytes(key), with_chosen(self.first_value, self.of_values, of_value)))
    }

    /// The value of a key.
    pub(super) fn find(&self, key: Key) -> Option<Value> {
        let (wanted, mut chosen) = (key.to_be_bytes(), Vec::with_capacity(BYTES));
        put_chosen(self.of_keys, &wanted, &mut chosen);
        if with_chosen(self.first_key, self.of_keys, &chosen) != wanted {
            return None;
        }
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = from.midpoint(to);
            match self.row(middle)?.get(..chosen.len())?.cmp(&chosen) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return self.record(middle).map(|(_, value)| value),
            }
        }
        None
    }

    fn row(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        self.rows.get(index * self.width..(index + 1) * self.width)
    }
}

/// Which bytes of sixteen have a bit set, the first as the lowest bit.
fn mask_of(bits: u128) -> u16 {
    let bytes = bits.to_be_bytes().into_iter();
    bytes.zip(0..).fold(0, |mask, (byte, place)| mask | u16::from(byte != 0) << place)
}

/// Writes the bytes that a mask chooses.
fn put_chosen(mask: u16, bytes: &[u8; BYTES], out: &mut Vec<u8>) {
    out.extend(bytes.iter().zip(0..).filter(|(_, place)| mask >> *place & 1 == 1).map(|(byte, _)| *byte));
}

/// Some bytes with others in the places that a mask chooses.
fn with_chosen(mut bytes: [u8; BYTES], mask: u16, chosen: &[u8]) -> [u8; BYTES] {
    let places = bytes.iter_mut().zip(0..).filter(|(_, place)| mask >> *place & 1 == 1);
    places.zip(chosen).for_each(|((byte, _), chosen)| *byte = *chosen);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn packed(records: &[(Key, Value)]) -> Vec<u8> {
        let (mut packing, mut out) = (Packing::default(), Vec::new());
        assert!(records.iter().all(|(key, value)| packing.take(*key, *value, 1 << 20)));
        packing.put(&mut out);
        assert!(packing.is_empty());
        out
    }

    proptest! {
        #[test]
        fn every_record_comes_back_and_no_other(
            records in btree_map(any::<u128>(), any::<[u8; 16]>(), 1..200), alike in 0_u32..128, other: u128,
        ) {
            // Keys that begin alike, and values of which many bytes are the same.
            let few = |value: [u8; 16]| (u128::from_be_bytes(value) >> alike).to_be_bytes();
            let records: std::collections::BTreeMap<Key, Value> =
                records.into_iter().map(|(key, value)| (key >> alike, few(value))).collect();
            let list: Vec<(Key, Value)> = records.iter().map(|(key, value)| (*key, *value)).collect();

            let bytes = packed(&list);

            let read = Packed::read(&bytes).unwrap();
            prop_assert_eq!((0..).map_while(|index| read.record(index)).collect::<Vec<_>>(), list);
            prop_assert!(records.iter().all(|(key, value)| read.find(*key) == Some(*value)));
            for stranger in [other, other >> alike, 0, u128::MAX] {
                prop_assert_eq!(read.find(stranger), records.get(&stranger).copied());
            }
            prop_assert!(Packed::read(&bytes[..bytes.len() - 1]).is_none());
            prop_assert!(Packed::read(&[bytes.as_slice(), &[0, 0]].concat()).is_none());
        }

        #[test]
        fn noise_never_panics(noise in vec(any::<u8>(), 0..200), key: u128) {
            if let Some(read) = Packed::read(&noise) {
                prop_assert!((0..).map_while(|index| read.record(index)).count() <= read.count());
                prop_assert!(read.find(key).is_none() || noise.len() > HEAD_BYTES);
            }
        }
    }

    #[test]
    fn records_are_taken_until_their_room_is_full_and_one_is_always_taken() {
        let mut packing = Packing::default();

        let taken =
            (0..100_u128).take_while(|key| packing.take(key << 120, [0; 16], HEAD_BYTES + 10)).count();
        let mut out = Vec::new();
        packing.put(&mut out);

        assert_eq!((taken, out.len()), (10, HEAD_BYTES + 10));
        assert!(Packing::default().take(1, [1; 16], 0));
    }
}
