//! One exchange: faults, key, limits, shape, then the endpoint; nothing about any endpoint's rules.
//!
//! The whole request is read before anything is answered. Nothing is logged per request.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::connection::Line;
use super::faults::Effect;
use super::limits::{Reset, Standing};
use super::reply::{Answer, Reply};
use super::route::Route;
use super::shared::Shared;
use super::world::mixed;
use super::{
    Pool, admin, alias, body, delete, email, export, identify, rename, subscription, subscription_read, track,
};

/// Braze refuses larger bodies on most endpoints (Braze docs, "API errors & responses").
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Answers one request.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = body::read(body, MAX_BODY_BYTES).await;
    if parts.uri.path().starts_with("/sandbox/") {
        return admin::answer(&shared, &parts, body.unwrap_or_default());
    }
    let route = Route::of(parts.method.as_str(), parts.uri.path());
    let number = shared.counts.count(route);
    let effect = shared.strike(parts.uri.path());
    if let Some(Effect::Stall { for_ms }) = effect {
        tokio::time::sleep(Duration::from_millis(for_ms)).await;
    }
    let mut headers = HeaderMap::new();
    if let (Some(Effect::ComeBack { after_ms }), Some(Route::Delete), Some(body)) = (effect, route, &body) {
        delete::come_back(&shared, body, after_ms, shared.clock.now_ms());
    }
    let reply = under_fault(&shared, effect, &line, &mut headers, |headers| {
        handle(&shared, route, &parts, body.as_ref(), headers).unwrap_or_else(|refusal| refusal)
    });
    if reply.status == 429 {
        shared.counts.too_many_requests.fetch_add(1, Ordering::Relaxed);
    }
    put(&mut headers, "x-request-id", &request_id(shared.seed, number));
    respond(reply, headers)
}

/// Answers as the fault demands; `handle` applies the request.
fn under_fault(
    shared: &Shared,
    effect: Option<Effect>,
    line: &Line,
    headers: &mut HeaderMap,
    handle: impl FnOnce(&mut HeaderMap) -> Reply,
) -> Reply {
    let failed = |status| Reply::message(status, "The sandbox was told to fail");
    match effect {
        None | Some(Effect::Stall { .. } | Effect::ComeBack { .. }) => handle(headers),
        Some(Effect::DropBeforeApplying) => {
            line.cut();
            failed(500)
        }
        Some(Effect::DropAfterApplying) => {
            let reply = handle(headers);
            line.cut();
            reply
        }
        Some(Effect::FailBeforeApplying { status }) => failed(status),
        Some(Effect::FailAfterApplying { status }) => {
            let applied = handle(headers);
            if applied.status < 300 { failed(status) } else { applied }
        }
        Some(Effect::TooManyRequests { retry_after_s }) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
            Reply::message(429, "Rate limit exceeded")
        }
        Some(Effect::AcceptWithoutApplying) => Reply::success(),
        Some(Effect::Unauthorized) => Reply::message(401, &format!("Invalid API key: {}", shared.token)),
    }
}

fn handle(
    shared: &Shared,
    route: Option<Route>,
    parts: &Parts,
    body: Option<&Bytes>,
    headers: &mut HeaderMap,
) -> Answer {
    let path = parts.uri.path();
    let Some(route) = route else {
        let is_slashed = Route::of(parts.method.as_str(), path.trim_end_matches('/')).is_some();
        return Err(if is_slashed {
            Reply::message(403, "Access Denied")
        } else {
            Reply::message(404, "Invalid URL")
        });
    };
    authorize(shared, &parts.headers)?;
    let pool = route.pool(body.map_or(&[], |body| body));
    let now_ms = shared.clock.now_ms();
    if let Some(standing) = shared.take(pool, now_ms) {
        if shared.limits.are_told {
            describe(headers, &standing, pool, shared.limits.track_reset, now_ms);
        }
        if !standing.is_admitted {
            return Err(Reply::message(429, "Rate limit exceeded"));
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    if route.method() == "POST" && !is_json(&parts.headers) {
        return Err(Reply::message(415, "Unsupported content type: send application/json"));
    }
    let Some(body) = body else { return Err(Reply::message(413, "Request body too large")) };
    match route {
        Route::Track => track::answer(shared, body, now_ms),
        Route::Delete => delete::answer(shared, body, now_ms),
        Route::AliasNew => alias::answer(shared, body, now_ms),
        Route::Identify => identify::answer(shared, body, now_ms),
        Route::Rename => rename::answer(shared, body, now_ms),
        Route::ExportIds => export::answer(shared, body, now_ms),
        Route::EmailStatus => email::answer(shared, body, now_ms),
        Route::SubscriptionSet => subscription::answer(shared, body, now_ms),
        Route::SubscriptionSetV2 => subscription::answer_v2(shared, body, now_ms),
        Route::SubscriptionGet => subscription_read::status(shared, query, now_ms),
        Route::SubscriptionUser => subscription_read::groups(shared, query, now_ms),
    }
}

/// A wrong key is echoed in the answer, as Braze does; a client must not log it.
fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<(), Reply> {
    let presented = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match presented.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if key == shared.token => Ok(()),
        Some(key) => Err(Reply::message(401, &format!("Invalid API key: {key}"))),
        None => Err(Reply::message(401, "Missing API key: send Authorization: Bearer <key>")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let stated = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    stated.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn describe(headers: &mut HeaderMap, standing: &Standing, pool: Pool, track_reset: Reset, now_ms: i64) {
    // The end of a window is told by this clock, so the time is, too: time may be virtual.
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
        put(headers, "date", &date);
    }
    let is_relative = pool == Pool::Track && track_reset == Reset::Remaining;
    if is_relative && !standing.is_admitted {
        put(headers, "x-ratelimit-retry-after", &standing.left_s.to_string());
        return;
    }
    let reset = if is_relative { standing.left_s } else { standing.reset_epoch_s };
    put(headers, "x-ratelimit-limit", &standing.limit.to_string());
    put(headers, "x-ratelimit-remaining", &standing.remaining.to_string());
    put(headers, "x-ratelimit-reset", &reset.to_string());
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// An id that follows from the seed and the request's number.
fn request_id(seed: u64, number: u64) -> String {
    let wide = (u128::from(mixed(seed, number)) << 64) | u128::from(mixed(!seed, number));
    uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid().to_string()
}

fn respond(reply: Reply, headers: HeaderMap) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
