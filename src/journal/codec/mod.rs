//! Events as bytes, and back.
//!
//! A body is the number of its kind, the version of that kind's format, and the rest. The kinds that
//! come by the batch are packed ([`bulk`]), the rare ones are JSON ([`rare`]). What is written never
//! changes: a new format of a kind gets a new version, and a reader refuses what it does not know.
//! No input makes it panic or take more memory than the body justifies.

mod bulk;
mod bytes;
mod ended;
mod rare;

use crate::job::Event;

use bytes::Input;

/// The numbers of kinds. Never reused, never changed.
pub(super) mod kind {
    pub const OPENED: u8 = 1;
    pub const INTENDED: u8 = 2;
    pub const ANSWERED: u8 = 3;
    pub const ENDED: u8 = 4;
    pub const WAITING: u8 = 5;
    pub const HELD: u8 = 6;
    pub const APPROVED: u8 = 7;
    pub const CANCELLED: u8 = 8;
    pub const STOPPED: u8 = 9;
}

/// The only version of every kind so far.
const VERSION: u8 = 1;

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later release wrote it.
    #[error("its kind is {0}, which this release does not know; use the release that wrote it")]
    UnknownKind(u8),
    /// A later release wrote it.
    #[error(
        "kind {kind} has format {version}, which this release does not know; use the release that wrote it"
    )]
    UnknownVersion {
        /// Number of the kind.
        kind: u8,
        /// Its version.
        version: u8,
    },
    /// It ends too early.
    #[error("it is cut off")]
    CutOff,
    /// It goes on after its end.
    #[error("{0} bytes stand after its end")]
    TooLong(usize),
    /// A part of it is not what the format allows.
    #[error("its {0} is not valid")]
    NotValid(&'static str),
}

/// The number of an event's kind.
pub(super) fn kind_of(event: &Event) -> u8 {
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
    }
}

/// Writes an event behind what `body` already holds.
pub(super) fn encode(event: &Event, body: &mut Vec<u8>) {
    body.extend([kind_of(event), VERSION]);
    match event {
        Event::Intended(intended) => bulk::put_intended(intended, body),
        Event::Answered(answered) => bulk::put_answered(answered, body),
        Event::Ended { ended } => ended::put(ended, body),
        Event::Opened { .. }
        | Event::Waiting { .. }
        | Event::Held { .. }
        | Event::Approved { .. }
        | Event::Cancelled { .. }
        | Event::Stopped(_) => rare::put(event, body),
    }
}

/// Reads an event that [`encode`] wrote.
pub(super) fn decode(body: &[u8]) -> Result<Event, CodecError> {
    let mut input = Input::new(body);
    let (kind, version) = (input.byte()?, input.byte()?);
    if !(kind::OPENED..=kind::STOPPED).contains(&kind) {
        return Err(CodecError::UnknownKind(kind));
    }
    if version != VERSION {
        return Err(CodecError::UnknownVersion { kind, version });
    }
    let event = match kind {
        kind::INTENDED => Event::Intended(bulk::intended(&mut input)?),
        kind::ANSWERED => Event::Answered(bulk::answered(&mut input)?),
        kind::ENDED => Event::Ended { ended: ended::read(&mut input)? },
        _ => rare::read(kind, &mut input)?,
    };
    input.end()?;
    Ok(event)
}

#[cfg(test)]
mod tests;
