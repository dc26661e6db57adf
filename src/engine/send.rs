//! One batch over the wire: the body is put together, sent, and the answer read.
//!
//! Runs as a task of its own and hands everything back to the driver; it decides nothing but that a call
//! which was carried out before is not sent again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::batches::Batch;
use super::service::Service;
use super::timers::Now;
use crate::clock::Clock;
use crate::plan::{self, Call};
use crate::reply::{Answerer, Cause, Headers, Item, Reading};
use crate::wire::{self, Broken, Exchange, GrantError, NotSent};
use crate::{braze, catalogue, folder, onetrust};

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
    /// Requests that were made: more than one when the token was read again, or when it was asked first
    /// whether the call had been carried out.
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
    /// It may be sent again, and somebody said when; whether it took effect nobody can tell.
    Declined { not_before_ms: Option<i64> },
    /// Nothing left us.
    NotReached { why: String },
    /// It may or may not have taken effect.
    Unknown { why: String },
    /// The same of writes that may be repeated, because the answer cannot be read.
    Unreadable { by: Answerer },
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
    /// That moment is the service's word, and not our guess.
    pub says_when: bool,
    /// The whole account rests, and not this pool alone.
    pub rests_account: bool,
    /// It was refused for its rate, and nothing tells the limit.
    pub is_untold: bool,
}

/// Sends a batch and reads the answer; what is not answered `at_most` so much later, or by the time that the wait
/// for it is cut, is unknown.
pub(super) async fn exchange(
    service: Arc<Service>,
    batch: Batch,
    at_most: Option<Duration>,
    cut: CancellationToken,
    clock: Arc<dyn Clock>,
) -> Replied {
    let calls: Vec<&Call> = batch.members.iter().map(|member| &*member.call).collect();
    // The call itself has its place; a question before it needs one more, and waits before time counts.
    let look = calls.first().filter(|_| batch.must_look()).and_then(|call| call.look());
    let asked = look.map(|look| look.call().action());
    let asked = asked.map(|action| onetrust::endpoint(action.method.word(), &action.path));
    let unknown = |why: &str| Round::of(Reply::Unknown { why: why.to_owned() }, Now::of(&*clock));
    let sent = async {
        let _place = match (&service.account, &asked) {
            (Some(account), Some(endpoint)) => Some(onetrust::Place::of(account, endpoint, &*clock).await),
            _ => None,
        };
        let sent = send(&service, &calls, batch.must_look(), &*clock);
        match at_most {
            None => sent.await,
            Some(at_most) => {
                let answered = tokio::time::timeout(at_most, sent).await;
                answered.unwrap_or_else(|_| unknown("no answer came within the step's `timeout`"))
            }
        }
    };
    let round = tokio::select! {
        biased;
        round = sent => round,
        () = cut.cancelled() => unknown("no answer came before somebody decided about its job"),
    };
    let Round { reply, status, request_id, said, requests, now } = round;
    let (at_ms, now_ms) = (now.wall_ms, now.steady_ms);
    Replied { batch, reply, status, request_id, said, requests, at_ms, now_ms }
}

/// What came of sending calls, or of asking whether they were carried out before.
pub(super) struct Round {
    pub(super) reply: Reply,
    pub(super) status: u16,
    request_id: Option<String>,
    pub(super) said: Said,
    requests: u32,
    now: Now,
}

impl Round {
    /// Without an answer.
    fn of(reply: Reply, now: Now) -> Round {
        Round { reply, status: 0, request_id: None, said: Said::default(), requests: 1, now }
    }
}

/// Sends calls. Where an earlier attempt may have been carried out, that is asked first, and what was
/// carried out is not sent again. Nor is a call refused that asks for what is there already: somebody did
/// it by hand.
async fn send(service: &Service, calls: &[&Call], must_look: bool, clock: &dyn Clock) -> Round {
    let Some(look) = calls.first().and_then(|call| call.look()) else {
        return once(service, calls, clock).await;
    };
    let sent = if must_look { None } else { Some(once(service, calls, clock).await) };
    if let Some(sent) = sent {
        let refused = matches!(&sent.reply, Reply::Items(items)
            if matches!(items.as_slice(), [Item::Refused(refusal)] if refusal.code == "refused"));
        if !refused {
            return sent;
        }
        let looked = once(service, &[look.call()], clock).await;
        let requests = sent.requests + looked.requests;
        return match stands(look, &looked) {
            Some(true) => Round { requests, ..carried_out(calls, looked) },
            Some(false) | None => Round { requests, ..sent },
        };
    }
    let looked = once(service, &[look.call()], clock).await;
    match stands(look, &looked) {
        Some(true) => carried_out(calls, looked),
        Some(false) => {
            let sent = once(service, calls, clock).await;
            Round { requests: sent.requests + looked.requests, ..sent }
        }
        // Nobody knows yet. What the service said of the question holds for the call.
        None => looked,
    }
}

/// Whether things stand as a call asks for; `None` when the answer does not say.
fn stands(look: &plan::Look, looked: &Round) -> Option<bool> {
    match &looked.reply {
        Reply::Items(items) => match items.as_slice() {
            [Item::Accepted { output }] => Some(look.took_effect(output)),
            _ => None,
        },
        _ => None,
    }
}

