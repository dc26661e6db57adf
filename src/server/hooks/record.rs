//! Bodies of our own shape: a request record, or a list of them.
//!
//! Each record is checked as those of files are, all before any is taken. It is named by its `id` and
//! content, so that the same one again starts nothing and another content under the same id is told as
//! a conflict later. One without an id is a new request each time: two people may ask for the same, and
//! one person twice.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::Value;
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
        let named = match &call.hook.profile {
            Some(profile) if names_subtask(&request) => with_profile(raw, profile),
            Some(_) | None => Cow::Borrowed(*raw),
        };
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
                record: one_line(&named),
            });
        }
    }
    Ok((taken, records.len()))
}

/// Whether a record says that it comes from a subtask of OneTrust, and not by which profile.
fn names_subtask(request: &Request) -> bool {
    let source = request.scope.get("request").and_then(|request| request.get("source"));
    let has = |member: &str| source.is_some_and(|source| source.get(member).is_some());
    has("subtask_id") && !has("profile")
}

/// The record with the hook's profile in its `source`; all else stays byte for byte.
fn with_profile<'r>(raw: &'r [u8], profile: &str) -> Cow<'r, [u8]> {
    let named = || {
        let mut record: IndexMap<Cow<'_, str>, Box<RawValue>> = serde_json::from_slice(raw).ok()?;
        let mut source: IndexMap<Cow<'_, str>, Value> =
            serde_json::from_str(record.get("source")?.get()).ok()?;
        source.insert("profile".into(), profile.into());
        record.insert("source".into(), serde_json::value::to_raw_value(&source).ok()?);
        serde_json::to_vec(&record).ok()
    };
    named().map_or(Cow::Borrowed(raw), Cow::Owned)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_names_a_subtask_gets_the_profile_of_its_hook_and_keeps_everything_else() {
        let raw = br#"{"id":"a","fields":{"n":1.10,"big":123456789012345678901234567890},"source":{"system":"onetrust","subtask_id":"7f"}}"#;
        let request = |raw: &[u8]| {
            Request::parse(raw, &mut Warnings::new()).map_err(|bad| bad.problem.to_string()).unwrap()
        };

        let named = with_profile(raw, "second");

        let text = std::str::from_utf8(&named).unwrap();
        assert!(text.contains(r#""fields":{"n":1.10,"big":123456789012345678901234567890}"#), "{text}");
        assert!(text.contains(r#""profile":"second""#), "{text}");
        assert!(!names_subtask(&request(br#"{"id":"a","kind":"other"}"#)));
    }
}
