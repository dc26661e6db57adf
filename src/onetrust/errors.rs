//! Why OneTrust did not do what it was asked, told apart so that somebody can act on it.
//!
//! OneTrust has no common form of errors: the body is a JSON text, an object of any shape, a page for
//! people, or nothing (OneTrust's OpenAPI, all operations). So the status decides, and of the body only
//! its shape is looked at. No text of an answer is passed on: it can name a person.

use std::sync::Arc;

use super::limits::Period;
use crate::wire::{Answer, Broken, GrantError, NotSent, Unknown};

/// Of a body that is an error no more is looked at.
const LOOKED_AT: usize = 8 * 1024;

/// Why there is no answer to go on with. `endpoint` is a method and a path template.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nothing was sent: no connection.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// With the port.
        host: String,
        /// What stood in the way.
        why: NotSent,
    },
    /// Nothing was sent: no token.
    #[error("{0}")]
    NoToken(Arc<GrantError>),
    /// 401: the key, or a token that was just given, is not accepted.
    #[error("OneTrust does not accept the credentials: check them, and that they belong to this host")]
    Unauthorised,
    /// 403: the credentials are known and may not do this.
    #[error("the credentials may not use {endpoint}: give them the scope it needs")]
    Forbidden {
        /// Which.
        endpoint: String,
    },
    /// 404: there is no such thing, or no such endpoint.
    #[error("OneTrust does not find what {endpoint} was asked for")]
    NotFound {
        /// Which.
        endpoint: String,
    },
    /// A page for people, or a redirect to one: another system, or something on the way.
    #[error(
        "what answers is not OneTrust's API (HTTP {status}, {what}): check the host of the profile, and any proxy on the way"
    )]
    NotTheService {
        /// Any.
        status: u16,
        /// `an HTML page`, `a redirect`.
        what: &'static str,
    },
    /// 429: nothing was done, and nothing more may be asked for a while.
    #[error("OneTrust's limit is used up{}", if *.period == Period::Hour { " for this hour" } else { "" })]
    Limited {
        /// When to ask again, in steady milliseconds.
        not_before_ms: i64,
        /// Of what the limit is.
        period: Period,
    },
    /// Another 4xx: it will not be taken as it stands.
    #[error("OneTrust refused {endpoint} (HTTP {status})")]
    Refused {
        /// Which.
        endpoint: String,
        /// 400, 409, 422, …
        status: u16,
    },
    /// 5xx: it may have been done or not.
    #[error("OneTrust failed at {endpoint} (HTTP {status})")]
    Failed {
        /// Which.
        endpoint: String,
        /// 500, 502, …
        status: u16,
    },
    /// It was sent and the answer was lost: it may have been done or not.
    #[error("no answer came to {endpoint}: {why}")]
    Unknown {
        /// Which.
        endpoint: String,
        /// How it was lost.
        why: Unknown,
    },
    /// It was done, and the answer is no JSON.
    #[error("the answer of {endpoint} is not JSON")]
    Unreadable {
        /// Which.
        endpoint: String,
    },
    /// An id or a header cannot be written into a request.
    #[error("what {endpoint} is asked for cannot be written into a request")]
    Unwritable {
        /// Which.
        endpoint: String,
    },
}

impl ApiError {
    /// Whether it was certainly not done.
    pub fn is_not_applied(&self) -> bool {
        match self {
            ApiError::Failed { .. } | ApiError::Unknown { .. } | ApiError::Unreadable { .. } => false,
            ApiError::Unreachable { .. }
            | ApiError::NoToken(_)
            | ApiError::Unauthorised
            | ApiError::Forbidden { .. }
            | ApiError::NotFound { .. }
            | ApiError::NotTheService { .. }
            | ApiError::Limited { .. }
            | ApiError::Refused { .. }
            | ApiError::Unwritable { .. } => true,
        }
    }

    /// Whether no request can succeed until a person changes something: credentials, or the host.
    pub fn is_of_the_profile(&self) -> bool {
        match self {
            ApiError::NoToken(error) => error.is_final(),
            ApiError::Unreachable { why, .. } => matches!(why, NotSent::Token(_)),
            ApiError::Unauthorised | ApiError::NotTheService { .. } => true,
            ApiError::Forbidden { .. }
            | ApiError::NotFound { .. }
            | ApiError::Limited { .. }
            | ApiError::Refused { .. }
            | ApiError::Failed { .. }
            | ApiError::Unknown { .. }
            | ApiError::Unreadable { .. }
            | ApiError::Unwritable { .. } => false,
        }
    }

    /// An exchange without an answer.
    pub(super) fn broken(broken: Broken, endpoint: String) -> ApiError {
        match broken {
            Broken::NotSent { why: NotSent::Grant(error), .. }
                if !matches!(*error, GrantError::NotReached(_)) =>
            {
                ApiError::NoToken(error)
            }
            Broken::NotSent { why: NotSent::Request, .. } => ApiError::Unwritable { endpoint },
            Broken::NotSent { host, why } => ApiError::Unreachable { host, why },
            Broken::Unknown { why, .. } => ApiError::Unknown { endpoint, why },
        }
    }

    /// What an answer says that is no success, apart from a limit.
    pub(super) fn answered(answer: &Answer, endpoint: String) -> ApiError {
        let status = answer.status;
        let shape = Shape::of(answer.header("content-type"), &answer.body);
        match (status, shape) {
            (500..=599 | 408, _) => ApiError::Failed { endpoint, status },
            (300..=399, _) => ApiError::NotTheService { status, what: "a redirect" },
            (_, Shape::Page) => ApiError::NotTheService { status, what: "an HTML page" },
            (401, _) => ApiError::Unauthorised,
            (403, _) => ApiError::Forbidden { endpoint },
            (404 | 405, _) => ApiError::NotFound { endpoint },
            (_, _) => ApiError::Refused { endpoint, status },
        }
    }
}

/// What the body of an answer is, as far as its beginning tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Empty,
    /// A JSON object or list.
    Json,
    /// A JSON text, number or word.
    Plain,
    /// A page for people.
    Page,
    /// Anything else.
    Other,
}

impl Shape {
    /// The shape of a body.
    pub fn of(content_type: Option<&str>, body: &[u8]) -> Shape {
        let start = body.get(..LOOKED_AT).unwrap_or(body);
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        let is_html = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        match start.first() {
            None => Shape::Empty,
            Some(b'<') => Shape::Page,
            Some(b'{' | b'[') => Shape::Json,
            Some(b'"' | b'0'..=b'9' | b'-') => Shape::Plain,
            Some(_) if is_html => Shape::Page,
            Some(_) if matches!(start.trim_ascii_end(), b"true" | b"false" | b"null") => Shape::Plain,
            Some(_) => Shape::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_body_is_told_from_its_beginning() {
        let shape = |body: &str| Shape::of(None, body.as_bytes());

        assert_eq!((shape(""), shape(" \n")), (Shape::Empty, Shape::Empty));
        assert_eq!((shape("{\"a\":1}"), shape("\u{feff}[1]")), (Shape::Json, Shape::Json));
        assert_eq!(
            (shape("\"Unauthorized\""), shape("true"), shape("-1")),
            (Shape::Plain, Shape::Plain, Shape::Plain)
        );
        assert_eq!((shape("<!DOCTYPE html>"), shape(" <html>")), (Shape::Page, Shape::Page));
        assert_eq!(shape("Forbidden"), Shape::Other);
        assert_eq!(Shape::of(Some("Text/HTML; charset=utf-8"), b"Sign in"), Shape::Page);
    }
}
