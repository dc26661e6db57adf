//! Whom calls would erase, and whose erasure is presumed, packed by column.
//!
//! Keys are digests and take what they take; of the rest a batch of neighbours needs a handful of bytes.

use crate::job::{Attempted, Presumed};

use super::bytes::{Input, put_positions, put_signed, put_varint};
use super::form::MOST_IN_BATCH;
use super::{CodecError, marks};

const KEY_BYTES: usize = 16;

pub(super) fn put(attempted: &Attempted, out: &mut Vec<u8>) {
    out.reserve(attempted.people.len() * KEY_BYTES + 32);
    put_varint(attempted.batch, out);
    put_varint(attempted.tag, out);
    put_positions(attempted.people.iter().map(|(position, _)| *position), out);
    attempted.people.iter().for_each(|(_, key)| out.extend_from_slice(key));
}

pub(super) fn read(input: &mut Input<'_>) -> Result<Attempted, CodecError> {
    let (batch, tag) = (input.varint()?, input.varint()?);
    let positions = input.positions(input.left() / KEY_BYTES)?;
    let person = |position| Ok((position, input.array()?));
    let people = positions.into_iter().map(person).collect::<Result<_, CodecError>>()?;
    Ok(Attempted { batch, tag, people })
}

pub(super) fn put_presumed(presumed: &Presumed, out: &mut Vec<u8>) {
    put_signed(presumed.at_ms, out);
    put_positions(presumed.positions.iter().copied(), out);
    marks::put(&presumed.marks, presumed.at_ms, out);
}

pub(super) fn presumed(input: &mut Input<'_>) -> Result<Presumed, CodecError> {
    let at_ms = input.signed()?;
    let positions = input.positions(MOST_IN_BATCH)?;
    Ok(Presumed { at_ms, positions, marks: marks::read(at_ms, input)? })
}
