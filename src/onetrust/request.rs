//! One request to OneTrust, before it is bytes: an endpoint and what stands in its places.
//!
//! Paths are templates with `{names}`; what stands in for a name is percent-encoded here and nowhere
//! else, so no id can lead to another endpoint. Values may be personal data and are never printed.

use std::fmt;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::plan::encode;
use crate::wire::{Exchange, Form, Part};

/// A request; made by [`Request::new`] and the words that follow.
#[derive(Clone)]
#[must_use]
pub struct Request {
    method: Method,
    path: &'static str,
    values: Vec<(&'static str, String)>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// What a request carries.
#[derive(Clone)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON value.
    Json(Value),
    /// A form of several parts, such as a file and a JSON text about it.
    Parts(Vec<Part>),
}

impl Request {
    /// A request to an endpoint: `/api/datasubject/v2/subtasks/{subtask_id}`.
    pub fn new(method: Method, path: &'static str) -> Request {
        Request { method, path, values: Vec::new(), query: Vec::new(), headers: Vec::new(), body: Body::None }
    }

    /// GET.
    pub fn get(path: &'static str) -> Request {
        Request::new(Method::GET, path)
    }

    /// POST.
    pub fn post(path: &'static str) -> Request {
        Request::new(Method::POST, path)
    }

    /// PUT.
    pub fn put(path: &'static str) -> Request {
        Request::new(Method::PUT, path)
    }

    /// What stands in for `{name}` of the path.
    pub fn value(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.values.push((name, value.into()));
        self
    }

    /// A pair of the query; one that is `None` is left out.
    pub fn query(mut self, name: &'static str, value: impl Into<Option<String>>) -> Request {
        self.query.extend(value.into().map(|value| (name, value)));
        self
    }

    /// A header beside those of the profile. It is marked sensitive: a header names a person where a
    /// query would be written into logs.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    /// A JSON body.
    pub fn json(mut self, body: Value) -> Request {
        self.body = Body::Json(body);
        self
    }

    /// A form of several parts.
    pub fn parts(mut self, parts: Vec<Part>) -> Request {
        self.body = Body::Parts(parts);
        self
    }

    /// GET, POST, …
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as a template.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// What it carries.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The request as bytes; `None` when a place of the path is empty, is missing or would lead
    /// elsewhere, or when a header cannot be written.
    pub fn exchange(&self) -> Option<Exchange> {
        let mut path_and_query = self.rendered_path()?;
        for (position, (name, value)) in self.query.iter().enumerate() {
            path_and_query.push(if position == 0 { '?' } else { '&' });
            path_and_query.push_str(&encode(name));
            path_and_query.push('=');
            path_and_query.push_str(&encode(value));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            // Every byte of UTF-8 but control characters may stand in a header.
            let mut value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
        }
        let body = match &self.body {
            Body::None => Bytes::new(),
            Body::Json(value) => Bytes::from(value.to_string()),
            Body::Parts(parts) => {
                let form = Form::of(parts);
                headers.insert(CONTENT_TYPE, HeaderValue::try_from(form.content_type).ok()?);
                form.body
            }
        };
        Some(Exchange { method: self.method.clone(), path_and_query, headers, body })
    }

    fn rendered_path(&self) -> Option<String> {
        let mut path = String::with_capacity(self.path.len() + 40);
        let mut rest = self.path;
        while let Some((before, opened)) = rest.split_once('{') {
            let (name, after) = opened.split_once('}')?;
            let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
            // A segment of dots is a way up, however it is encoded.
            if value.is_empty() || value == "." || value == ".." {
                return None;
            }
            path.push_str(before);
            path.push_str(&encode(value));
            rest = after;
        }
        path.push_str(rest);
        Some(path)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SUBTASK: &str = "/api/datasubject/v2/subtasks/{subtask_id}/complete";

    #[test]
    fn values_are_encoded_and_cannot_leave_their_place() {
        let path = |id: &str| {
            let request = Request::put(SUBTASK).value("subtask_id", id);
            request.exchange().map(|exchange| exchange.path_and_query)
        };

        assert_eq!(path("a-1").as_deref(), Some("/api/datasubject/v2/subtasks/a-1/complete"));
        assert_eq!(
            path("../x?y#é").as_deref(),
            Some("/api/datasubject/v2/subtasks/..%2Fx%3Fy%23%C3%A9/complete")
        );
        assert_eq!((path(""), path("."), path("..")), (None, None, None));
        assert!(Request::put(SUBTASK).exchange().is_none());
    }

    #[test]
    fn a_query_is_encoded_and_what_is_absent_is_left_out() {
        let request = Request::get("/a")
            .query("since", "2026-01-01T00:00:00+02:00".to_owned())
            .query("page", None)
            .query("sort", Some("x,asc".to_owned()));

        let exchange = request.exchange().unwrap();

        assert_eq!(exchange.path_and_query, "/a?since=2026-01-01T00%3A00%3A00%2B02%3A00&sort=x%2Casc");
    }

    #[test]
    fn a_header_with_a_line_break_is_not_written_and_one_with_letters_is() {
        let header = |value: &str| Request::get("/a").header("identifier", value).exchange();

        assert!(header("é@example.com").unwrap().headers["identifier"].is_sensitive());
        assert!(header("a\r\nx: y").is_none());
    }

    #[test]
    fn a_form_brings_its_own_type_and_printing_shows_the_endpoint_only() {
        let request = Request::post(SUBTASK)
            .value("subtask_id", "marker")
            .query("a", "marker".to_owned())
            .parts(vec![Part::text("attachment", &json!({"Type": 30}).to_string())]);

        let exchange = request.exchange().unwrap();

        let kind = exchange.headers[CONTENT_TYPE].to_str().unwrap();
        assert!(kind.starts_with("multipart/form-data; boundary="));
        assert_eq!(format!("{request:?}"), format!("Request(POST {SUBTASK})"));
    }
}