/// The answer of a call that need not be sent any more.
fn carried_out(calls: &[&Call], mut looked: Round) -> Round {
    let action = calls.first().map_or("", |call| call.action().id.as_str());
    tracing::info!(action, "{action} asks for what is there already: it is not sent again");
    looked.reply = Reply::Items(vec![Item::Written]);
    looked
}

/// Sends calls that share a body, and reads the answer.
pub(super) async fn once(service: &Service, calls: &[&Call], clock: &dyn Clock) -> Round {
    let exchange = Exchange {
        method: calls.first().map_or(reqwest::Method::POST, |call| method(call.action().method)),
        path_and_query: plan::path_and_query(calls),
        headers: headers(calls),
        body: plan::body(calls),
    };
    let result = service.client.send(exchange).await;
    let now = Now::of(clock);
    match result {
        Ok(answer) => answered(calls, &answer, now),
        Err(Broken::NotSent { why: NotSent::Grant(error), .. }) => {
            Round::of(without_token(&error, now.steady_ms), now)
        }
        Err(Broken::NotSent { host, why }) => {
            Round::of(Reply::NotReached { why: format!("nothing could be sent to {host}: {why}") }, now)
        }
        Err(Broken::Unknown { why, .. }) => Round::of(Reply::Unknown { why: why.to_string() }, now),
    }
}

/// What the body is, where the profile's own word does not hold for it.
fn headers(calls: &[&Call]) -> HeaderMap {
    let kind = plan::content_type(calls).and_then(|kind| HeaderValue::try_from(kind).ok());
    kind.into_iter().map(|kind| (CONTENT_TYPE, kind)).collect()
}

fn answered(calls: &[&Call], answer: &wire::Answer, now: Now) -> Round {
    let headers = Headers {
        retry_after: answer.header("retry-after"),
        x_ratelimit_retry_after: answer.header("x-ratelimit-retry-after"),
        x_ratelimit_reset: answer.header("x-ratelimit-reset"),
        ot_period: answer.header("ot-period"),
        date: answer.header("date"),
        content_type: answer.header("content-type"),
    };
    let at = Timestamp::from_millisecond(now.wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let reading = match calls.first().map(|call| call.action().system.as_str()) {
        Some("onetrust") => onetrust::read(calls, answer.status, &headers, &answer.body, at),
        Some("folder") => folder::read(calls, answer.status, &answer.body),
        Some(_) | None => braze::read(calls, answer.status, &headers, &answer.body, at),
    };
    // The service speaks of the calendar, and what it allows is waited for in steady time.
    let now_ms = now.steady_ms;
    let steady =
        |then: Timestamp| now_ms.saturating_add(then.as_millisecond().saturating_sub(at.as_millisecond()));
    let said = said(answer, &reading, headers.window_ends(at).map(steady), steady, now_ms);
    let id = answer.header("x-request-id").or_else(|| answer.header("ot-ratelimit-event-id"));
    let request_id = id.map(|id| id.chars().take(64).collect());
    let reply = reply_of(reading, answer.status, calls.len(), steady);
    Round { reply, status: answer.status, request_id, said, requests: answer.requests, now }
}

/// Nothing was sent, because the service gave no token to send it with.
fn without_token(error: &GrantError, now_ms: i64) -> Reply {
    match error {
        GrantError::Limited { until } => {
            let rest = until.saturating_duration_since(tokio::time::Instant::now());
            let rest_ms = i64::try_from(rest.as_millis()).unwrap_or(i64::MAX);
            Reply::NotApplied { not_before_ms: Some(now_ms.saturating_add(rest_ms)), counts: false }
        }
        error if error.is_final() => Reply::Stop { why: error.to_string() },
        error => Reply::NotReached { why: error.to_string() },
    }
}

fn reply_of(reading: Reading, status: u16, calls: usize, steady: impl Fn(Timestamp) -> i64) -> Reply {
    match reading {
        Reading::Accepted => Reply::Items((0..calls).map(|_| Item::Written).collect()),
        Reading::Items(items) => Reply::Items(items),
        Reading::Split => Reply::Split,
        Reading::Retry { not_before, cause } => {
            Reply::NotApplied { not_before_ms: not_before.map(steady), counts: cause != Cause::Limited }
        }
        Reading::Declined { not_before } => Reply::Declined { not_before_ms: not_before.map(steady) },
        Reading::Stop(stop) => Reply::Stop { why: stop.to_string() },
        Reading::Unreadable(by) => Reply::Unreadable { by },
        Reading::Unknown if (200..300).contains(&status) => Reply::Unknown {
            why: format!("it was answered with {status}, and what the answer says cannot be read"),
        },
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
        Reading::Retry { not_before: Some(then), cause: Cause::Limited | Cause::Unavailable }
        | Reading::Declined { not_before: Some(then) } => Some(steady(*then)),
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
        says_when: matches!(
            reading,
            Reading::Retry { not_before: Some(_), .. } | Reading::Declined { not_before: Some(_) }
        ),
        rests_account: onetrust::Period::of(answer) == onetrust::Period::Hour,
        is_untold: is_refused && limit.is_none(),
    }
}

fn method(method: catalogue::Method) -> reqwest::Method {
    match method {
        catalogue::Method::Get => reqwest::Method::GET,
        catalogue::Method::Post => reqwest::Method::POST,
        catalogue::Method::Put => reqwest::Method::PUT,
        catalogue::Method::Delete => reqwest::Method::DELETE,
    }
}
