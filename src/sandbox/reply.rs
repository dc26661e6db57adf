//! What the look-alike answers, and how the bodies of requests are decoded.
//!
//! Three shapes of errors exist (Braze docs, "API errors & responses"): `message` alone, `message`
//! with `errors`, and `error` for a body that is no JSON.

use std::borrow::Cow;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

/// A status and a JSON body.
#[derive(Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub body: Bytes,
}

/// Both are sent; the error stops the work.
pub(super) type Answer = Result<Reply, Reply>;

impl Reply {
    /// A JSON value.
    pub fn json(status: u16, body: &serde_json::Value) -> Reply {
        Reply { status, body: Bytes::from(body.to_string()) }
    }

    /// 201 `{"message":"success"}`.
    pub fn success() -> Reply {
        Reply { status: 201, body: Bytes::from_static(br#"{"message":"success"}"#) }
    }

    /// A status with a `message`.
    pub fn message(status: u16, message: &str) -> Reply {
        Reply::json(status, &json!({ "message": message }))
    }

    /// 400 with a `message`.
    pub fn refused(message: &str) -> Reply {
        Reply::message(400, message)
    }
}

/// Decodes a body. What is no JSON is answered with `error`, what has another shape with `message`.
pub(super) fn decoded<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reply> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            return Reply::refused("The request body does not have the documented shape");
        }
        let problem = "Problem: message body does not match declared format. Check that it is valid JSON";
        Reply::json(400, &json!({ "error": problem }))
    })
}

/// A string that borrows from the body when it holds no escapes.
#[derive(Deserialize, Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The string that a JSON text is, if it is one.
pub(super) fn string_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = raw.get();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(text).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// Whether a JSON text is `null`.
pub(super) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}
