//! From status, headers and body of an answer of OneTrust to what it means.
//!
//! OneTrust has no common form of errors: a bare string, an object of one of several shapes, nothing, or
//! an HTML page of its web application where host or path are wrong (OneTrust's OpenAPI documents, and
//! what clients were seen to read). So only the status decides, and whether a page came back; what an
//! error says is never passed on. Most answers to a write say nothing at all.

use jiff::Timestamp;
use serde_json::Value;

use crate::catalogue::Refusal;
use crate::plan::Call;
use crate::reply::{Cause, Headers, Item, Reading, Stop, not_before};

/// Answers beyond this are not read; a request with thousands of comments is a tenth of it.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What an answer means for the call of its request.
pub fn read(calls: &[&Call], status: u16, headers: &Headers, body: &[u8], now: Timestamp) -> Reading {
    let retry = |cause| Reading::Retry { not_before: not_before(headers, cause, now), cause };
    match status {
        200..=299 => accepted(calls, body),
        300..=399 | 405 => Reading::Stop(Stop::NotFound),
        401 => Reading::Stop(Stop::Unauthorised),
        403 => Reading::Stop(Stop::Forbidden),
        404 if is_page(body) => Reading::Stop(Stop::NotTheService),
        404 => refused(calls, &not_found(calls)),
        408 | 502..=504 if is_declined(calls, headers) => retry(Cause::Unavailable),
        413 => refused(
            calls,
            &Refusal::new("too_large", "OneTrust finds the call too large (HTTP 413): send less of it"),
        ),
        429 => retry(Cause::Limited),
        // A page in place of an answer to a call as it should be: somebody else stands at the address.
        400..=499 if status != 408 && is_page(body) => Reading::Stop(Stop::NotTheService),
        400..=407 | 409..=499 => refused(calls, &declined(calls, status)),
        _ => Reading::Unknown,
    }
}

/// Whether nothing was done, as somebody on the way says: a read may be asked again whatever happened,
/// anything else only when the answer asks to come back later.
fn is_declined(calls: &[&Call], headers: &Headers) -> bool {
    headers.retry_after.is_some() || calls.iter().all(|call| call.repeatable())
}

fn accepted(calls: &[&Call], body: &[u8]) -> Reading {
    let Some(first) = calls.first() else { return Reading::Accepted };
    // Should the service stand behind the page all the same, only what is repeatable may be sent again.
    if is_page(body) {
        let may_be_repeated = calls.iter().all(|call| call.repeatable());
        return if may_be_repeated { Reading::Stop(Stop::NotTheService) } else { Reading::Unknown };
    }
    let reply = &first.action().reply;
    if !reply.object && reply.list.is_none() {
        // Where the answer is one word and that is `false`, the call was answered and not carried out.
        return match body.trim_ascii() {
            b"false" | b"\"false\"" => Reading::Unknown,
            _ => Reading::Accepted,
        };
    }
    let parsed = if body.len() > MOST_BYTES { None } else { serde_json::from_slice::<Value>(body).ok() };
    match (parsed, &reply.list) {
        (Some(output @ Value::Object(_)), None) => Reading::Items(vec![Item::Accepted { output }]),
        (Some(items @ Value::Array(_)), Some(name)) => {
            let output = Value::Object([(name.clone(), items)].into_iter().collect());
            Reading::Items(vec![Item::Accepted { output }])
        }
        // It was read, and can be read again; what was changed is not changed once more for its answer.
        (Some(_) | None, _) => {
            let message = "OneTrust's answer is not the object that it should be, or is too large to be read";
            refused(calls, &Refusal::new("bad_answer", message))
        }
    }
}

fn refused(calls: &[&Call], refusal: &Refusal) -> Reading {
    Reading::Items(calls.iter().map(|_| Item::Refused(refusal.clone())).collect())
}

fn not_found(calls: &[&Call]) -> Refusal {
    let what = match calls.first().map(|call| call.action().id.as_str()) {
        Some(id) if id.starts_with("subtask.") => "subtask of this id",
        Some(id) if id.starts_with("request.") => "request of this reference",
        _ => "such address",
    };
    let message =
        format!("OneTrust has no {what} (HTTP 404): it may be deleted, or the host be of another account");
    Refusal::new("not_found", message)
}

/// What is known to make OneTrust decline, by what was asked of it.
fn declined(calls: &[&Call], status: u16) -> Refusal {
    let hint = match calls.first().map(|call| call.action().id.as_str()) {
        Some("subtask.complete" | "subtask.status") => {
            "; it may be closed already, or need a resolution (`resolution_id`) or a comment"
        }
        Some("request.stage") => "; required subtasks of the stage may still be open",
        _ => "",
    };
    Refusal::new("refused", format!("refused by OneTrust (HTTP {status}){hint}"))
}

/// Whether the body is a page for people.
fn is_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    body.first() == Some(&b'<')
}
