//! How runs ended, packed by column: positions, then verdicts, then ids, then failures. Compact,
//! only the first bytes of the ids are left.
//!
//! In a batch where everybody is done the verdicts are one run, so that a person costs the 24 bytes
//! of their entry in the index of ids and next to nothing else.

use crate::job::{Ended, Fail, Failure, IdEntry, Pause, Skip, Verdict};

use super::CodecError;
use super::bytes::{Input, put_positions, put_text, put_varint};
use super::form::{Form, MOST_IN_BATCH};

const ACCEPTED: u8 = 1;
const VERIFIED: u8 = 2;
const FAILURE: u8 = 4;

/// Bytes of an id entry: key and content.
const ID_BYTES: usize = 24;

/// What runs of equal verdicts share: the verdict (class in the upper two bits, number of its reason
/// below) and the flags.
type Shape = (u8, u8);

pub(super) fn put(ended: &[Ended], form: Form, out: &mut Vec<u8>) {
    out.reserve(ended.len() * (ID_BYTES + 2) + 16);
    put_positions(ended.iter().map(|ended| ended.position), out);
    for run in ended.chunk_by(|one, next| shape(one) == shape(next)) {
        let Some((verdict, flags)) = run.first().map(shape) else { continue };
        put_varint(run.len() as u64, out);
        out.extend([verdict, flags]);
    }
    for ended in ended {
        match form {
            Form::Whole => {
                out.extend_from_slice(&ended.id.key);
                out.extend_from_slice(&ended.id.content.to_le_bytes());
            }
            Form::Small | Form::Compact => out.extend_from_slice(&ended.id.kept()),
            Form::Bare => {}
        }
    }
    for failure in ended.iter().filter_map(|ended| ended.failure.as_ref()) {
        put_text(failure.request.as_deref(), out);
        put_varint(failure.line, out);
        put_text(failure.step.as_deref(), out);
        put_text(Some(&failure.code), out);
        put_text(Some(&failure.message), out);
    }
}

pub(super) fn read(form: Form, input: &mut Input<'_>) -> Result<Vec<Ended>, CodecError> {
    let most = match form {
        Form::Whole => input.left() / ID_BYTES,
        Form::Small | Form::Compact => input.left() / IdEntry::KEPT_BYTES,
        Form::Bare => MOST_IN_BATCH,
    };
    let positions = input.positions(most)?;
    let mut shapes: Vec<(usize, Shape)> = Vec::new();
    let mut left = positions.len();
    while left > 0 {
        let length: usize = input.number()?;
        left = left.checked_sub(length).ok_or(CodecError::NotValid("run"))?;
        if length == 0 {
            return Err(CodecError::NotValid("run"));
        }
        shapes.push((length, (input.byte()?, input.byte()?)));
    }
    let mut ended = Vec::with_capacity(positions.len());
    let shapes = shapes.into_iter().flat_map(|(length, shape)| std::iter::repeat_n(shape, length));
    for (position, (number, flags)) in positions.into_iter().zip(shapes) {
        let verdict = verdict(number).ok_or(CodecError::NotValid("verdict"))?;
        if flags & !(ACCEPTED | VERIFIED | FAILURE) != 0 {
            return Err(CodecError::NotValid("flags"));
        }
        let id = match form {
            Form::Whole => IdEntry { key: input.array()?, content: u64::from_le_bytes(input.array()?) },
            Form::Small | Form::Compact => IdEntry::of_kept(input.array()?),
            Form::Bare => IdEntry::of_kept([0; IdEntry::KEPT_BYTES]),
        };
        let (accepted, verified) = (flags & ACCEPTED != 0, flags & VERIFIED != 0);
        // The failures stand behind all the ids; the flag is remembered until they are read.
        let failure = (flags & FAILURE != 0).then(|| Failure {
            request: None,
            line: 0,
            step: None,
            code: String::new(),
            message: String::new(),
        });
        ended.push(Ended { position, verdict, accepted, verified, id, failure });
    }
    for failure in ended.iter_mut().filter_map(|ended| ended.failure.as_mut()) {
        failure.request = input.text()?;
        failure.line = input.varint()?;
        failure.step = input.text()?;
        failure.code = input.required_text()?;
        failure.message = input.required_text()?;
    }
    Ok(ended)
}

fn shape(ended: &Ended) -> Shape {
    let verdict = match ended.verdict {
        Verdict::Done => 0,
        Verdict::Skipped(skip) => 0x40 | skip.number(),
        Verdict::Failed(fail) => 0x80 | fail.number(),
        Verdict::Waiting(pause) => 0xc0 | pause.number(),
    };
    let flag = |set, flag| if set { flag } else { 0 };
    let flags = flag(ended.accepted, ACCEPTED)
        | flag(ended.verified, VERIFIED)
        | flag(ended.failure.is_some(), FAILURE);
    (verdict, flags)
}

fn verdict(number: u8) -> Option<Verdict> {
    let reason = number & 0x3f;
    match number >> 6 {
        0 => (reason == 0).then_some(Verdict::Done),
        1 => Skip::of_number(reason).map(Verdict::Skipped),
        2 => Fail::of_number(reason).map(Verdict::Failed),
        _ => Pause::of_number(reason).map(Verdict::Waiting),
    }
}
