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
/// The same of a small one: path and flags in one, time.
const SMALL_STEP_BYTES: usize = 2;

/// The versions of answers that hold neither marks nor ids, and of ids only the first bytes.
pub(super) const BARE_ANSWERED: u8 = 3;
pub(super) const COMPACT_ANSWERED: u8 = 4;
/// The version without outputs that nobody can use; see [`Form::Small`].
pub(super) const SMALL_ANSWERED: u8 = 5;
/// First byte of small steps when no output is left in them, and when some are.
pub(super) const NO_OUTPUTS: u8 = 0;
const OUTPUTS: u8 = 1;

const REPEATABLE: u8 = 1;
const ACCEPTED: u8 = 1;
/// Lowest bits of a small step; its path stands above them.
const HAS_OUTPUT: u64 = 1;
const WAS_ACCEPTED: u64 = 2;
const PATH: u32 = 2;

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
    if form == Form::Small {
        out.push(outputs(&answered.steps));
    }
    put_varint(answered.batch, out);
    put_signed(answered.at_ms, out);
    put_varint(u64::from(answered.status), out);
    put_text(answered.request_id.as_deref(), out);
    put_steps(&answered.steps, answered.at_ms, form, out);
    ended::put(&answered.ended, form, out);
    if form == Form::Whole {
        marks::put(&answered.marks, answered.at_ms, out);
    }
}

/// Reads an answer; the first version had no marks, the later ones have neither marks nor whole ids.
pub(super) fn answered(version: u8, input: &mut Input<'_>) -> Result<Answered, CodecError> {
    let form = match version {
        BARE_ANSWERED => Form::Bare,
        COMPACT_ANSWERED => Form::Compact,
        SMALL_ANSWERED => Form::Small,
        _ => Form::Whole,
    };
    let said = if form == Form::Small { Some(input.byte()?) } else { None };
    let batch = input.varint()?;
    let at_ms = input.signed()?;
    let (status, request_id) = (input.number()?, input.text()?);
    let steps = steps_of(form, said, at_ms, input)?;
    Ok(Answered {
        batch,
        at_ms,
        status,
        request_id,
        steps,
        ended: ended::read(form, input)?,
        marks: if version == 2 { marks::read(at_ms, input)? } else { Vec::new() },
    })
}

pub(super) fn put_passed(steps: &[StepAnswer], form: Form, out: &mut Vec<u8>) {
    if form == Form::Small {
        out.push(outputs(steps));
    }
    put_steps(steps, 0, form, out);
}

pub(super) fn passed(is_small: bool, input: &mut Input<'_>) -> Result<Vec<StepAnswer>, CodecError> {
    let (form, said) = match is_small {
        true => (Form::Small, Some(input.byte()?)),
        false => (Form::Whole, None),
    };
    steps_of(form, said, 0, input)
}

/// Whether some step has an output.
fn outputs(steps: &[StepAnswer]) -> u8 {
    if steps.iter().all(|step| step.output.is_empty()) { NO_OUTPUTS } else { OUTPUTS }
}

/// Reads steps; `said` is what stands before small ones of their outputs.
fn steps_of(
    form: Form,
    said: Option<u8>,
    at_ms: i64,
    input: &mut Input<'_>,
) -> Result<Vec<StepAnswer>, CodecError> {
    let steps = steps(form, at_ms, input)?;
    match said {
        Some(said) if said != outputs(&steps) => Err(CodecError::NotValid("outputs")),
        Some(_) | None => Ok(steps),
    }
}

fn put_steps(steps: &[StepAnswer], at_ms: i64, form: Form, out: &mut Vec<u8>) {
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
        if form == Form::Small {
            let output = if step.output.is_empty() { 0 } else { HAS_OUTPUT };
            let accepted = if step.accepted { WAS_ACCEPTED } else { 0 };
            put_varint((index as u64) << PATH | accepted | output, out);
        } else {
            put_varint(index as u64, out);
            out.push(if step.accepted { ACCEPTED } else { 0 });
        }
        put_signed(step.at_ms.wrapping_sub(at_ms), out);
        if form != Form::Small || !step.output.is_empty() {
            put_bytes(&step.output, out);
        }
    }
}

fn steps(form: Form, at_ms: i64, input: &mut Input<'_>) -> Result<Vec<StepAnswer>, CodecError> {
    let paths = input.count(1)?;
    let paths = (0..paths).map(|_| input.required_text()).collect::<Result<Vec<_>, _>>()?;
    let least_bytes = if form == Form::Small { SMALL_STEP_BYTES } else { STEP_BYTES };
    let positions = input.positions(input.left() / least_bytes)?;
    let mut steps = Vec::new();
    for position in positions {
        let (index, accepted, has_output) = if form == Form::Small {
            let shape = input.varint()?;
            (shape >> PATH, shape & WAS_ACCEPTED != 0, shape & HAS_OUTPUT != 0)
        } else {
            (input.varint()?, flag(input, ACCEPTED)?, true)
        };
        let path = usize::try_from(index).ok().and_then(|index| paths.get(index));
        let step = path.ok_or(CodecError::NotValid("step"))?.clone();
        let at_ms = at_ms.wrapping_add(input.signed()?);
        let output = if has_output { input.bytes()?.to_vec() } else { Vec::new() };
        steps.push(StepAnswer { position, step, accepted, at_ms, output });
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
