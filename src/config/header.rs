//! The headers of a profile: fixed texts in which `{{ token }}` stands for the credential.
//!
//! Only that one name is known here. A header that carries the token is marked sensitive, so that no
//! log of the HTTP library shows it, and the token never becomes a part of two headers.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::secret::Secret;

/// Headers that the connection itself writes.
const OF_THE_CONNECTION: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te"];

/// Headers that carry nothing but credentials, in the services and gateways we know of.
const OF_CREDENTIALS: [&str; 7] =
    ["authorization", "proxy-authorization", "cookie", "apikey", "api-key", "x-api-key", "x-auth-token"];

/// The headers of every request of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    list: Vec<(HeaderName, Vec<Part>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Token,
}

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a name of a header.
    #[error("`{0}` is not the name of a header")]
    Name(String),
    /// The connection writes it.
    #[error("`{0}` is written by the connection and cannot be set")]
    OfTheConnection(String),
    /// It reads something else than the token.
    #[error("unknown name `{0}`: a header can hold `{{{{ token }}}}` and nothing else")]
    UnknownName(String),
    /// Opened, never closed.
    #[error("`{{{{` without `}}}}`")]
    Open,
    /// Control characters, line breaks or letters beyond ASCII.
    #[error("a header's value is visible ASCII")]
    Value,
    /// A credential in the file.
    #[error("no secret stands in a file of ours")]
    Secret,
}

impl Headers {
    /// The two headers that services of ours need.
    pub fn default_set() -> Headers {
        let bearer = vec![Part::Text("Bearer ".to_owned()), Part::Token];
        Headers { list: vec![(reqwest::header::AUTHORIZATION, bearer), Headers::content_type()] }
    }

    /// No header but the type of what is sent; [`Headers::add`] adds to it or replaces it.
    pub fn none() -> Headers {
        Headers { list: vec![Headers::content_type()] }
    }

    fn content_type() -> (HeaderName, Vec<Part>) {
        (reqwest::header::CONTENT_TYPE, vec![Part::Text("application/json".to_owned())])
    }

    /// Adds a header, or replaces the one of the same name.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let parsed =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name(name.to_owned()))?;
        if OF_THE_CONNECTION.contains(&parsed.as_str()) {
            return Err(HeaderError::OfTheConnection(name.to_owned()));
        }
        let parts = parts(value)?;
        if OF_CREDENTIALS.contains(&parsed.as_str()) && !parts.contains(&Part::Token) {
            return Err(HeaderError::Secret);
        }
        self.list.retain(|(known, _)| *known != parsed);
        self.list.push((parsed, parts));
        Ok(())
    }

    /// Whether any header carries the token.
    pub fn carry_token(&self) -> bool {
        self.list.iter().any(|(_, parts)| parts.contains(&Part::Token))
    }

    /// The headers that carry no token, without the type of what is sent: for asking for one.
    pub fn without_token(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, parts) in self.list.iter().filter(|(name, _)| *name != reqwest::header::CONTENT_TYPE) {
            let text = parts.iter().map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Token => None,
            });
            let value = text.collect::<Option<String>>().and_then(|text| HeaderValue::from_str(&text).ok());
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// The headers as they are sent; `None` if the token holds what no header may.
    pub fn render(&self, token: &Secret) -> Option<HeaderMap> {
        let mut headers = HeaderMap::with_capacity(self.list.len());
        for (name, parts) in &self.list {
            let text = zeroize::Zeroizing::new(
                parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => text.as_str(),
                        Part::Token => token.expose(),
                    })
                    .collect::<String>(),
            );
            let mut value = HeaderValue::from_str(&text).ok()?;
            value.set_sensitive(parts.contains(&Part::Token));
            headers.insert(name, value);
        }
        Some(headers)
    }
}

fn parts(value: &str) -> Result<Vec<Part>, HeaderError> {
    if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(HeaderError::Value);
    }
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((text, opened)) = rest.split_once("{{") {
        let (name, after) = opened.split_once("}}").ok_or(HeaderError::Open)?;
        if name.trim() != "token" {
            return Err(HeaderError::UnknownName(name.trim().to_owned()));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        parts.push(Part::Token);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stands_where_the_template_says_and_is_sensitive() {
        let headers = Headers::default_set().render(&Secret::new("k-1".to_owned())).unwrap();

        assert_eq!(headers["authorization"], "Bearer k-1");
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(headers["content-type"], "application/json");
        assert!(!headers["content-type"].is_sensitive());
    }

    #[test]
    fn a_token_with_a_line_break_makes_no_header() {
        assert!(Headers::default_set().render(&Secret::new("k\r\nX-Evil: 1".to_owned())).is_none());
    }

    #[test]
    fn only_the_token_is_known() {
        let mut headers = Headers::none();

        assert_eq!(headers.add("X-A", "{{token}}-{{  token }}"), Ok(()));
        assert_eq!(headers.add("X-A", "{{ tokn }}"), Err(HeaderError::UnknownName("tokn".to_owned())));
        assert_eq!(headers.add("X-A", "{{ token"), Err(HeaderError::Open));
        assert_eq!(
            HeaderError::UnknownName("tokn".to_owned()).to_string(),
            "unknown name `tokn`: a header can hold `{{ token }}` and nothing else"
        );
    }

    #[test]
    fn a_header_of_the_connection_or_with_a_credential_in_it_is_refused() {
        let mut headers = Headers::none();

        assert_eq!(headers.add("Host", "h"), Err(HeaderError::OfTheConnection("Host".to_owned())));
        assert_eq!(headers.add("Authorization", "Bearer abc"), Err(HeaderError::Secret));
        assert_eq!(headers.add("X-A", "é"), Err(HeaderError::Value));
        assert_eq!(headers.add("X A", "b"), Err(HeaderError::Name("X A".to_owned())));
    }

    #[test]
    fn a_header_of_the_same_name_is_replaced() {
        let mut headers = Headers::none();
        headers.add("content-TYPE", "application/json; charset=utf-8").unwrap();

        let rendered = headers.render(&Secret::new(String::new())).unwrap();

        assert_eq!(rendered.len(), 1);
        assert_eq!(rendered["content-type"], "application/json; charset=utf-8");
    }
}
