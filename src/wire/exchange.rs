//! What is sent and what comes back, in one HTTP exchange.
//!
//! Both may hold personal data and neither prints it: `Debug` shows the path without its query, the
//! status, and sizes.

use std::fmt;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;

/// What is sent.
#[derive(Clone, Default)]
pub struct Exchange {
    /// GET, POST, …
    pub method: Method,
    /// Begins with `/`; percent-encoded by whoever built it.
    pub path_and_query: String,
    /// Headers of this exchange alone; they stand in for those of the profile with the same name.
    pub headers: HeaderMap,
    /// Shared with the batch it came from, not copied. Empty for none.
    pub body: Bytes,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        f.debug_struct("Exchange")
            .field("method", &self.method)
            .field("path", &path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A whole answer, whatever its status.
#[derive(Clone)]
pub struct Answer {
    /// 200, 429, …
    pub status: u16,
    /// Read them with [`Answer::header`].
    pub(super) headers: HeaderMap,
    /// As received, at most 32 MiB.
    pub body: Bytes,
    /// HTTP requests made: 2 when the token had to be read again.
    pub requests: u32,
}

impl Answer {
    /// The value of a header, if it is there once and is text. Names are matched without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
