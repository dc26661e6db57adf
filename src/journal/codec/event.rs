//! Any event, by its kind.
//!
//! The two bytes in front are written and checked here; what follows them is the work of the file
//! of the kind.

use super::bytes::{self, Input};
use super::form::{self, Form};
use super::{CodecError, attempted, bulk, ended, identified, rare};
use crate::job::Event;

/// The numbers of kinds. Never reused, never changed.
pub(in crate::journal) mod kind {
    pub const OPENED: u8 = 1;
    pub const INTENDED: u8 = 2;
    pub const ANSWERED: u8 = 3;
    pub const ENDED: u8 = 4;
    pub const WAITING: u8 = 5;
    pub const HELD: u8 = 6;
    pub const APPROVED: u8 = 7;
    pub const CANCELLED: u8 = 8;
    pub const STOPPED: u8 = 9;
    pub const PASSED: u8 = 10;
    pub const REOPENED: u8 = 11;
    pub const IDENTIFIED: u8 = 12;
    pub const DECIDED: u8 = 20;
    pub const ERASED: u8 = 28;
    /// Of a row with many events, see [`super::super::bundle`].
    pub const BUNDLE: u8 = 30;
    pub const ATTEMPTED: u8 = 32;
    pub const PRESUMED: u8 = 33;
}

/// The first version of every kind.
pub(super) const VERSION: u8 = 1;
/// Answers have marks since their second version.
const ANSWERED_VERSION: u8 = 2;
/// The versions of ends that hold no ids, and only the first bytes of them.
const BARE_ENDED: u8 = 2;
const COMPACT_ENDED: u8 = 3;
/// The version of passed steps without what nobody can open.
const SMALL_PASSED: u8 = 2;
/// The version of attempts that name nobody any more.
const COMPACT_ATTEMPTED: u8 = 2;

/// The version in which a kind is written.
fn version_of(kind: u8) -> u8 {
    if kind == kind::ANSWERED { ANSWERED_VERSION } else { VERSION }
}

/// The newest version of a kind that is understood.
fn newest_version(kind: u8) -> u8 {
    match kind {
        kind::ANSWERED => bulk::SMALL_ANSWERED,
        kind::ENDED => COMPACT_ENDED,
        kind::PASSED => SMALL_PASSED,
        kind::ATTEMPTED => COMPACT_ATTEMPTED,
        _ => VERSION,
    }
}

/// The number of an event's kind.
pub(in crate::journal) fn kind_of(event: &Event) -> u8 {
    match event {
        Event::Opened { .. } => kind::OPENED,
        Event::Intended(_) => kind::INTENDED,
        Event::Answered(_) => kind::ANSWERED,
        Event::Ended { .. } => kind::ENDED,
        Event::Waiting { .. } => kind::WAITING,
        Event::Held { .. } => kind::HELD,
        Event::Approved { .. } => kind::APPROVED,
        Event::Cancelled { .. } => kind::CANCELLED,
        Event::Stopped(_) => kind::STOPPED,
        Event::Passed { .. } => kind::PASSED,
        Event::Reopened(_) => kind::REOPENED,
        Event::Identified { .. } => kind::IDENTIFIED,
        Event::Decided(_) => kind::DECIDED,
        Event::Erased { .. } => kind::ERASED,
        Event::Attempted(_) => kind::ATTEMPTED,
        Event::Presumed(_) => kind::PRESUMED,
    }
}

/// Writes an event behind what `body` already holds.
pub fn encode(event: &Event, body: &mut Vec<u8>) {
    let kind = kind_of(event);
    body.extend([kind, version_of(kind)]);
    match event {
        Event::Intended(intended) => bulk::put_intended(intended, body),
        Event::Answered(answered) => bulk::put_answered(answered, Form::Whole, body),
        Event::Ended { ended } => ended::put(ended, Form::Whole, body),
        Event::Passed { steps } => bulk::put_passed(steps, Form::Whole, body),
        Event::Identified { identified } => identified::put(identified, body),
        Event::Erased { positions } => bytes::put_positions(positions.iter().copied(), body),
        Event::Attempted(attempted) => attempted::put(attempted, body),
        Event::Presumed(presumed) => attempted::put_presumed(presumed, body),
        Event::Opened { .. }
        | Event::Waiting { .. }
        | Event::Held { .. }
        | Event::Approved { .. }
        | Event::Cancelled { .. }
        | Event::Reopened(_)
        | Event::Decided(_)
        | Event::Stopped(_) => rare::put(event, body),
    }
}

