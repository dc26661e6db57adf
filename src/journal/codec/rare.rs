//! The events that come once in a while, as JSON that a person can read in the database.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::job::{Answer, Decision, Event, Position, Reopened, Stopped};

use super::bytes::Input;
use super::{CodecError, kind};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    position: Position,
    step: String,
    until_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    subjects: u64,
    limit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_change: Option<u64>,
}

/// An approval or a cancellation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    at_ms: i64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriedAgain {
    at_ms: i64,
    by: String,
    positions: Vec<Position>,
    even_if_sent: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    at_ms: i64,
    by: String,
    positions: Vec<Position>,
    answer: Answer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoppedWork {
    at_ms: i64,
    elapsed_ms: u64,
    finished: bool,
    records: Option<u64>,
    unmapped: Vec<(String, u64)>,
}

pub(super) fn put(event: &Event, out: &mut Vec<u8>) {
    match event {
        Event::Opened { at_ms } => put_json(&Opened { at_ms: *at_ms }, out),
        Event::Waiting { position, step, until_ms } => {
            put_json(&Waiting { position: *position, step: step.clone(), until_ms: *until_ms }, out);
        }
        Event::Held { subjects, limit, max_change } => {
            put_json(&Held { subjects: *subjects, limit: *limit, max_change: *max_change }, out);
        }
        Event::Approved { at_ms, by } | Event::Cancelled { at_ms, by } => {
            put_json(&Decided { at_ms: *at_ms, by: by.clone() }, out);
        }
        Event::Stopped(Stopped { at_ms, elapsed_ms, finished, records, unmapped }) => {
            let stopped = StoppedWork {
                at_ms: *at_ms,
                elapsed_ms: *elapsed_ms,
                finished: *finished,
                records: *records,
                unmapped: unmapped.clone(),
            };
            put_json(&stopped, out);
        }
        Event::Reopened(Reopened { at_ms, by, positions, even_if_sent }) => {
            let again = TriedAgain {
                at_ms: *at_ms,
                by: by.clone(),
                positions: positions.clone(),
                even_if_sent: *even_if_sent,
            };
            put_json(&again, out);
        }
        Event::Decided(Decision { at_ms, by, positions, answer, reason }) => {
            let said = Said {
                at_ms: *at_ms,
                by: by.clone(),
                positions: positions.clone(),
                answer: *answer,
                reason: reason.clone(),
            };
            put_json(&said, out);
        }
        Event::Intended(_)
        | Event::Answered(_)
        | Event::Ended { .. }
        | Event::Passed { .. }
        | Event::Identified { .. }
        | Event::Erased { .. }
        | Event::Attempted(_)
        | Event::Presumed(_) => {}
    }
}

pub(super) fn read(kind: u8, input: &mut Input<'_>) -> Result<Event, CodecError> {
    match kind {
        kind::OPENED => json(input).map(|Opened { at_ms }| Event::Opened { at_ms }),
        kind::WAITING => json(input).map(|Waiting { position, step, until_ms }| Event::Waiting {
            position,
            step,
            until_ms,
        }),
        kind::HELD => json(input).map(|Held { subjects, limit, max_change }| Event::Held {
            subjects,
            limit,
            max_change,
        }),
        kind::APPROVED => json(input).map(|Decided { at_ms, by }| Event::Approved { at_ms, by }),
        kind::CANCELLED => json(input).map(|Decided { at_ms, by }| Event::Cancelled { at_ms, by }),
        kind::STOPPED => json(input).map(|StoppedWork { at_ms, elapsed_ms, finished, records, unmapped }| {
            Event::Stopped(Stopped { at_ms, elapsed_ms, finished, records, unmapped })
        }),
        kind::REOPENED => json(input).map(|TriedAgain { at_ms, by, positions, even_if_sent }| {
            Event::Reopened(Reopened { at_ms, by, positions, even_if_sent })
        }),
        kind::DECIDED => json(input).map(|Said { at_ms, by, positions, answer, reason }| {
            Event::Decided(Decision { at_ms, by, positions, answer, reason })
        }),
        unknown => Err(CodecError::UnknownKind(unknown)),
    }
}

fn put_json(value: &impl Serialize, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and neither can these types: their keys are strings. An empty
    // body would be refused when it is read, never misread.
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        tracing::error!(%error, "an event could not be written as JSON");
    }
}

fn json<T: DeserializeOwned>(input: &mut Input<'_>) -> Result<T, CodecError> {
    serde_json::from_slice(input.rest()).map_err(|_| CodecError::NotValid("JSON"))
}
