//! One HTTP exchange with one service: what was sent came to an answer, or it is known how not. A folder is
//! asked in the same words, and answers from the disk.
//!
//! The client repeats nothing, follows nothing and hides nothing, with one exception: after a 401 the
//! token is read, or asked for, again, and if it changed the exchange is made once more. A 401 was not
//! applied. What an answer means, and whether anything is sent again, is decided elsewhere.

use std::fmt;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use super::bearer::{Bearer, Known};
use super::broken::{Broken, NotSent, Unknown};
use super::exchange::{Answer, Exchange};
use super::grant::Granted;
use super::http::{Http, Timeouts, WireError};
use super::oauth2::Credential;
use crate::config::Connection;
use crate::folder::Files;

/// Largest answer that is read. An export of fifty people with long histories is a tenth of it.
const MOST_BYTES: usize = 32 << 20;

/// A client of one profile; clone it freely, its connections and its token are shared.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

enum Inner {
    Service { http: Box<Http>, bearer: Box<Bearer> },
    Folder(Files),
}

impl Client {
    /// A client for one connection. Reads `ca_file`; connects to nobody yet.
    pub fn new(
        connection: &Connection,
        credential: impl Into<Credential>,
        timeouts: Timeouts,
    ) -> Result<Client, WireError> {
        let http = Http::new(connection, timeouts)?;
        let bearer = Bearer::new(credential.into(), connection.headers.clone());
        Ok(Client { inner: Arc::new(Inner::Service { http: Box::new(http), bearer: Box::new(bearer) }) })
    }

    /// A client for the files of a folder.
    pub fn of_folder(files: Files) -> Client {
        Client { inner: Arc::new(Inner::Folder(files)) }
    }

    /// Name or address, with the port; of a folder where it is.
    pub fn host(&self) -> String {
        match &*self.inner {
            Inner::Service { http, bearer: _ } => http.host().to_owned(),
            Inner::Folder(files) => files.place(),
        }
    }

    /// Makes one exchange and reads the whole answer.
    pub async fn send(&self, exchange: Exchange) -> Result<Answer, Broken> {
        let (http, bearer) = match &*self.inner {
            Inner::Service { http, bearer } => (http, bearer),
            Inner::Folder(files) => return files_told(files.clone(), exchange).await,
        };
        let known = bearer.current(http).await.map_err(|why| http.not_sent(why))?;
        let answer = once(http, &exchange, &known).await?;
        if answer.status != StatusCode::UNAUTHORIZED.as_u16() {
            return Ok(answer);
        }
        match bearer.after(known.number, http).await {
            Ok(renewed) if renewed.number != known.number => {
                let again = once(http, &exchange, &renewed).await?;
                Ok(Answer { requests: again.requests + answer.requests, ..again })
            }
            // No new token was given, and the reason is not that this one is wrong.
            Err(why @ NotSent::Grant(_)) => Err(http.not_sent(why)),
            // The token is the same, or is gone: the 401 says it better.
            Ok(_) | Err(_) => Ok(answer),
        }
    }

    /// What the service said of us when it gave the current token, asked for now if there is none;
    /// `None` for a key that is sent as it is.
    pub async fn granted(&self) -> Result<Option<Granted>, Broken> {
        match &*self.inner {
            Inner::Service { http, bearer } => bearer.granted(http).await.map_err(|why| http.not_sent(why)),
            Inner::Folder(_) => Ok(None),
        }
    }
}

async fn once(http: &Http, exchange: &Exchange, known: &Known) -> Result<Answer, Broken> {
    let mut headers = known.headers.clone();
    for (name, value) in &exchange.headers {
        headers.insert(name, value.clone());
    }
    let (path, body) = (&exchange.path_and_query, exchange.body.clone());
    http.send(exchange.method.clone(), path, headers, body, MOST_BYTES).await
}

/// What a folder says; the disk is waited for where nobody else waits.
async fn files_told(files: Files, exchange: Exchange) -> Result<Answer, Broken> {
    let place = files.place();
    let writes = exchange.method == Method::PUT;
    let told = move || files.carry_out(writes, &exchange.path_and_query, &exchange.body);
    // A write that was cut off may be in its place or not.
    let lost = |_| Broken::Unknown { host: place, why: Unknown::Reset };
    let told = tokio::task::spawn_blocking(told).await.map_err(lost)?;
    let body = told.value.to_string().into();
    Ok(Answer { status: told.status, headers: HeaderMap::new(), body, requests: 1 })
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host()).finish_non_exhaustive()
    }
}
