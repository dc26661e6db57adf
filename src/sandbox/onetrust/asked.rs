//! One checked request, as an operation sees it: values of its path and its query, headers, body.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::parameters;
use super::reply::{Refusal, decoded};
use super::route::Route;

/// A request whose address and query are well formed.
pub(super) struct Asked<'a> {
    pub route: Route,
    values: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl<'a> Asked<'a> {
    /// Checks the values of a path and a query against what the operation takes.
    pub fn new(
        route: Route,
        values: &[&str],
        query: &str,
        headers: &'a HeaderMap,
        body: &'a Bytes,
    ) -> Result<Asked<'a>, Refusal> {
        let known = parameters::of(route);
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else {
                return Err(Refusal::bad(format!("the query parameter {name} is not known here")));
            };
            if found.iter().any(|(earlier, _)| earlier == name) {
                return Err(Refusal::bad(format!("the query parameter {name} stands twice")));
            }
            kind.check(name, &value)?;
            found.push((name, value.into_owned()));
        }
        // Only names of people's fields would need more than this, and they stand in no path.
        let values = values.iter().map(|value| unescaped(value)).collect();
        Ok(Asked { route, values, query: found, headers, body })
    }

    /// What stands in the path for its `place`-th `{name}`, from 0.
    pub fn value(&self, place: usize) -> &str {
        self.values.get(place).map_or("", String::as_str)
    }

    /// The same, refused unless it is a UUID.
    pub fn uuid(&self, place: usize) -> Result<&str, Refusal> {
        let value = self.value(place);
        if parameters::is_uuid(value) { Ok(value) } else { Err(Refusal::bad("the id must be a UUID")) }
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// A yes or no of the query; no when absent.
    pub fn flag(&self, name: &str) -> bool {
        self.query(name) == Some("true")
    }

    /// A moment of the query, read by the form of its parameter.
    pub fn moment(&self, name: &str, read: fn(&str) -> Option<i64>) -> Option<i64> {
        self.query(name).and_then(read)
    }

    /// The page asked for, from 0, and its size.
    pub fn page(&self) -> (usize, usize) {
        let number = |name, default| self.query(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        (number("page", 0), number("size", 20))
    }

    /// What to sort by, and whether the other way round.
    pub fn sort(&self) -> Option<(&str, bool)> {
        let text = self.query("sort")?;
        let (property, order) = text.split_once(',').unwrap_or((text, "asc"));
        Some((property, order == "desc"))
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The content type, empty when absent.
    pub fn content_type(&self) -> &str {
        self.header(CONTENT_TYPE.as_str()).unwrap_or_default()
    }

    /// The body as it came.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The JSON body, which must say that it is JSON.
    pub fn json<T: serde::Deserialize<'a>>(&self) -> Result<T, Refusal> {
        if !super::form::is(self.content_type(), "application/json") {
            return Err(Refusal::new(415, "Content type is not supported"));
        }
        decoded(self.body)
    }
}

/// A segment of a path without its percent-encoding.
fn unescaped(segment: &str) -> String {
    // `+` means itself in a path; the decoder at hand is one of forms.
    let pair = format!("={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
