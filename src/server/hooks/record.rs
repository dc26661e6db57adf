//! Bodies of our own shape: a request record, or a list of them.
//!
//! Each record is checked as those of files are, all before any is taken. It is named by its `id` and
//! content, so that the same one again starts nothing and another content under the same id is told as
//! a conflict later. One without an id is a new request each time: two people may ask for the same, and
//! one person twice.

use serde_json::value::RawValue;

use super::Call;
use super::answer::Refusal;
use super::intake::Intake;
use super::taken::{Taken, key};
use crate::journal::{Arrival, MOST_RECORD_BYTES};
use crate::request::{Request, Warnings};

/// What the records of a body come to.
pub(super) fn take(call: &Call<'_>, body: &[u8], intake: &dyn Intake) -> Result<(Taken, usize), Refusal> {
    let is_list = body.trim_ascii_start().first() == Some(&b'[');
    let list: Vec<&RawValue>;
    let records: Vec<&[u8]> = if is_list {
        list = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
        list.iter().map(|raw| raw.get().as_bytes()).collect()
    } else {
        vec![body.trim_ascii()]
    };
    if records.is_empty() {
        return Err(Refusal::Shape("the list holds no record".to_owned()));
    }
    let mut taken = Taken::default();
    let mut warnings = Warnings::new();
    for (item, raw) in records.iter().enumerate() {
        let place = if is_list { format!("record {}: ", item + 1) } else { String::new() };
        if raw.len() > MOST_RECORD_BYTES {
            return Err(Refusal::Shape(format!("{place}longer than a megabyte")));
        }
        let request = Request::parse(raw, &mut warnings)
            .map_err(|bad| Refusal::Shape(format!("{place}{}", bad.problem)))?;
        let key = match &request.id {
            Some(id) => key(intake, &[b"record", id.as_bytes(), &request.digest.0.to_be_bytes()]),
            None => unique(),
        };
        let key = key.map_err(|error| call.unavailable(&error))?;
        for workflow in &call.workflows {
            taken.items.push(item);
            taken.arrivals.push(Arrival {
                workflow: workflow.name.clone(),
                origin: call.origin.clone(),
                key,
                turn: None,
                due_ms: due_ms(&request),
                received_ms: call.now_ms,
                record: one_line(raw),
            });
        }
    }
    Ok((taken, records.len()))
}

/// Where JSON is broken; the decoder's own words may quote what was sent.
pub(super) fn not_json(error: &serde_json::Error) -> Refusal {
    Refusal::Shape(format!("not valid JSON at line {} column {}", error.line(), error.column()))
}

fn due_ms(request: &Request) -> Option<i64> {
    let due = request.scope.get("request")?.get("due_at")?.as_str()?;
    due.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// The same record without line breaks: in valid JSON they stand only between tokens.
fn one_line(raw: &[u8]) -> Vec<u8> {
    raw.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

/// A key that nothing else has.
fn unique() -> Result<[u8; 32], crate::journal::StoreError> {
    let mut key = [0; 32];
    let (first, second) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    key[..16].copy_from_slice(first.as_bytes());
    key[16..].copy_from_slice(second.as_bytes());
    Ok(key)
}
