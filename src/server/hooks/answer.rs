//! What a caller of a hook is told: a status and a small JSON, never anything of what it sent.

use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::body::BodyError;
use super::taken::Counts;
use crate::config::Auth;

/// When a caller may come again where nothing better is known.
const AGAIN_AFTER_S: u64 = 10;

/// Why a call is not taken. It says what the caller can do, and nothing of what it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not a POST.
    Method,
    /// No such hook.
    Unknown,
    /// From an address that is not allowed.
    Address,
    /// No proof, with the scheme that is asked for.
    Unproved(Option<&'static str>),
    /// More calls than the hook takes in a minute.
    TooMany {
        /// Seconds.
        after_s: u64,
    },
    /// Not `application/json`, or compressed.
    MediaType,
    /// The body could not be read.
    Body(BodyError),
    /// The body is not JSON, or not in the shape that the hook takes; a sentence that quotes nothing.
    Shape(String),
    /// JSON of the right shape that cannot be carried out; a sentence that quotes nothing.
    Unprocessable(&'static str),
    /// No workflow starts with this hook.
    NoWorkflow,
    /// The store, or a secret of the hook, cannot be reached now.
    Unavailable,
}

#[derive(Serialize)]
struct Problem<'a> {
    error: &'static str,
    message: &'a str,
}

impl Refusal {
    /// One word for logs and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Refusal::Method => "method_not_allowed",
            Refusal::Unknown => "unknown_hook",
            Refusal::Address => "forbidden",
            Refusal::Unproved(_) => "unauthorized",
            Refusal::TooMany { .. } => "too_many_requests",
            Refusal::MediaType => "unsupported_media_type",
            Refusal::Body(BodyError::TooLong) => "too_large",
            Refusal::Body(BodyError::TooSlow) => "too_slow",
            Refusal::Body(BodyError::Broken) => "broken_body",
            Refusal::Body(BodyError::NoRoom) | Refusal::Unavailable => "unavailable",
            Refusal::Shape(_) => "bad_request",
            Refusal::Unprocessable(_) => "unprocessable",
            Refusal::NoWorkflow => "no_workflow",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Unknown => StatusCode::NOT_FOUND,
            Refusal::Address => StatusCode::FORBIDDEN,
            Refusal::Unproved(_) => StatusCode::UNAUTHORIZED,
            Refusal::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Body(BodyError::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Refusal::Body(BodyError::Broken) | Refusal::Shape(_) => StatusCode::BAD_REQUEST,
            Refusal::Body(BodyError::NoRoom) | Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::NoWorkflow => StatusCode::CONFLICT,
        }
    }

    fn message(&self) -> &str {
        match self {
            Refusal::Method => "a hook takes POST",
            Refusal::Unknown => "there is no such hook",
            Refusal::Address => "this address may not call the hook",
            Refusal::Unproved(_) => "the call does not prove who makes it",
            Refusal::TooMany { .. } => "the hook takes no more calls in this minute",
            Refusal::MediaType => "send application/json, not compressed",
            Refusal::Body(BodyError::TooLong) => "the body is longer than the hook takes",
            Refusal::Body(BodyError::TooSlow) => "the body came too slowly",
            Refusal::Body(BodyError::Broken) => "the body broke off",
            Refusal::Body(BodyError::NoRoom) | Refusal::Unavailable => "nothing was taken; come again later",
            Refusal::Shape(message) => message,
            Refusal::Unprocessable(message) => message,
            Refusal::NoWorkflow => "no workflow starts with this hook, so nothing was taken",
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Refusal {
        Refusal::Body(error)
    }
}

/// The scheme that a caller is asked for (RFC 9110, 11.6.1); a header of our own has none.
pub(super) fn scheme(auth: &Auth) -> Option<&'static str> {
    match auth {
        Auth::Bearer(_) => Some("Bearer"),
        Auth::Basic { .. } => Some("Basic realm=\"privaflow\", charset=\"UTF-8\""),
        Auth::Nobody | Auth::Header { .. } | Auth::Hmac(_) => None,
    }
}

/// The answer to a call that was not taken.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let problem = Problem { error: refusal.word(), message: refusal.message() };
    let mut response = json(refusal.status(), &problem);
    let headers = response.headers_mut();
    match refusal {
        Refusal::Method => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        Refusal::Unproved(Some(scheme)) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        Refusal::TooMany { after_s } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*after_s));
        }
        Refusal::Unavailable | Refusal::Body(BodyError::NoRoom) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(AGAIN_AFTER_S));
        }
        Refusal::Body(BodyError::TooLong | BodyError::TooSlow | BodyError::Broken) => {
            // The rest of the body may still be on its way; nothing after it could be told from it.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Refusal::Unknown
        | Refusal::Address
        | Refusal::Unproved(None)
        | Refusal::MediaType
        | Refusal::Shape(_)
        | Refusal::Unprocessable(_)
        | Refusal::NoWorkflow => {}
    }
    response
}

/// The answer to a call that is on the disk.
pub(super) fn accepted(counts: &Counts) -> Response {
    json(StatusCode::ACCEPTED, counts)
}

fn json(status: StatusCode, content: &impl Serialize) -> Response {
    // Numbers and fixed texts always serialize.
    let body = serde_json::to_vec(content).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
