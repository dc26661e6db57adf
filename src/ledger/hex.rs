//! Digests as text: lower case, and nothing else is read.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads exactly so many bytes; `None` for anything that [`to_hex`] would not write.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| DIGITS.iter().position(|known| *known == digit).map(|value| value as u8);
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        assert_eq!((to_hex(&[0, 0x9a, 0xff]), from_hex("009aff")), ("009aff".into(), Some([0, 0x9a, 0xff])));
        for wrong in ["009aFF", "009af", "009aff0", "009ag0", ""] {
            assert_eq!(from_hex::<3>(wrong), None, "{wrong}");
        }
    }
}
