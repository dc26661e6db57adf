//! The identifiers of requests, packed: positions, then for each how many digests and the digests.

use crate::job::Identified;

use super::CodecError;
use super::bytes::{Input, put_positions, put_varint};

const DIGEST_BYTES: usize = 16;

pub(super) fn put(identified: &[Identified], out: &mut Vec<u8>) {
    put_positions(identified.iter().map(|one| one.position), out);
    for Identified { identifiers, .. } in identified {
        put_varint(identifiers.len() as u64, out);
        identifiers.iter().for_each(|digest| out.extend_from_slice(digest));
    }
}

pub(super) fn read(input: &mut Input<'_>) -> Result<Vec<Identified>, CodecError> {
    let positions = input.positions(input.left())?;
    let mut identified = Vec::with_capacity(positions.len());
    for position in positions {
        let count: usize = input.number()?;
        if count > input.left() / DIGEST_BYTES {
            return Err(CodecError::CutOff);
        }
        let mut identifiers = Vec::with_capacity(count);
        for _ in 0..count {
            identifiers.push(input.array()?);
        }
        identified.push(Identified { position, identifiers });
    }
    Ok(identified)
}
