//! The marks of an answer, packed by column: shapes, then keys, then times.
//!
//! Neighbours are mostly alike, so shapes stand in runs, and a moment stands as its distance from the
//! one before, in the unit of its own precision: a mark takes its key and one to five bytes.

use crate::job::{Mark, MarkKind};
use crate::request::{Order, OrderParts};

use super::CodecError;
use super::bytes::{Input, put_signed, put_varint};

/// Bits of a shape: the digits of the moment, then what else is known of the mark.
const DIGITS: u8 = 0x0f;
const ERASED: u8 = 0x10;
const OPTS_OUT: u8 = 0x20;
const PLACED: u8 = 0x40;
/// The moment is finer than its digits say, so it stands in nanoseconds.
const FINER: u8 = 0x80;

/// Bytes of a mark at least: its key and a time.
const MARK_BYTES: usize = 17;
/// Nanoseconds in a millisecond.
const MILLISECOND: i64 = 1_000_000;

/// Writes marks; `at_ms` is when the exchange was answered.
pub(super) fn put(marks: &[Mark], at_ms: i64, out: &mut Vec<u8>) {
    put_varint(marks.len() as u64, out);
    for run in marks.chunk_by(|one, next| shape(one) == shape(next)) {
        let Some(first) = run.first() else { continue };
        put_varint(run.len() as u64, out);
        out.push(shape(first));
    }
    for mark in marks {
        out.extend_from_slice(&mark.key);
    }
    let (mut moment, mut placed) = (at_ms.wrapping_mul(MILLISECOND), 0_u64);
    for mark in marks {
        let OrderParts { nanoseconds, place, .. } = mark.order.into();
        let unit = unit(shape(mark));
        put_signed((nanoseconds.div_euclid(unit)).wrapping_sub(moment.div_euclid(unit)), out);
        moment = nanoseconds;
        if let Some(place) = place {
            put_signed(place.wrapping_sub(placed).cast_signed(), out);
            placed = place;
        }
    }
}

pub(super) fn read(at_ms: i64, input: &mut Input<'_>) -> Result<Vec<Mark>, CodecError> {
    let count = input.count(MARK_BYTES)?;
    let mut shapes: Vec<u8> = Vec::with_capacity(count);
    while shapes.len() < count {
        let length: usize = input.number()?;
        if length == 0 || length > count - shapes.len() {
            return Err(CodecError::NotValid("run"));
        }
        let shape = input.byte()?;
        if shape & DIGITS > 9 {
            return Err(CodecError::NotValid("precision"));
        }
        shapes.extend(std::iter::repeat_n(shape, length));
    }
    let keys = (0..count).map(|_| input.array()).collect::<Result<Vec<_>, _>>()?;
    let (mut moment, mut placed) = (at_ms.wrapping_mul(MILLISECOND), 0_u64);
    let mut marks = Vec::with_capacity(count);
    for (shape, key) in shapes.into_iter().zip(keys) {
        let unit = unit(shape);
        let units = moment.div_euclid(unit).wrapping_add(input.signed()?);
        moment = units.checked_mul(unit).ok_or(CodecError::NotValid("moment"))?;
        let mut place = None;
        if shape & PLACED != 0 {
            placed = placed.wrapping_add(input.signed()?.cast_unsigned());
            place = Some(placed);
        }
        let kind = if shape & ERASED != 0 { MarkKind::Erased } else { MarkKind::Target };
        let (digits, opts_out) = (shape & DIGITS, shape & OPTS_OUT != 0);
        let order = Order::from(OrderParts { nanoseconds: moment, digits, place, opts_out });
        marks.push(Mark { kind, key, order });
    }
    Ok(marks)
}

fn shape(mark: &Mark) -> u8 {
    let OrderParts { nanoseconds, digits, place, opts_out } = mark.order.into();
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let is_finer = nanoseconds.rem_euclid(unit(digits)) != 0;
    let kind = match mark.kind {
        MarkKind::Target => 0,
        MarkKind::Erased => ERASED,
    };
    digits | kind | flag(opts_out, OPTS_OUT) | flag(place.is_some(), PLACED) | flag(is_finer, FINER)
}

/// Nanoseconds in the unit that a shape's moments stand in.
fn unit(shape: u8) -> i64 {
    match shape & FINER {
        0 => 10_i64.pow(9 - u32::from((shape & DIGITS).min(9))),
        _ => 1,
    }
}
