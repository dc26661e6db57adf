//! One call of a hook, from its headers to the disk.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};

use super::answer::{Refusal, scheme};
use super::caller::{caller, is_in};
use super::gate::{Gate, Shown};
use super::proof::Unproved;
use super::router::Shared;
use super::taken::{Counts, Taken};
use super::{body, event, record, subtask};
use crate::config::{Auth, Hook, Shape};
use crate::journal::StoreError;
use crate::workflow::Workflow;

/// What the reader of a body knows of the call.
pub(super) struct Call<'c> {
    pub hook: &'c Hook,
    /// As the inbox names it.
    pub origin: String,
    /// The wall clock, in Unix milliseconds.
    pub now_ms: i64,
    /// Those that start with this hook; at least one.
    pub workflows: Vec<Arc<Workflow>>,
}

impl Call<'_> {
    /// Nothing could be written: the log says why, the caller comes again.
    pub fn unavailable(&self, error: &StoreError) -> Refusal {
        let hook = &self.hook.name;
        tracing::error!(hook.name = hook, %error, "a call of hook {hook} could not be written down: {error}");
        Refusal::Unavailable
    }
}

/// Takes a call, or says why not.
pub(super) async fn take(
    shared: &Arc<Shared>,
    name: &str,
    peer: Option<IpAddr>,
    request: Request,
) -> Result<Counts, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::Method);
    }
    let gate = shared.gates.get(name).ok_or(Refusal::Unknown)?;
    let mut why = None;
    let taken = enter(shared, gate, peer, request, &mut why).await;
    if let Err(refusal) = &taken {
        gate.log(refusal, why, shared.clock.steady_ms());
    }
    taken
}

async fn enter(
    shared: &Arc<Shared>,
    gate: &Gate,
    peer: Option<IpAddr>,
    request: Request,
    why: &mut Option<Unproved>,
) -> Result<Counts, Refusal> {
    let (parts, body) = request.into_parts();
    let hook = &gate.hook;
    if !hook.allow.is_empty() {
        let caller = peer.and_then(|peer| caller(peer, &parts.headers, &shared.trusted_proxies));
        if !caller.is_some_and(|caller| is_in(caller, &hook.allow)) {
            return Err(Refusal::Address);
        }
    }
    prove(shared, gate, Shown::Headers(&parts.headers), why).await?;
    let is_signed = matches!(hook.auth, Auth::Hmac(_));
    if !is_signed {
        gate.take(shared.clock.steady_ms())?;
        is_json(&parts.headers)?;
    }
    let held = body::read(body, hook.max_bytes, shared.patience.body, &shared.room).await?;
    if is_signed {
        let now_ms = shared.clock.now_ms();
        prove(shared, gate, Shown::Body(&parts.headers, &held.bytes, now_ms), why).await?;
        gate.take(shared.clock.steady_ms())?;
        is_json(&parts.headers)?;
    }
    // Reading JSON takes a processor and several times the body's memory; so many at once are enough.
    let turn = shared.readers.clone().acquire_owned().await.map_err(|_| Refusal::Unavailable)?;
    let (shared, hook) = (shared.clone(), hook.clone());
    let write = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let _room = &held;
        write(&shared, &hook, &held.bytes)
    });
    write.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call of a hook ended in a defect");
        Err(Refusal::Unavailable)
    })
}

async fn prove(
    shared: &Shared,
    gate: &Gate,
    shown: Shown<'_>,
    why: &mut Option<Unproved>,
) -> Result<(), Refusal> {
    match gate.prove(shown, shared.clock.steady_ms()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(unproved)) => {
            *why = Some(unproved);
            Err(Refusal::Unproved(scheme(&gate.hook.auth)))
        }
        Err(error) => {
            let hook = &gate.hook.name;
            tracing::error!(hook.name = hook, %error, "hook {hook} has no secret to compare with: {error}");
            Err(Refusal::Unavailable)
        }
    }
}

/// Only JSON as it is: what is compressed may be endless.
fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    let is_plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    if is_json && is_plain { Ok(()) } else { Err(Refusal::MediaType) }
}

/// Reads a body and writes down what it comes to. Blocks.
fn write(shared: &Shared, hook: &Hook, body: &[u8]) -> Result<Counts, Refusal> {
    let intake = &*shared.intake;
    let is_for = |workflow: &Arc<Workflow>| {
        workflow.enabled && workflow.on.webhook.as_ref().is_some_and(|trigger| trigger.hook == hook.name)
    };
    let workflows: Vec<_> = intake.workflows().into_iter().filter(is_for).collect();
    if workflows.is_empty() {
        return Err(Refusal::NoWorkflow);
    }
    let (origin, now_ms) = (format!("hook:{}", hook.name), shared.clock.now_ms());
    let call = Call { hook, origin, now_ms, workflows };
    let (taken, items) = match hook.shape {
        Shape::Event => event::take(&call, body, intake)?,
        Shape::Subtask => subtask::take(&call, body)?,
        Shape::Record => record::take(&call, body, intake)?,
    };
    let Taken { items: mut of, arrivals, skipped, looks } = taken;
    let unavailable = |error: &StoreError| call.unavailable(error);
    let mut accepted = if arrivals.is_empty() {
        Vec::new()
    } else {
        intake.take(arrivals).map_err(|error| unavailable(&error))?
    };
    if !skipped.is_empty() {
        intake.note_skipped(skipped).map_err(|error| unavailable(&error))?;
    }
    for (item, look) in looks.into_iter().enumerate() {
        of.push(item);
        accepted.push(intake.look_at(look).map_err(|error| unavailable(&error))?);
    }
    Ok(Counts::of(&of, &accepted, items))
}
