//! Events of a job that is over, many in one body.
//!
//! A row of its own costs an event more than what it says when it says little: that one person was looked for,
//! and found. A body in a bundle is one that [`super::encode`] or [`super::compact`] wrote.

use super::CodecError;
use super::bytes::Input;
use super::event::{VERSION, kind};
use super::pack::{self, Packed, pack, unpack};

/// Whether events of a kind may stand in a bundle: only those that are read with their job, and never asked for
/// by their kind once the job is over.
pub(in crate::journal) fn may_be_bundled(kind: u8) -> bool {
    matches!(
        kind,
        kind::INTENDED
            | kind::ANSWERED
            | kind::ENDED
            | kind::WAITING
            | kind::PASSED
            | kind::IDENTIFIED
            | kind::ERASED
            | kind::ATTEMPTED
    )
}

/// Puts events into one body.
pub(in crate::journal) fn bundle(events: &[Packed]) -> Vec<u8> {
    let mut body = vec![kind::BUNDLE, VERSION];
    pack(events, &mut body);
    body
}

/// How many events a body holds, of which the beginning is enough: one, unless it is a bundle.
pub(in crate::journal) fn events_in(body: &[u8]) -> Result<usize, CodecError> {
    match body {
        [kind::BUNDLE, ..] => pack::count(&mut Input::new(packed(body)?)),
        _ => Ok(1),
    }
}

/// The events of a bundle.
pub(in crate::journal) fn unbundle(body: &[u8]) -> Result<Vec<Packed>, CodecError> {
    let events = unpack(packed(body)?)?;
    let is_allowed = |event: &Packed| event.body.first().is_some_and(|kind| may_be_bundled(*kind));
    if events.is_empty() || !events.iter().all(is_allowed) {
        return Err(CodecError::NotValid("bundle"));
    }
    Ok(events)
}

fn packed(body: &[u8]) -> Result<&[u8], CodecError> {
    match body {
        [kind::BUNDLE, VERSION, packed @ ..] => Ok(packed),
        [kind::BUNDLE, version, ..] => {
            Err(CodecError::UnknownVersion { kind: kind::BUNDLE, version: *version })
        }
        [kind, ..] => Err(CodecError::UnknownKind(*kind)),
        [] => Err(CodecError::CutOff),
    }
}
