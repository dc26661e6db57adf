//! From status, headers and body of an answer to what it means (Braze docs, "Errors and responses").
//!
//! A call counts as accepted only if the answer says so for it. When an answer does not tell good from
//! bad, the calls are split until it does, unless that could do something twice.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::parsed::Parsed;
use super::{people, sentences};
use crate::catalogue::{Effect, Refusal};
use crate::plan::Call;
use crate::reply::{Answerer, Cause, Headers, Item, Reading, Stop, not_before};

/// What an answer means for the calls of its request, which must stand in the order of the body.
pub fn read(calls: &[&Call], status: u16, headers: &Headers, body: &[u8], now: Timestamp) -> Reading {
    let retry = |cause| Reading::Retry { not_before: not_before(headers, cause, now), cause };
    match status {
        200..=299 => accepted(calls, status, headers, body),
        300..=399 | 404 | 405 => Reading::Stop(Stop::NotFound),
        400 | 422 => invalid(calls, status, body),
        // The body of a 401 may repeat the key: it is not looked at.
        401 => Reading::Stop(Stop::Unauthorised),
        403 => Reading::Stop(Stop::Forbidden),
        408 | 502 | 503 if calls.iter().all(|call| call.repeatable()) => declined(calls, headers, now),
        // What Braze documents as not carried out, where it also says when to come back.
        502 | 503 if headers.retry_after.is_some() => retry(Cause::Unavailable),
        408 => Reading::Unknown,
        413 => too_large(calls),
        429 => retry(Cause::Limited),
        402..=499 => all_refused(calls, &sentences::refusal(status, "")),
        _ => Reading::Unknown,
    }
}

/// Of calls that are repeatable: they are sent again when somebody on the way asks for that. Braze documents for its own
/// 502 and 503 that the request was not carried out; a gateway says the same when the answer is lost behind it, so it
/// proves nothing of a write.
fn declined(calls: &[&Call], headers: &Headers, now: Timestamp) -> Reading {
    let not_before = not_before(headers, Cause::Unavailable, now);
    match calls.iter().all(|call| call.action().effect == Effect::Read) {
        true => Reading::Retry { not_before, cause: Cause::Unavailable },
        false => Reading::Declined { not_before },
    }
}

fn all_refused(calls: &[&Call], refusal: &Refusal) -> Reading {
    Reading::Items(calls.iter().map(|_| Item::Refused(refusal.clone())).collect())
}

fn too_large(calls: &[&Call]) -> Reading {
    if calls.len() > 1 {
        return Reading::Split;
    }
    all_refused(
        calls,
        &Refusal::new("too_large", "the service finds the call too large (HTTP 413): send less of it"),
    )
}

fn accepted(calls: &[&Call], status: u16, headers: &Headers, body: &[u8]) -> Reading {
    if calls.first().is_some_and(|call| call.action().reply.has_data()) {
        return people::read(calls, status, headers, body);
    }
    let Some(parsed) = Parsed::read(body) else {
        return not_read(calls, headers, body);
    };
    if !parsed.is_accepted() {
        return all_refused(calls, &sentences::refusal(status, parsed.message()));
    }
    let faults = parsed.faults(calls);
    if faults.is_empty() {
        return Reading::Accepted;
    }
    let mut refused = BTreeMap::new();
    for fault in faults {
        match fault.owner {
            Some(owner) => refused.entry(owner).or_insert_with(|| sentences::refusal(status, fault.text)),
            None if calls.len() == 1 => {
                refused.entry(0).or_insert_with(|| sentences::refusal(status, fault.text))
            }
            // Somebody failed and the others were carried out.
            None if calls.iter().all(|call| call.repeatable()) => return Reading::Split,
            None => return Reading::Unknown,
        };
    }
    verdicts(calls, refused, || Item::Written)
}

/// Nothing of the request was done.
fn invalid(calls: &[&Call], status: u16, body: &[u8]) -> Reading {
    let parsed = Parsed::read(body).unwrap_or_default();
    let mut refused = BTreeMap::new();
    for fault in parsed.faults(calls) {
        if let Some(owner) = fault.owner {
            refused.entry(owner).or_insert_with(|| sentences::refusal(status, fault.text));
        }
    }
    if !refused.is_empty() {
        return verdicts(calls, refused, || Item::Again);
    }
    let concerns_all =
        calls.first().is_some_and(|call| sentences::concerns_all(call.action(), parsed.message()));
    if calls.len() > 1 && !concerns_all {
        return Reading::Split;
    }
    let faults = parsed.faults(calls);
    let text = faults.first().map_or(parsed.message(), |fault| fault.text);
    all_refused(calls, &sentences::refusal(status, text))
}

fn verdicts(calls: &[&Call], mut refused: BTreeMap<usize, Refusal>, others: impl Fn() -> Item) -> Reading {
    let verdict = |position| refused.remove(&position).map_or_else(&others, Item::Refused);
    Reading::Items((0..calls.len()).map(verdict).collect())
}

/// An answer of which no object could be read. One that is JSON by its type and its beginning is the service's own
/// all the same, nested deeper than is read or cut off: what apps store in a profile can be nested as deep as they
/// like. Such a read fails alone; of a write the status says that somebody took it, and nobody knows who.
pub(super) fn not_read(calls: &[&Call], headers: &Headers, body: &[u8]) -> Reading {
    let by = if is_json(headers, body) { Answerer::Service } else { Answerer::Other };
    if !calls.iter().all(|call| call.repeatable()) {
        return Reading::Unknown;
    }
    if calls.iter().any(|call| call.action().effect != Effect::Read) {
        return Reading::Unreadable(by);
    }
    match by {
        // Something answered that is not the service: nobody's request is to blame.
        Answerer::Other => return Reading::Stop(Stop::NotTheService),
        Answerer::Service if calls.len() > 1 => return Reading::Split,
        Answerer::Service => {}
    }
    let message = "the answer is JSON that cannot be read: it is nested deeper than 120 levels, as a custom attribute can \
                   be, or cut off; ask for fewer fields or mend the profile, then `privaflow runs retry`";
    all_refused(calls, &Refusal::new("unreadable", message))
}

/// Whether an answer is meant as JSON: as the object that every answer of the service is, or as a list that is too
/// deep to be read. A list that can be read is nothing that the service says.
fn is_json(headers: &Headers, body: &[u8]) -> bool {
    let is_typed = headers.content_type.is_none_or(|kind| kind.to_ascii_lowercase().contains("json"));
    is_typed
        && match body.trim_ascii_start().first() {
            Some(b'{') => true,
            Some(b'[') => serde_json::from_slice::<serde_json::Value>(body).is_err(),
            Some(_) | None => false,
        }
}
