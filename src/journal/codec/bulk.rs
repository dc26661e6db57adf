//! The events of an exchange, packed: one intent and one answer per batch.
//!
//! Fields stand in a fixed order without names. Steps of an answer share one table of their paths,
//! because a batch rarely has more than a few.

use crate::job::{Answered, Intended, StepAnswer};

use super::bytes::{Input, put_bytes, put_positions, put_signed, put_text, put_varint};
use super::form::{Form, MOST_IN_BATCH};
use super::{CodecError, ended, marks};

/// Bytes that an answered step takes at least: path, flags, time, length of the output.
const STEP_BYTES: usize = 4;

/// The versions of answers that hold neither marks nor ids, and of ids only the first bytes.
pub(super) const BARE_ANSWERED: u8 = 3;
pub(super) const COMPACT_ANSWERED: u8 = 4;

const REPEATABLE: u8 = 1;
const ACCEPTED: u8 = 1;

pub(super) fn put_intended(intended: &Intended, out: &mut Vec<u8>) {
    put_varint(intended.batch, out);
    put_varint(u64::from(intended.attempt), out);
    out.push(if intended.repeatable { REPEATABLE } else { 0 });
    put_varint(u64::from(intended.step), out);
    put_varint(u64::from(intended.calls), out);
    put_positions(intended.positions.iter().copied(), out);
}

pub(super) fn intended(input: &mut Input<'_>) -> Result<Intended, CodecError> {
    Ok(Intended {
        batch: input.varint()?,
        attempt: input.number()?,
        repeatable: flag(input, REPEATABLE)?,
        step: input.number()?,
        calls: input.number()?,
        positions: input.positions(MOST_IN_BATCH)?,
    })
}

pub(super) fn put_answered(answered: &Answered, form: Form, out: &mut Vec<u8>) {
    put_varint(answered.batch, out);
    put_signed(answered.at_ms, out);
    put_varint(u64::from(answered.status), out);
    put_text(answered.request_id.as_deref(), out);
    put_steps(&answered.steps, answered.at_ms, out);
    ended::put(&answered.ended, form, out);
    if form == Form::Whole {
        marks::put(&answered.marks, answered.at_ms, out);
    }
}

/// Reads an answer; the first version had no marks, the compact ones have neither marks nor whole ids.
pub(super) fn answered(version: u8, input: &mut Input<'_>) -> Result<Answered, CodecError> {
    let form = match version {
        BARE_ANSWERED => Form::Bare,
        COMPACT_ANSWERED => Form::Compact,
        _ => Form::Whole,
    };
    let batch = input.varint()?;
    let at_ms = input.signed()?;
    Ok(Answered {
        batch,
        at_ms,
        status: input.number()?,
        request_id: input.text()?,
        steps: steps(at_ms, input)?,
        ended: ended::read(form, input)?,
        marks: if version == 2 { marks::read(at_ms, input)? } else { Vec::new() },
    })
}

pub(super) fn put_passed(steps: &[StepAnswer], out: &mut Vec<u8>) {
    put_steps(steps, 0, out);
}

pub(super) fn passed(input: &mut Input<'_>) -> Result<Vec<StepAnswer>, CodecError> {
    steps(0, input)
}

fn put_steps(steps: &[StepAnswer], at_ms: i64, out: &mut Vec<u8>) {
    let mut paths: Vec<&str> = Vec::new();
    let mut indexes = Vec::with_capacity(steps.len());
    for step in steps {
        // Neighbours mostly have the same path, so the newest are compared first.
        let known = paths.iter().rposition(|path| *path == step.step);
        indexes.push(known.unwrap_or_else(|| {
            paths.push(&step.step);
            paths.len() - 1
        }));
    }
    put_varint(paths.len() as u64, out);
    for path in paths {
        put_text(Some(path), out);
    }
    put_positions(steps.iter().map(|step| step.position), out);
    for (step, index) in steps.iter().zip(indexes) {
        put_varint(index as u64, out);
        out.push(if step.accepted { ACCEPTED } else { 0 });
        put_signed(step.at_ms.wrapping_sub(at_ms), out);
        put_bytes(&step.output, out);
    }
}

fn steps(at_ms: i64, input: &mut Input<'_>) -> Result<Vec<StepAnswer>, CodecError> {
    let paths = input.count(1)?;
    let paths = (0..paths).map(|_| input.required_text()).collect::<Result<Vec<_>, _>>()?;
    let positions = input.positions(input.left() / STEP_BYTES)?;
    let mut steps = Vec::new();
    for position in positions {
        let index: usize = input.number()?;
        steps.push(StepAnswer {
            position,
            step: paths.get(index).ok_or(CodecError::NotValid("step"))?.clone(),
            accepted: flag(input, ACCEPTED)?,
            at_ms: at_ms.wrapping_add(input.signed()?),
            output: input.bytes()?.to_vec(),
        });
    }
    Ok(steps)
}

fn flag(input: &mut Input<'_>, flag: u8) -> Result<bool, CodecError> {
    match input.byte()? {
        0 => Ok(false),
        byte if byte == flag => Ok(true),
        _ => Err(CodecError::NotValid("flags")),
    }
}
