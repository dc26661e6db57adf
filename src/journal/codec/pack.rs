//! Many numbered bodies as one, packed by what differs.
//!
//! ```text
//! how many │ how many bytes │ deflate( shapes │ which │ numbers │ moments │ planes │ long ones )
//! ```
//!
//! Short bodies of one kind and length are much alike: that one person was looked for, and then the next. Of
//! those the first bytes stand side by side, then the second ones, each as its distance from the one before, of
//! which little is left. Long ones stand as they are, with their length. Numbers and moments stand as
//! their distances from those before. Reading believes in no more than the bytes before packing that are said,
//! and in so many at most.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::read::DeflateEncoder;

use super::CodecError;
use super::bytes::{Input, put_bytes, put_signed, put_varint};

/// Bytes before packing that a reader believes in, and a writer stays below by far.
const MOST_BYTES: usize = 16 << 20;
/// How many a reader believes in.
pub(super) const MOST: usize = 1 << 17;
/// Bytes of a short body at most.
const SHORT: usize = 64;

/// What is alike: the first byte of a body, which is its kind, and its length.
type Shape = (Option<u8>, usize);

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
pub(super) fn pack(all: &[Packed], out: &mut Vec<u8>) {
    let mut shapes: Vec<(Shape, Vec<&[u8]>)> = Vec::new();
    let (mut which, mut numbers, mut moments, mut long) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut id, mut at_ms) = (0_i64, 0_i64);
    for one in all {
        put_signed(one.id.wrapping_sub(id), &mut numbers);
        put_signed(one.at_ms.wrapping_sub(at_ms), &mut moments);
        (id, at_ms) = (one.id, one.at_ms);
        if one.body.len() > SHORT {
            put_varint(0, &mut which);
            put_bytes(&one.body, &mut long);
            continue;
        }
        let shape = (one.body.first().copied(), one.body.len());
        let place = shapes.iter().position(|(known, _)| *known == shape).unwrap_or_else(|| {
            shapes.push((shape, Vec::new()));
            shapes.len() - 1
        });
        put_varint(place as u64 + 1, &mut which);
        if let Some((_, bodies)) = shapes.get_mut(place) {
            bodies.push(&one.body);
        }
    }
    let mut plain = Vec::new();
    put_varint(shapes.len() as u64, &mut plain);
    shapes.iter().for_each(|((_, length), _)| put_varint(*length as u64, &mut plain));
    for stream in [&which, &numbers, &moments] {
        plain.extend_from_slice(stream);
    }
    for ((_, length), bodies) in &shapes {
        for plane in 0..*length {
            let mut before = 0_u8;
            plain.extend(bodies.iter().filter_map(|body| body.get(plane)).map(|byte| {
                let distance = byte.wrapping_sub(before);
                before = *byte;
                distance
            }));
        }
    }
    plain.extend_from_slice(&long);
    put_varint(all.len() as u64, out);
    put_deflated(&plain, out);
}

/// How many are packed.
pub(super) fn count(input: &mut Input<'_>) -> Result<usize, CodecError> {
    input.number()
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<Packed>, CodecError> {
    let mut input = Input::new(packed);
    let count = count(&mut input)?;
    let plain = deflated(&mut input)?;
    let mut input = Input::new(&plain);
    let shapes = input.count(1)?;
    let shapes = (0..shapes).map(|_| input.number::<usize>()).collect::<Result<Vec<_>, _>>()?;
    if count > input.left().min(MOST) || shapes.iter().any(|length| *length > SHORT) {
        return Err(CodecError::NotValid("length"));
    }
    let which = (0..count).map(|_| input.number::<usize>()).collect::<Result<Vec<_>, _>>()?;
    let numbers = summed(count, &mut input)?;
    let moments = summed(count, &mut input)?;
    let mut uses = vec![0_usize; shapes.len()];
    for place in which.iter().filter_map(|place| place.checked_sub(1)) {
        *uses.get_mut(place).ok_or(CodecError::NotValid("shape"))? += 1;
    }
    let mut short = Vec::new();
    for (length, uses) in shapes.into_iter().zip(uses) {
        let mut bodies = vec![Vec::with_capacity(length); uses];
        for _ in 0..length {
            let mut before = 0_u8;
            for body in &mut bodies {
                before = before.wrapping_add(input.byte()?);
                body.push(before);
            }
        }
        short.push(bodies.into_iter());
    }
    let mut all = Vec::with_capacity(count);
    for ((place, id), at_ms) in which.into_iter().zip(numbers).zip(moments) {
        let body = match place.checked_sub(1) {
            None => input.bytes()?.to_vec(),
            Some(place) => {
                let next = short.get_mut(place).and_then(Iterator::next);
                next.ok_or(CodecError::NotValid("shape"))?
            }
        };
        all.push(Packed { id, at_ms, body });
    }
    input.end()?;
    Ok(all)
}

/// Writes bytes deflated, behind how many there were.
pub(super) fn put_deflated(plain: &[u8], out: &mut Vec<u8>) {
    put_varint(plain.len() as u64, out);
    // Reading from memory cannot fail; what is not whole would be refused when it is read.
    if let Err(error) = DeflateEncoder::new(plain, Compression::default()).read_to_end(out) {
        tracing::error!(%error, "what is to be stored could not be packed");
    }
}

/// Reads what [`put_deflated`] wrote at the end.
pub(super) fn deflated(input: &mut Input<'_>) -> Result<Vec<u8>, CodecError> {
    let length: usize = input.number()?;
    if length > MOST_BYTES {
        return Err(CodecError::NotValid("length"));
    }
    let packed = input.rest();
    let (mut plain, mut decoder) = (Vec::new(), DeflateDecoder::new(packed));
    let unpacked = decoder.by_ref().take(length as u64 + 1).read_to_end(&mut plain);
    if unpacked.is_err() || plain.len() != length || decoder.total_in() != packed.len() as u64 {
        return Err(CodecError::NotValid("packing"));
    }
    Ok(plain)
}

/// Numbers that stand as their distances.
pub(super) fn summed(count: usize, input: &mut Input<'_>) -> Result<Vec<i64>, CodecError> {
    if count > input.left() {
        return Err(CodecError::CutOff);
    }
    let mut number = 0_i64;
    let mut next = || -> Result<i64, CodecError> {
        number = number.wrapping_add(input.signed()?);
        Ok(number)
    };
    (0..count).map(|_| next()).collect()
}