/// A body without what only the indexes need, and without outputs of steps of which `is_needed` says that nobody
/// can use them; `None` when it has nothing of the kind.
pub(in crate::journal) fn compact(
    body: &[u8],
    is_needed: impl Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, CodecError> {
    let may_be_smaller = match body {
        // What was made small is looked at again for the sake of outputs alone.
        [kind::ANSWERED, bulk::SMALL_ANSWERED, outputs, ..] => *outputs != bulk::NO_OUTPUTS,
        [kind::PASSED, SMALL_PASSED, outputs, ..] => *outputs != bulk::NO_OUTPUTS,
        [kind::ANSWERED, version, ..] => *version != bulk::BARE_ANSWERED,
        [kind::ENDED, version, ..] => *version < BARE_ENDED,
        [kind::PASSED, ..] => true,
        [kind::ATTEMPTED, version, ..] => *version < COMPACT_ATTEMPTED,
        _ => false,
    };
    if !may_be_smaller {
        return Ok(None);
    }
    let slimmed = |mut steps: Vec<crate::job::StepAnswer>| {
        steps.iter_mut().filter(|step| !is_needed(&step.output)).for_each(|step| step.output = Vec::new());
        steps
    };
    let mut compact = Vec::new();
    match decode(body)? {
        Event::Answered(mut answered) => {
            answered.steps = slimmed(answered.steps);
            compact.extend([kind::ANSWERED, bulk::SMALL_ANSWERED]);
            bulk::put_answered(&answered, Form::Small, &mut compact);
        }
        Event::Ended { ended } => {
            compact.extend([kind::ENDED, COMPACT_ENDED]);
            ended::put(&ended, Form::Small, &mut compact);
        }
        Event::Passed { steps } => {
            compact.extend([kind::PASSED, SMALL_PASSED]);
            bulk::put_passed(&slimmed(steps), Form::Small, &mut compact);
        }
        Event::Attempted(mut attempted) if !attempted.people.is_empty() => {
            compact.extend([kind::ATTEMPTED, COMPACT_ATTEMPTED]);
            attempted.people.clear();
            attempted::put(&attempted, &mut compact);
        }
        _ => return Ok(None),
    }
    Ok(Some(compact).filter(|compact| compact.len() < body.len()))
}

/// Reads an event that [`encode`] or `compact` wrote.
pub fn decode(body: &[u8]) -> Result<Event, CodecError> {
    let mut input = Input::new(body);
    let (kind, version) = (input.byte()?, input.byte()?);
    if !matches!(
        kind,
        kind::OPENED..=kind::IDENTIFIED | kind::DECIDED | kind::ERASED | kind::ATTEMPTED | kind::PRESUMED
    ) {
        return Err(CodecError::UnknownKind(kind));
    }
    if !(VERSION..=newest_version(kind)).contains(&version) {
        return Err(CodecError::UnknownVersion { kind, version });
    }
    let event = match kind {
        kind::INTENDED => Event::Intended(bulk::intended(&mut input)?),
        kind::ANSWERED => Event::Answered(bulk::answered(version, &mut input)?),
        kind::ENDED if version == BARE_ENDED => Event::Ended { ended: ended::read(Form::Bare, &mut input)? },
        kind::ENDED if version == COMPACT_ENDED => {
            Event::Ended { ended: ended::read(Form::Compact, &mut input)? }
        }
        kind::ENDED => Event::Ended { ended: ended::read(Form::Whole, &mut input)? },
        kind::IDENTIFIED => Event::Identified { identified: identified::read(&mut input)? },
        kind::ERASED => Event::Erased { positions: input.positions(form::MOST_IN_BATCH)? },
        kind::PASSED => Event::Passed { steps: bulk::passed(version == SMALL_PASSED, &mut input)? },
        kind::ATTEMPTED => Event::Attempted(attempted::read(&mut input)?),
        kind::PRESUMED => Event::Presumed(attempted::presumed(&mut input)?),
        _ => rare::read(kind, &mut input)?,
    };
    input.end()?;
    Ok(event)
}
