//! One batch over the wire: the body is put together, sent, and the answer read.
//!
//! Runs as a task of its own and hands everything back to the driver; it decides nothing.

use std::sync::Arc;

use super::batches::Batch;
use super::service::Service;
use crate::braze::{self, Item, Reading};
use crate::clock::Clock;
use crate::plan::{self, Call};
use crate::wire::{Broken, Exchange};

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
    /// When the answer came.
    pub at_ms: i64,
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
    /// When the window ends, in Unix milliseconds.
    pub reset_ms: Option<i64>,
    /// After a 429: nothing before this moment.
    pub too_fast_until_ms: Option<i64>,
}

/// Sends a batch and reads the answer.
pub(super) async fn exchange(service: Arc<Service>, batch: Batch, clock: Arc<dyn Clock>) -> Replied {
    let calls: Vec<&Call> = batch.members.iter().map(|member| &member.call).collect();
    let Some(action) = calls.first().map(|call| call.action()) else {
        let at_ms = clock.now_ms();
        return Replied { batch, reply: Reply::Items(Vec::new()), status: 0, request_id: None, said: Said::default(), at_ms };
    };
    let exchange = Exchange {
        method: method(action.method),
        path_and_query: plan::path_and_query(&calls),
        body: plan::body(&calls),
    };
    let result = service.client.send(exchange).await;
    let at_ms = clock.now_ms();
    let (reply, status, request_id, said) = match result {
        Ok(answer) => {
            let headers = braze::Headers::read(|name| answer.header(name));
            let reading = braze::read(action, &calls, answer.status, &headers, &answer.body, at_ms);
            let said = Said {
                limit: headers.limit,
                remaining: headers.remaining,
                reset_ms: headers.reset_ms(at_ms),
                too_fast_until_ms: None,
            };
            let request_id = headers.request_id.clone();
            let (reply, said) = reply_of(reading, said, answer.status, at_ms);
            (reply, answer.status, request_id, said)
        }
        Err(Broken::NotSent { host, why }) => {
            (Reply::NotReached { why: format!("{host} cannot be reached: {why}") }, 0, None, Said::default())
        }
        Err(Broken::Unknown { why, .. }) => (Reply::Unknown { why: why.to_string() }, 0, None, Said::default()),
    };
    Replied { batch, reply, status, request_id, said, at_ms }
}

fn reply_of(reading: Reading, said: Said, status: u16, at_ms: i64) -> (Reply, Said) {
    let _ = (&reading, &said, status, at_ms);
    match reading {
        Reading::Items(items) => (Reply::Items(items), said),
        Reading::Split => (Reply::Split, said),
        Reading::Retry { not_before_ms } => todo!("{not_before_ms:?}"),
        _ => todo!(),
    }
}

fn method(method: crate::catalogue::Method) -> reqwest::Method {
    match method {
        crate::catalogue::Method::Get => reqwest::Method::GET,
        crate::catalogue::Method::Post => reqwest::Method::POST,
    }
}
