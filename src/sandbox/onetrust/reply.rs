//! What the look-alike answers, and the many bodies that an error can have.
//!
//! OneTrust has no shared shape of errors: consent operations type 401, 403 and 404 as a bare JSON
//! string, others leave the body open, and a wrong address answers with a page of the user interface
//! (OneTrust's OpenAPI, responses of each operation). A client must live with all of them, so each
//! can be asked for.

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

/// The bodies that refusals come with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// A JSON string where OneTrust types one, an object elsewhere.
    #[default]
    Documented,
    /// A bare JSON string.
    String,
    /// An object with `message`.
    Object,
    /// A page of the user interface.
    Html,
    /// Nothing at all.
    Empty,
}

/// A status and a body.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub kind: Kind,
    pub body: Bytes,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Lines,
    Html,
    Packed,
    Nothing,
}

impl Kind {
    /// The content type; none for no body.
    pub fn content_type(self) -> Option<&'static str> {
        match self {
            Kind::Json => Some("application/json;charset=UTF-8"),
            Kind::Lines => Some("application/x-ndjson"),
            Kind::Html => Some("text/html;charset=UTF-8"),
            Kind::Packed => Some("application/gzip"),
            Kind::Nothing => None,
        }
    }
}

impl Reply {
    /// A JSON value.
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply { status, kind: Kind::Json, body: Bytes::from(body.to_string()) }
    }

    /// 200 without a body.
    pub fn nothing() -> Reply {
        Reply { status: 200, kind: Kind::Nothing, body: Bytes::new() }
    }

    /// One JSON object a line.
    pub fn lines(objects: impl Iterator<Item = Value>) -> Reply {
        let text: String = objects.map(|object| format!("{object}\n")).collect();
        Reply { status: 200, kind: Kind::Lines, body: Bytes::from(text) }
    }

    /// A page of the user interface.
    pub fn page(status: u16) -> Reply {
        let page = "<!DOCTYPE html><html><head><title>OneTrust</title></head>\
                    <body><div id=\"root\">Loading…</div></body></html>";
        Reply { status, kind: Kind::Html, body: Bytes::from_static(page.as_bytes()) }
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub message: String,
}

/// Both are sent; the refusal stops the work.
pub(super) type Answer = Result<Reply, Refusal>;

impl Refusal {
    /// Any status.
    pub fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into() }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(400, message)
    }

    /// 404.
    pub fn unknown(what: &str) -> Refusal {
        Refusal::new(404, format!("{what} was not found"))
    }

    /// The answer it is sent as; `is_string` where OneTrust types 401, 403 and 404 as a string.
    pub fn shown(&self, body: ErrorBody, is_string: bool) -> Reply {
        let string = || Reply::json(self.status, &json!(self.message));
        match body {
            ErrorBody::Documented if is_string && matches!(self.status, 401 | 403 | 404) => string(),
            ErrorBody::Documented | ErrorBody::Object => {
                Reply::json(self.status, &json!({ "status": self.status, "message": self.message }))
            }
            ErrorBody::String => string(),
            ErrorBody::Html => Reply::page(self.status),
            ErrorBody::Empty => Reply { status: self.status, kind: Kind::Nothing, body: Bytes::new() },
        }
    }
}

/// Decodes a JSON body. Members that the document does not name are refused: the real service would
/// pass over a misspelt filter and answer with everything.
pub(super) fn decoded<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            Refusal::bad(format!("The request body does not have the documented shape: {error}"))
        } else {
            Refusal::bad("Malformed JSON request")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_body_that_was_asked_for() {
        let refusal = Refusal::new(403, "no");
        let shown = |body, is_string| {
            let reply = refusal.shown(body, is_string);
            (reply.kind, String::from_utf8(reply.body.to_vec()).unwrap())
        };

        assert_eq!(shown(ErrorBody::Documented, true), (Kind::Json, "\"no\"".to_owned()));
        assert_eq!(shown(ErrorBody::Documented, false).1, r#"{"status":403,"message":"no"}"#);
        assert_eq!(shown(ErrorBody::String, false).1, "\"no\"");
        assert!(shown(ErrorBody::Html, true).1.starts_with("<!DOCTYPE html>"));
        assert_eq!(shown(ErrorBody::Empty, false), (Kind::Nothing, String::new()));
    }
}
