//! The small words of the packed formats: numbers of few bytes, texts, lists of positions.
//!
//! Numbers are LEB128, signed ones zigzag. Reading checks every length against what is left before
//! anything is allocated.

use crate::job::Position;

use super::CodecError;

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put_varint(((value << 1) ^ (value >> 63)) as u64, out);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A text that may be absent: its length plus one, or zero.
pub(super) fn put_text(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => {
            put_varint(text.len() as u64 + 1, out);
            out.extend_from_slice(text.as_bytes());
        }
        None => put_varint(0, out),
    }
}

/// Positions as runs of neighbours: (distance from the end of the run before, length - 1), after
/// their count. A batch of consecutive records takes a handful of bytes.
pub(super) fn put_positions(positions: impl ExactSizeIterator<Item = Position>, out: &mut Vec<u8>) {
    put_varint(positions.len() as u64, out);
    let mut expected: Position = 0;
    let mut run: Option<(Position, u64)> = None;
    let mut put_run = |start: Position, length: u64, out: &mut Vec<u8>| {
        put_signed(start.wrapping_sub(expected) as i64, out);
        put_varint(length - 1, out);
        expected = start.wrapping_add(length);
    };
    for position in positions {
        run = match run {
            Some((start, length)) if start.wrapping_add(length) == position => Some((start, length + 1)),
            Some((start, length)) => {
                put_run(start, length, out);
                Some((position, 1))
            }
            None => Some((position, 1)),
        };
    }
    if let Some((start, length)) = run {
        put_run(start, length, out);
    }
}

/// What is left of a body.
#[derive(Debug)]
pub(super) struct Input<'a> {
    left: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(left: &'a [u8]) -> Input<'a> {
        Input { left }
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let (&byte, left) = self.left.split_first().ok_or(CodecError::CutOff)?;
        self.left = left;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (array, left) = self.left.split_first_chunk().ok_or(CodecError::CutOff)?;
        self.left = left;
        Ok(*array)
    }

    pub(super) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::NotValid("number"))
    }

    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, CodecError> {
        T::try_from(self.varint()?).map_err(|_| CodecError::NotValid("number"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, CodecError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A count of things that take at least `least_bytes` each.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, CodecError> {
        let count: usize = self.number()?;
        if count > self.left.len() / least_bytes { Err(CodecError::CutOff) } else { Ok(count) }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.count(1)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<Option<String>, CodecError> {
        let Some(length) = self.varint()?.checked_sub(1) else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| CodecError::CutOff)?;
        let text = str::from_utf8(self.take(length)?).map_err(|_| CodecError::NotValid("text"))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn required_text(&mut self) -> Result<String, CodecError> {
        self.text()?.ok_or(CodecError::NotValid("text"))
    }

    /// Positions of which there can be `most`, because a run of any length takes a few bytes.
    pub(super) fn positions(&mut self, most: usize) -> Result<Vec<Position>, CodecError> {
        let count: usize = self.number()?;
        if count > most {
            return Err(CodecError::NotValid("number of records"));
        }
        let mut positions = Vec::with_capacity(count);
        let mut expected: Position = 0;
        while positions.len() < count {
            let start = expected.wrapping_add(self.signed()? as u64);
            let length = self.varint()?.checked_add(1).ok_or(CodecError::NotValid("run"))?;
            if length > (count - positions.len()) as u64 {
                return Err(CodecError::NotValid("run"));
            }
            positions.extend((0..length).map(|step| start.wrapping_add(step)));
            expected = start.wrapping_add(length);
        }
        Ok(positions)
    }

    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    pub(super) fn end(&self) -> Result<(), CodecError> {
        if self.left.is_empty() { Ok(()) } else { Err(CodecError::TooLong(self.left.len())) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (bytes, left) = self.left.split_at_checked(length).ok_or(CodecError::CutOff)?;
        self.left = left;
        Ok(bytes)
    }
}
