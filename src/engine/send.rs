//! One batch over the wire: the body is put together, sent, and the answer read.
//!
//! Runs as a task of its own and hands everything back to the driver; it decides nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::batches::Batch;
use super::service::Service;
use super::timers::Now;
use crate::braze::{self, Cause, Headers, Item, Reading};
use crate::catalogue;
use crate::clock::Clock;
use crate::plan::{self, Call};
use crate::wire::{self, Broken, Exchange};

/// How long the whole pool rests after a 429 that says nothing of when to come back.
const UNTOLD_MS: i64 = 1000;

/// An exchange that ended.
#[derive(Debug)]
pub(super) struct Replied {
    /// The batch, to be taken on.
    pub batch: Batch,
    /// What became of it.
    pub reply: Reply,
    /// HTTP status; 0 when no answer came.
    pub status: u16,
    /// The service's own id of the exchange.
    pub request_id: Option<String>,
    /// What the service said of its limit.
    pub said: Said,
    /// Requests that were made: 2 when the token was read again.
    pub requests: u32,
    /// When the answer came, in Unix milliseconds.
    pub at_ms: i64,
    /// The same moment in steady time, as are all moments in `reply` and `said`.
    pub now_ms: i64,
}

/// What became of an exchange, as the engine acts on it.
#[derive(Debug)]
pub(super) enum Reply {
    /// Taken apart, call by call.
    Items(Vec<Item>),
    /// Something in it is wrong and nobody says what: halve it.
    Split,
    /// Nothing was changed; `counts` as an attempt unless the service only asked to wait.
    NotApplied { not_before_ms: Option<i64>, counts: bool },
    /// Nothing left us.
    NotReached { why: String },
    /// It may or may not have taken effect.
    Unknown { why: String },
    /// The profile must not be used.
    Stop { why: String },
}

/// What the headers of an answer say of the rate limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    /// Requests in a window.
    pub limit: Option<u32>,
    /// Requests left in this window.
    pub remaining: Option<u32>,
    /// When the window ends, in steady time.
    pub reset_ms: Option<i64>,
    /// Nothing of the pool before this moment: after a 429, or when the service says when to come back.
    pub rest_until_ms: Option<i64>,
    /// It was refused for its rate, and nothing tells the limit.
    pub is_untold: bool,
}

/// Sends a batch and reads the answer; what is not answered `at_most` so much later is unknown.
pub(super) async fn exchange(
    service: Arc<Service>,
    batch: Batch,
    at_most: Option<Duration>,
    clock: Arc<dyn Clock>,
) -> Replied {
    let calls: Vec<&Call> = batch.members.iter().map(|member| &*member.call).collect();
    let exchange = Exchange {
        method: calls.first().map_or(reqwest::Method::POST, |call| method(call.action().method)),
        path_and_query: plan::path_and_query(&calls),
        body: plan::body(&calls),
    };
    let sent = service.client.send(exchange);
    let result = match at_most {
        None => sent.await,
        Some(at_most) => match tokio::time::timeout(at_most, sent).await {
            Ok(result) => result,
            Err(_) => {
                let why = "no answer came within the step's `timeout`".to_owned();
                let reply = Reply::Unknown { why };
                let (said, now) = (Said::default(), Now::of(&*clock));
                let (at_ms, now_ms) = (now.wall_ms, now.steady_ms);
                return Replied {
                    batch,
                    reply,
                    status: 0,
                    request_id: None,
                    said,
                    requests: 1,
                    at_ms,
                    now_ms,
                };
            }
        },
    };
    let now = Now::of(&*clock);
    let (at_ms, now_ms) = (now.wall_ms, now.steady_ms);
    let requests = result.as_ref().map_or(1, |answer| answer.requests);
    let (reply, status, request_id, said) = match result {
        Ok(answer) => {
            let headers = Headers {
                retry_after: answer.header("retry-after"),
                x_ratelimit_retry_after: answer.header("x-ratelimit-retry-after"),
                x_ratelimit_reset: answer.header("x-ratelimit-reset"),
                date: answer.header("date"),
            };
            let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            let reading = braze::read(&calls, answer.status, &headers, &answer.body, at);
            // The service speaks of the calendar, and what it allows is waited for in steady time.
            let steady = |then: Timestamp| {
                now_ms.saturating_add(then.as_millisecond().saturating_sub(at.as_millisecond()))
            };
            let said = said(&answer, &reading, headers.window_ends(at).map(steady), steady, now_ms);
            let request_id = answer.header("x-request-id").map(|id| id.chars().take(64).collect());
            (reply_of(reading, calls.len(), steady), answer.status, request_id, said)
        }
        Err(Broken::NotSent { host, why }) => (
            Reply::NotReached { why: format!("nothing could be sent to {host}: {why}") },
            0,
            None,
            Said::default(),
        ),
        Err(Broken::Unknown { why, .. }) => {
            (Reply::Unknown { why: why.to_string() }, 0, None, Said::default())
        }
    };
    Replied { batch, reply, status, request_id, said, requests, at_ms, now_ms }
}

fn reply_of(reading: Reading, calls: usize, steady: impl Fn(Timestamp) -> i64) -> Reply {
    match reading {
        Reading::Accepted => {
            Reply::Items((0..calls).map(|_| Item::Accepted { output: braze::written() }).collect())
        }
        Reading::Items(items) => Reply::Items(items),
        Reading::Split => Reply::Split,
        Reading::Retry { not_before, cause } => {
            Reply::NotApplied { not_before_ms: not_before.map(steady), counts: cause != Cause::Limited }
        }
        Reading::Stop(stop) => Reply::Stop { why: stop.to_string() },
        Reading::Unknown => Reply::Unknown { why: "the service failed while it worked on it".to_owned() },
    }
}

/// What the headers say of the limit (Braze docs, "Rate limits").
fn said(
    answer: &wire::Answer,
    reading: &Reading,
    reset_ms: Option<i64>,
    steady: impl Fn(Timestamp) -> i64,
    now_ms: i64,
) -> Said {
    let small = |name: &str| answer.header(name).and_then(|value| value.trim().parse::<u32>().ok());
    let rest_until_ms = match reading {
        Reading::Retry { not_before: Some(then), cause: Cause::Limited | Cause::Unavailable } => {
            Some(steady(*then))
        }
        Reading::Retry { not_before: None, cause: Cause::Limited } => Some(now_ms.saturating_add(UNTOLD_MS)),
        _ => None,
    };
    let limit = small("x-ratelimit-limit");
    let is_refused = matches!(reading, Reading::Retry { cause: Cause::Limited, .. });
    Said {
        limit,
        remaining: small("x-ratelimit-remaining"),
        reset_ms,
        rest_until_ms,
        is_untold: is_refused && limit.is_none(),
    }
}

fn method(method: catalogue::Method) -> reqwest::Method {
    match method {
        catalogue::Method::Get => reqwest::Method::GET,
        catalogue::Method::Post => reqwest::Method::POST,
    }
}
