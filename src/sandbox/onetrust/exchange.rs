//! One exchange: faults, token, scope, limits, address, then the operation; nothing about any
//! operation's rules.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use super::asked::Asked;
use super::limits::Exceeded;
use super::reply::{Answer, Refusal, Reply};
use super::route::{Found, Route};
use super::shared::Shared;
use super::token::Caller;
use super::{admin, operations};
use crate::sandbox::body;
use crate::sandbox::connection::Line;
use crate::sandbox::faults::Effect;
use crate::sandbox::world::mixed;

/// The largest file that can be uploaded (OneTrust's OpenAPI, fileUpload), with room for its form.
const MAX_UPLOAD_BYTES: usize = 64 * 1024 * 1024 + 16 * 1024;

/// The largest other body; a comment of full length fits. Not documented.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Answers one request.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let found = Route::find(parts.method.as_str(), parts.uri.path());
    let max_bytes =
        if matches!(found, Found::Route(Route::Upload, _)) { MAX_UPLOAD_BYTES } else { MAX_BODY_BYTES };
    let body = body::read(body, max_bytes).await;
    if parts.uri.path().starts_with("/sandbox/onetrust/") {
        return respond(admin::answer(&shared, &parts, &body.unwrap_or_default()), HeaderMap::new());
    }
    let (route, values) = match &found {
        Found::Route(route, values) => (Some(*route), values.as_slice()),
        Found::OtherMethod | Found::Nothing => (None, &[][..]),
    };
    let number = shared.counts.count(route);
    let effect = shared.strike(match route {
        Some(route) => route.path(),
        None => parts.uri.path(),
    });
    if let Some(Effect::Stall { for_ms }) = effect {
        tokio::time::sleep(Duration::from_millis(for_ms)).await;
    }
    let mut headers = HeaderMap::new();
    let Some(route) = route else {
        return respond(nowhere(&shared, &parts, &found), headers);
    };
    let errors = shared.manner().errors;
    let shown = |answer: Answer| {
        answer.unwrap_or_else(|refusal| refusal.shown(errors, route.refuses_with_a_string()))
    };
    let event = (number, &mut headers);
    let handle = |event| shown(handle(&shared, route, values, &parts, body.as_ref(), event));
    let failed = |status| shown(Err(Refusal::new(status, "The sandbox was told to fail")));
    let reply = match effect {
        // The last two go wrong with Braze only.
        None | Some(Effect::Stall { .. } | Effect::AcceptWithoutApplying | Effect::ComeBack { .. }) => {
            handle(event)
        }
        Some(Effect::DropBeforeApplying) => {
            line.cut();
            failed(500)
        }
        Some(Effect::DropAfterApplying) => {
            let reply = handle(event);
            line.cut();
            reply
        }
        Some(Effect::FailBeforeApplying { status }) => failed(status),
        Some(Effect::FailAfterApplying { status }) => {
            let applied = handle(event);
            if applied.status < 300 { failed(status) } else { applied }
        }
        Some(Effect::TooManyRequests { retry_after_s }) => {
            let exceeded = Exceeded { allowed: 1_000, period: "MINUTE", made: 1_001, retry_after_s };
            shown(Err(too_many(&shared, event, exceeded)))
        }
        Some(Effect::Unauthorized) => shown(Err(Refusal::new(401, "Invalid access token"))),
    };
    if reply.status == 429 {
        shared.counts.too_many_requests.fetch_add(1, Ordering::Relaxed);
    }
    respond(reply, headers)
}

/// An address that no operation has. Under `/api/` and `/rest/` nothing is there; elsewhere the user
/// interface answers whatever it is asked.
fn nowhere(shared: &Shared, parts: &Parts, found: &Found<'_>) -> Reply {
    let path = parts.uri.path();
    if *found == Found::OtherMethod {
        return Refusal::new(405, "Request method is not supported").shown(shared.manner().errors, false);
    }
    let is_api = path.starts_with("/api/") || path.starts_with("/rest/");
    Reply::page(if is_api || parts.method != "GET" { 404 } else { 200 })
}

fn handle(
    shared: &Shared,
    route: Route,
    values: &[&str],
    parts: &Parts,
    body: Option<&Bytes>,
    event: (u64, &mut HeaderMap),
) -> Answer {
    let now_ms = shared.clock.now_ms();
    let query = parts.uri.query().unwrap_or_default();
    if route == Route::Token {
        shared.take(route, now_ms).map_err(|exceeded| too_many(shared, event, exceeded))?;
        let body = body.ok_or_else(|| Refusal::new(413, "The request is too large"))?;
        let asked = Asked::new(route, values, query, &parts.headers, body)?;
        return shared.tokens().grant(&asked, now_ms);
    }
    if route == Route::ExportFile {
        shared.take(route, now_ms).map_err(|exceeded| too_many(shared, event, exceeded))?;
        let nothing = Bytes::new();
        let asked = Asked::new(route, values, query, &parts.headers, body.unwrap_or(&nothing))?;
        return operations::answer(shared, &asked, (now_ms, ""));
    }
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = shared.tokens().caller(header, now_ms)?;
    allow(shared, &caller, route)?;
    shared.take(route, now_ms).map_err(|exceeded| too_many(shared, event, exceeded))?;
    let body = body.ok_or_else(|| Refusal::new(413, "The request is too large"))?;
    let asked = Asked::new(route, values, query, &parts.headers, body)?;
    operations::answer(shared, &asked, (now_ms, &caller.name))
}

fn allow(shared: &Shared, caller: &Caller, route: Route) -> Result<(), Refusal> {
    let manner = shared.manner();
    let is_absent = match route {
        Route::ScimUsersV2 | Route::ScimUserV2 | Route::ScimGroupsV2 | Route::ScimGroupV2 => !manner.scim_v2,
        Route::ScimUsersV3 | Route::ScimUserV3 | Route::ScimGroupsV3 | Route::ScimGroupV3 => !manner.scim_v3,
        _ => false,
    };
    if is_absent {
        return Err(Refusal::new(404, "No such endpoint"));
    }
    let is_off = match route {
        Route::SubtaskSearch => !manner.subtask_search,
        Route::ProfilesV4 | Route::ProfilesV4Unordered | Route::SubjectV4 | Route::SubjectProfilesV4 => {
            !manner.v4
        }
        _ => false,
    };
    let may = route.scopes().iter().any(|scope| caller.scopes.iter().any(|held| held == scope));
    if is_off || !may { Err(Refusal::new(403, "Access is denied")) } else { Ok(()) }
}

/// The headers that only a 429 has.
fn too_many(shared: &Shared, (number, headers): (u64, &mut HeaderMap), exceeded: Exceeded) -> Refusal {
    let wide = (u128::from(mixed(shared.seed, number)) << 64) | u128::from(mixed(!shared.seed, number));
    let id = uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid().to_string();
    headers.insert(RETRY_AFTER, HeaderValue::from(exceeded.retry_after_s));
    headers.insert("ot-requests-allowed", HeaderValue::from(exceeded.allowed));
    headers.insert("ot-request-made", HeaderValue::from(exceeded.made));
    headers.insert("ot-period", HeaderValue::from_static(exceeded.period));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("ot-ratelimit-event-id", id);
    }
    Refusal::new(429, "Too many requests")
}

fn respond(reply: Reply, headers: HeaderMap) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    if let Some(kind) = reply.kind.content_type() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}
