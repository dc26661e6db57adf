//! Many numbered texts as one, packed: events of a job that is over, entries of the ledger.
//!
//! ```text
//! how many │ how many bytes │ deflate( number │ moment │ length │ bytes … )
//! ```
//!
//! Numbers and moments stand as their distances from those before. Reading believes in no more than the bytes
//! before packing that are said, and in so many at most.

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};

use super::CodecError;
use super::bytes::{Input, put_bytes, put_signed, put_varint};

/// Bytes before packing that a reader believes in, and a writer stays below by far.
const MOST_BYTES: usize = 16 << 20;
/// Bytes that one takes at least.
const LEAST_BYTES: usize = 3;

/// One of those that are packed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::journal) struct Packed {
    /// Its number.
    pub id: i64,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
    /// What it says.
    pub body: Vec<u8>,
}

/// Packs them behind what `out` already holds.
pub(in crate::journal) fn pack(all: &[Packed], out: &mut Vec<u8>) {
    let mut plain = Vec::with_capacity(all.iter().map(|one| one.body.len() + 8).sum());
    let (mut id, mut at_ms) = (0_i64, 0_i64);
    for one in all {
        put_signed(one.id.wrapping_sub(id), &mut plain);
        put_signed(one.at_ms.wrapping_sub(at_ms), &mut plain);
        put_bytes(&one.body, &mut plain);
        (id, at_ms) = (one.id, one.at_ms);
    }
    put_varint(all.len() as u64, out);
    put_varint(plain.len() as u64, out);
    // Reading from memory cannot fail; what is not whole would be refused when it is read.
    if let Err(error) = DeflateEncoder::new(plain.as_slice(), Compression::default()).read_to_end(out) {
        tracing::error!(%error, "what is to be stored could not be packed");
    }
}

/// How many are packed.
pub(super) fn count(input: &mut Input<'_>) -> Result<usize, CodecError> {
    input.number()
}

/// Reads what [`pack`] wrote.
pub(in crate::journal) fn unpack(packed: &[u8]) -> Result<Vec<Packed>, CodecError> {
    let mut input = Input::new(packed);
    let (count, length) = (count(&mut input)?, input.number::<usize>()?);
    if length > MOST_BYTES || count > length / LEAST_BYTES {
        return Err(CodecError::NotValid("length"));
    }
    let mut plain = Vec::new();
    let unpacked = DeflateDecoder::new(input.rest()).take(length as u64 + 1).read_to_end(&mut plain);
    if unpacked.is_err() || plain.len() != length {
        return Err(CodecError::NotValid("packing"));
    }
    let mut input = Input::new(&plain);
    let (mut id, mut at_ms) = (0_i64, 0_i64);
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        id = id.wrapping_add(input.signed()?);
        at_ms = at_ms.wrapping_add(input.signed()?);
        all.push(Packed { id, at_ms, body: input.bytes()?.to_vec() });
    }
    input.end()?;
    Ok(all)
}
