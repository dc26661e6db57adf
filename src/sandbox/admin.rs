//! The sandbox's own pages under `/sandbox/`: what it holds, what was asked, what goes wrong.
//!
//! They need no key: the listener is on loopback, and there is nothing real to protect.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::listing::{Listing, Wanted};
use super::reply::{Reply, decoded};
use super::shared::Shared;
use super::{Faults, Identifiers, seed};

/// Answers one request.
pub(super) fn answer(shared: &Arc<Shared>, parts: &Parts, body: Bytes) -> Response {
    match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/sandbox/profiles") => {
            let wanted = Wanted::of(parts.uri.query().unwrap_or_default());
            let mut response = Response::new(Body::new(Listing::new(shared.clone(), wanted)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
            response
        }
        ("POST", "/sandbox/profiles") => respond(add(shared, &body).unwrap_or_else(|refusal| refusal)),
        ("GET", "/sandbox/requests") => respond(Reply::json(200, &requests(shared))),
        ("POST", "/sandbox/faults") => respond(match decoded::<Faults>(&body) {
            Ok(faults) => {
                shared.set_faults(faults);
                Reply::success()
            }
            Err(refusal) => refusal,
        }),
        _ => respond(Reply::message(404, "Invalid URL")),
    }
}

fn add(shared: &Shared, body: &[u8]) -> Result<Reply, Reply> {
    let subject: Identifiers = decoded(body)?;
    let now_ms = shared.clock.now_ms();
    if seed::add(&mut shared.world_at(now_ms), &subject, now_ms) {
        Ok(Reply::success())
    } else {
        Err(Reply::message(409, "The profile names nobody, or an identifier of it is taken"))
    }
}

fn requests(shared: &Shared) -> Value {
    let requests = shared.counts.read();
    let paths: Map<String, Value> =
        requests.paths.iter().map(|(path, count)| ((*path).to_owned(), json!(count))).collect();
    json!({ "total": requests.total, "too_many_requests": requests.too_many_requests, "paths": paths })
}

fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
