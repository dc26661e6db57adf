//! One HTTP exchange with one service: what was sent came to an answer, or it is known how not.
//!
//! The client repeats nothing, follows nothing and hides nothing, with one exception: after a 401 the
//! token is read, or asked for, again, and if it changed the exchange is made once more. A 401 was not
//! applied. What an answer means, and whether anything is sent again, is decided elsewhere.

use std::fmt;
use std::sync::Arc;

use reqwest::StatusCode;

use super::bearer::{Bearer, Known};
use super::broken::{Broken, NotSent};
use super::exchange::{Answer, Exchange};
use super::grant::Granted;
use super::http::{Http, Timeouts, WireError};
use super::oauth2::Credential;
use crate::config::Connection;

/// Largest answer that is read. An export of fifty people with long histories is a tenth of it.
const MOST_BYTES: usize = 32 << 20;

/// A client of one profile; clone it freely, its connections and its token are shared.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: Http,
    bearer: Bearer,
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
        Ok(Client { inner: Arc::new(Inner { http, bearer }) })
    }

    /// Name or address, with the port.
    pub fn host(&self) -> &str {
        self.inner.http.host()
    }

    /// Makes one exchange and reads the whole answer.
    pub async fn send(&self, exchange: Exchange) -> Result<Answer, Broken> {
        let Inner { http, bearer } = &*self.inner;
        let known = bearer.current(http).await.map_err(|why| http.not_sent(why))?;
        let answer = self.once(&exchange, &known).await?;
        if answer.status != StatusCode::UNAUTHORIZED.as_u16() {
            return Ok(answer);
        }
        match bearer.after(known.number, http).await {
            Ok(renewed) if renewed.number != known.number => {
                let again = self.once(&exchange, &renewed).await?;
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
        let Inner { http, bearer } = &*self.inner;
        bearer.granted(http).await.map_err(|why| http.not_sent(why))
    }

    async fn once(&self, exchange: &Exchange, known: &Known) -> Result<Answer, Broken> {
        let mut headers = known.headers.clone();
        for (name, value) in &exchange.headers {
            headers.insert(name, value.clone());
        }
        let (path, body) = (&exchange.path_and_query, exchange.body.clone());
        self.inner.http.send(exchange.method.clone(), path, headers, body, MOST_BYTES).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host()).finish_non_exhaustive()
    }
}
