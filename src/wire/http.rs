//! One request over one connection, and its whole answer: nothing is repeated, followed or hidden.
//!
//! What is sent with it to prove who we are, and what is done about a 401, is the work of `client`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, Url};

use super::broken::{self, Broken, NotSent, Route, Unknown};
use super::exchange::Answer;
use crate::config::{Connection, Scheme};

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

/// The connections to one host.
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    host: String,
    route: Route,
}

impl Http {
    /// Reads `ca_file`; connects to nobody yet.
    pub fn new(connection: &Connection, timeouts: Timeouts) -> Result<Http, WireError> {
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
        Ok(Http {
            client: builder.build().map_err(WireError::Tls)?,
            base: connection.base().clone(),
            host: connection.host().to_string(),
            route: if connection.proxy.is_some() { Route::Proxy } else { Route::Direct },
        })
    }

    /// Name or address, with the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends one request and reads the whole answer, of `most_bytes` at most.
    pub async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
        most_bytes: usize,
    ) -> Result<Answer, Broken> {
        let mut request = Request::new(method, self.address(path_and_query)?);
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        let mut response = self
            .client
            .execute(request)
            .await
            .map_err(|error| broken::while_sending(&error, &self.host, self.route))?;
        let mut body = BytesMut::new();
        loop {
            let part = response.chunk().await.map_err(|error| broken::while_reading(&error, &self.host))?;
            let Some(part) = part else { break };
            if body.len() + part.len() > most_bytes {
                return Err(Broken::Unknown { host: self.host.clone(), why: Unknown::TooLarge });
            }
            body.extend_from_slice(&part);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status: response.status().as_u16(), headers, body: body.freeze(), requests: 1 })
    }

    /// Nothing was sent.
    pub fn not_sent(&self, why: NotSent) -> Broken {
        Broken::NotSent { host: self.host.clone(), why }
    }

    /// The path on our host; a path that would leave the host is refused.
    fn address(&self, path_and_query: &str) -> Result<Url, Broken> {
        let address = self.base.join(path_and_query).ok();
        address
            .filter(|address| path_and_query.starts_with('/') && address.origin() == self.base.origin())
            .ok_or_else(|| self.not_sent(NotSent::Request))
    }
}

fn certificates(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, WireError> {
    let pem = std::fs::read(path).map_err(|source| WireError::CaFile { path: path.to_owned(), source })?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(WireError::NoCertificate { path: path.to_owned() }),
    }
}
