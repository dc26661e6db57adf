//! A sum over stored bytes, to tell a damaged page from an old one.
//!
//! SQLite notices when the structure of a page is broken, not when a value in it is: an id in a
//! damaged block would be missing without a word. The sum is no secret and stands against accidents,
//! not against people. It changes with any change of up to eight neighbouring bytes, and misses any
//! other change once in four thousand million times.

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// Four sums side by side, so that a processor works on them at once.
const LANES: usize = 4;
/// Bytes that are taken at once.
pub(super) const CHUNK_BYTES: usize = 8 * LANES;

/// The sum of some bytes at some place: bytes that stand in another's place have another sum.
pub(super) fn checksum(place: u64, bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks();
    of_chunks(place, chunks.iter().copied(), rest)
}

/// As [`checksum`], of bytes that do not stand side by side; `rest` is shorter than a chunk.
pub(super) fn of_chunks(place: u64, chunks: impl Iterator<Item = [u8; CHUNK_BYTES]>, rest: &[u8]) -> u32 {
    let mut lanes = [place, place ^ 1, place ^ 2, place ^ 3].map(|lane| lane.wrapping_mul(FACTOR));
    let mut length = rest.len() as u64;
    for chunk in chunks {
        take(&mut lanes, &chunk);
        length += CHUNK_BYTES as u64;
    }
    let mut last = [0; CHUNK_BYTES];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    take(&mut lanes, &last);
    let length = length.wrapping_mul(FACTOR);
    let sum = lanes.iter().fold(length, |sum, lane| (sum.rotate_left(29) ^ lane).wrapping_mul(FACTOR));
    (sum >> 32) as u32 ^ sum as u32
}

fn take(lanes: &mut [u64; LANES], chunk: &[u8; CHUNK_BYTES]) {
    let (words, _) = chunk.as_chunks::<8>();
    for (lane, word) in lanes.iter_mut().zip(words) {
        *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(31);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_byte_of_the_length_or_of_the_place_changes_the_sum() {
        let bytes: Vec<u8> = (0..101_u8).collect();
        let sum = checksum(7, &bytes);

        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert_ne!(checksum(7, &changed), sum, "{at}");
            assert_ne!(checksum(7, &bytes[..at]), sum, "{at}");
        }
        assert_ne!(checksum(8, &bytes), sum);
        assert_ne!(checksum(0, &[]), checksum(0, &[0]));
        assert_eq!(checksum(7, &bytes), sum);
    }
}
