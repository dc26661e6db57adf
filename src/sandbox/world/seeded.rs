//! Everything that looks random in the sandbox, drawn from its seed.

/// A number that follows from a seed and a counter and looks like chance (SplitMix64).
pub(in crate::sandbox) fn mixed(seed: u64, counter: u64) -> u64 {
    let mut z = seed.wrapping_add(counter.wrapping_add(1).wrapping_mul(STRIDE));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The braze_id of a place: 24 hexadecimal digits that can be read back, so no table is needed.
pub(super) fn braze_id(seed: u64, place: u32) -> String {
    let body = (u64::from(place) + 1).wrapping_mul(STRIDE) ^ seed;
    format!("{:08x}{body:016x}", prefix(seed))
}

/// The place whose braze_id this is.
pub(super) fn place_of(seed: u64, braze_id: &str) -> Option<u32> {
    let (head, body) = (braze_id.get(..8)?, braze_id.get(8..24)?);
    let is_plain = braze_id.len() == 24 && braze_id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_plain || u64::from_str_radix(head, 16) != Ok(prefix(seed)) {
        return None;
    }
    let body = u64::from_str_radix(body, 16).ok()? ^ seed;
    u32::try_from(body.wrapping_mul(UNSTRIDE).checked_sub(1)?).ok()
}

/// The eight digits with which every braze_id of a seed starts.
fn prefix(seed: u64) -> u64 {
    mixed(seed, u64::MAX) >> 32
}

/// Odd, so that multiplying by it can be undone; the golden ratio spreads neighbours far apart.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Undoes a multiplication by `STRIDE`.
const UNSTRIDE: u64 = inverse(STRIDE);

/// The inverse of an odd number modulo 2^64; each round doubles the number of right bits.
const fn inverse(odd: u64) -> u64 {
    let mut guess = odd;
    let mut round = 0;
    while round < 6 {
        guess = guess.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(guess)));
        round += 1;
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_braze_id_leads_back_to_its_place_under_its_own_seed_only() {
        for place in [0, 1, 77, u32::MAX] {
            let id = braze_id(42, place);

            assert_eq!((id.len(), place_of(42, &id), place_of(43, &id)), (24, Some(place), None));
        }
        assert_eq!(place_of(42, "not an id at all éééééé"), None);
    }
}
