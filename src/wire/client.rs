//! One HTTP exchange with one service: what was sent came to an answer, or it is known how not.
//!
//! The client repeats nothing, follows nothing and hides nothing, with one exception: after a 401 the
//! token is read again, and if it changed the exchange is made once more. A 401 was not applied.
//! What an answer means, and whether anything is sent again, is decided elsewhere.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};

use super::broken::{self, Broken, NotSent, Route, Unknown};
use crate::config::{Connection, Generation, Scheme, Token};

/// Largest answer that is read. An export of fifty people with long histories is a tenth of it.
const MOST_BYTES: usize = 32 << 20;

/// Connections kept open to a host: as many as the engine ever uses at once.
const IDLE_CONNECTIONS: usize = 256;

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, the name's address and TLS included.
    pub connect: Duration,
    /// For the whole exchange, from asking for a connection to the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    /// Ten seconds for a connection; a minute for an answer, longer than the services' own limit.
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(10), total: Duration::from_secs(60) }
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The `ca_file` cannot be read.
    #[error("cannot read `ca_file` {path}")]
    CaFile {
        /// As resolved.
        path: std::path::PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// The `ca_file` holds no certificate.
    #[error("`ca_file` {path} holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")]
    NoCertificate {
        /// As resolved.
        path: std::path::PathBuf,
    },
    /// The proxy's address cannot be used.
    #[error("`proxy` cannot be used")]
    Proxy(#[source] reqwest::Error),
    /// The TLS library could not be set up; most often the system has no certificates.
    #[error(
        "cannot set up secure connections; where the system has no certificates, name a file of them in `ca_file`"
    )]
    Tls(#[source] reqwest::Error),
}

/// What is sent.
#[derive(Clone)]
pub struct Exchange {
    /// GET, POST, …
    pub method: Method,
    /// Begins with `/`; percent-encoded by whoever built it.
    pub path_and_query: String,
    /// Shared with the batch it came from, not copied. Empty for none.
    pub body: Bytes,
    /// What the body is, in place of what the profile's headers say.
    pub content_type: Option<String>,
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
    headers: HeaderMap,
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

/// A client of one profile; clone it freely, its connections are shared.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    host: String,
    route: Route,
    connection: Connection,
    token: Token,
    /// The headers with the token in them, made once per token.
    headers: RwLock<Option<(Generation, HeaderMap)>>,
}

impl Client {
    /// A client for one connection. Reads `ca_file`; connects to nobody yet.
    pub fn new(connection: &Connection, token: Token, timeouts: Timeouts) -> Result<Client, WireError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("privaflow/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .tcp_nodelay(true)
            .no_proxy();
        if let Some(proxy) = &connection.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(WireError::Proxy)?);
        }
        builder = match (&connection.ca_file, connection.scheme()) {
            (Some(path), _) => builder.tls_certs_only(certificates(path)?),
            // Plain HTTP trusts nobody, and must work where the system has no certificates.
            (None, Scheme::Http) => builder.tls_certs_only([]),
            (None, Scheme::Https) => builder,
        };
        let inner = Inner {
            http: builder.build().map_err(WireError::Tls)?,
            base: connection.base().clone(),
            host: connection.host().to_string(),
            route: if connection.proxy.is_some() { Route::Proxy } else { Route::Direct },
            connection: connection.clone(),
            token,
            headers: RwLock::new(None),
        };
        Ok(Client { inner: Arc::new(inner) })
    }

    /// Makes one exchange and reads the whole answer.
    pub async fn send(&self, exchange: Exchange) -> Result<Answer, Broken> {
        let (generation, headers) = self.headers(None).await?;
        let answer = self.once(&exchange, headers).await?;
        if answer.status != StatusCode::UNAUTHORIZED.as_u16() {
            return Ok(answer);
        }
        match self.headers(Some(generation)).await {
            Ok((renewed, headers)) if renewed != generation => {
                let again = self.once(&exchange, headers).await?;
                Ok(Answer { requests: again.requests + answer.requests, ..again })
            }
            // The token is the same, or is gone: the 401 says it better.
            Ok(_) | Err(_) => Ok(answer),
        }
    }

    async fn once(&self, exchange: &Exchange, headers: HeaderMap) -> Result<Answer, Broken> {
        let inner = &*self.inner;
        let mut request = Request::new(exchange.method.clone(), self.address(&exchange.path_and_query)?);
        *request.headers_mut() = headers;
        if let Some(kind) = &exchange.content_type {
            let kind = HeaderValue::from_str(kind).map_err(|_| self.not_sent(NotSent::Request))?;
            request.headers_mut().insert(CONTENT_TYPE, kind);
        }
        if !exchange.body.is_empty() {
            *request.body_mut() = Some(exchange.body.clone().into());
        }
        let mut response = inner
            .http
            .execute(request)
            .await
            .map_err(|error| broken::while_sending(&error, &inner.host, inner.route))?;
        let mut body = BytesMut::new();
        loop {
            let part = response.chunk().await.map_err(|error| broken::while_reading(&error, &inner.host))?;
            let Some(part) = part else { break };
            if body.len() + part.len() > MOST_BYTES {
                return Err(Broken::Unknown { host: inner.host.clone(), why: Unknown::TooLarge });
            }
            body.extend_from_slice(&part);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status: response.status().as_u16(), headers, body: body.freeze(), requests: 1 })
    }

    /// The path on our host; a path that would leave the host is refused.
    fn address(&self, path_and_query: &str) -> Result<Url, Broken> {
        let address = self.inner.base.join(path_and_query).ok();
        address
            .filter(|address| path_and_query.starts_with('/') && address.origin() == self.inner.base.origin())
            .ok_or_else(|| self.not_sent(NotSent::Request))
    }

    /// The headers with the current token, or with a newer one than `refused`.
    async fn headers(&self, refused: Option<Generation>) -> Result<(Generation, HeaderMap), Broken> {
        if refused.is_none() {
            let known = self.inner.headers.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some((generation, headers)) = &*known {
                return Ok((*generation, headers.clone()));
            }
        }
        let (generation, secret) = match refused {
            None => self.inner.token.read().await,
            Some(refused) => self.inner.token.renew(refused).await,
        }
        .map_err(|error| self.not_sent(NotSent::Token(error)))?;
        let headers =
            self.inner.connection.headers.render(&secret).ok_or_else(|| self.not_sent(NotSent::Request))?;
        let mut known = self.inner.headers.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *known = Some((generation, headers.clone()));
        Ok((generation, headers))
    }

    fn not_sent(&self, why: NotSent) -> Broken {
        Broken::NotSent { host: self.inner.host.clone(), why }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.inner.host).finish_non_exhaustive()
    }
}

fn certificates(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, WireError> {
    let pem = std::fs::read(path).map_err(|source| WireError::CaFile { path: path.to_owned(), source })?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(WireError::NoCertificate { path: path.to_owned() }),
    }
}
