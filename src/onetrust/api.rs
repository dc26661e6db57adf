//! Asks OneTrust one thing at a time, within its limits, and says what came of it.
//!
//! A request waits here until the limits let it leave; that wait counts against no time-out. Nothing is
//! sent twice, except once after a 401 with a new token: whether to ask again is for the caller to say.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;

use super::errors::{ApiError, Shape};
use super::limits::{Limits, Period, endpoint};
use super::place::{Place, moment};
use super::request::{Body, Request};
use crate::clock::Clock;
use crate::config::{self, Connection};
use crate::wire::{Answer, Client, ClientCredentials, Credential, Exchange, Timeouts, WireError};

/// Where tokens are asked for (OneTrust's OpenAPI, `GetOAuthToken`).
const TOKEN_PATH: &str = "/api/access/v1/oauth/token";

/// A client for an account of OneTrust; one is enough for all who use the profile.
pub fn client(
    connection: &Connection,
    credential: &config::Credential,
    timeouts: Timeouts,
) -> Result<Client, WireError> {
    let credential = match credential {
        config::Credential::Token(token) => Credential::Token(token.clone()),
        config::Credential::OAuth2 { client_id, client_secret, form } => {
            Credential::Client(ClientCredentials {
                id: client_id.clone(),
                secret: client_secret.clone(),
                path: TOKEN_PATH,
                form: *form,
            })
        }
    };
    Client::new(connection, credential, timeouts)
}

/// What OneTrust said, and when.
#[derive(Clone, PartialEq)]
pub struct Told {
    /// The body; `null` when there is none.
    pub value: Value,
    /// By the clock of the service.
    pub date: Option<Timestamp>,
}

// The body can name a person.
impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("date", &self.date).finish_non_exhaustive()
    }
}

/// What asks one account; clone it freely.
#[derive(Clone)]
pub struct Api {
    client: Client,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// Asks through a client, within limits that others may share, in the time of a clock.
    pub fn new(client: Client, limits: Arc<Limits>, clock: Arc<dyn Clock>) -> Api {
        Api { client, limits, clock }
    }

    /// The client underneath.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes one request. An empty answer is `null`; an answer that is no success is an error.
    pub async fn call(&self, request: Request) -> Result<Value, ApiError> {
        self.ask(request).await.map(|told| told.value)
    }

    /// The same, with what time it was there.
    pub async fn ask(&self, request: Request) -> Result<Told, ApiError> {
        let answer = self.exchange(&request).await?;
        let date = answer.header("date").and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        let value = self.value(&request, &answer)?;
        Ok(Told { value, date })
    }

    fn value(&self, request: &Request, answer: &Answer) -> Result<Value, ApiError> {
        let endpoint = || endpoint(request.method().as_str(), request.path());
        if !(200..=299).contains(&answer.status) {
            return Err(ApiError::answered(answer, endpoint()));
        }
        match Shape::of(answer.header("content-type"), &answer.body) {
            Shape::Empty => Ok(Value::Null),
            Shape::Page => Err(ApiError::NotTheService { status: answer.status, what: "an HTML page" }),
            Shape::Json | Shape::Plain | Shape::Other => {
                let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
                serde_json::from_slice(body).map_err(|_| ApiError::Unreadable { endpoint: endpoint() })
            }
        }
    }

    /// Fetches a file that an answer named, through a client of the host it is on, with the credential that
    /// came with it. It counts for the account as any other request.
    pub async fn fetch(&self, from: &Client, path: String, authorization: &str) -> Result<Bytes, ApiError> {
        let endpoint = "GET (a file)".to_owned();
        let unwritable = || ApiError::Unwritable { endpoint: endpoint.clone() };
        let mut authorization = HeaderValue::try_from(authorization).map_err(|_| unwritable())?;
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization)]);
        let exchange = Exchange { path_and_query: path, headers, ..Exchange::default() };
        let place = Place::of(&self.limits, &endpoint, &*self.clock).await;
        let answered = from.send(exchange).await;
        drop(place);
        let answer = answered.map_err(|broken| ApiError::broken(broken, endpoint.clone()))?;
        match answer.status {
            200..=299 if Shape::of(answer.header("content-type"), &answer.body) != Shape::Page => {
                Ok(answer.body)
            }
            _ => Err(ApiError::answered(&answer, endpoint)),
        }
    }

    /// Makes one request and hands the answer over as it is, whatever its status but 429.
    pub async fn exchange(&self, request: &Request) -> Result<Answer, ApiError> {
        let endpoint = endpoint(request.method().as_str(), request.path());
        let Some(mut exchange) = request.exchange() else { return Err(ApiError::Unwritable { endpoint }) };
        if let Body::Json(_) = request.body() {
            exchange.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let place = Place::of(&self.limits, &endpoint, &*self.clock).await;
        let answered = self.client.send(exchange).await;
        drop(place);
        let answer = answered.map_err(|broken| ApiError::broken(broken, endpoint.clone()))?;
        if answer.status == 429 {
            let period = Period::of(&answer);
            let wall = Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH);
            let until = moment(&*self.clock) + period.rest(&answer, wall);
            self.limits.rest(&endpoint, period, until);
            let not_before_ms = i64::try_from(until.as_millis()).unwrap_or(i64::MAX);
            return Err(ApiError::Limited { not_before_ms, period });
        }
        Ok(answer)
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("client", &self.client).finish_non_exhaustive()
    }
}
