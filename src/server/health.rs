//! `/healthz` and `/readyz`: whether the process lives, and whether it does its work.
//!
//! Both may be asked by anybody who reaches the port: they name parts, files and workflows, never a person,
//! and asking costs next to nothing. A workflow that waits for its approval makes nothing unready: what
//! comes in for it is safe.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::canary::trouble;
use super::carry::Ways;
use super::idle::Idle;
use super::in_the_way::InTheWay;
use super::shelf::{Shelf, Standing, standing};
use crate::clock::{Clock, SystemClock};
use crate::host::{CanaryState, Host};

/// How long the store may take to write before it counts as stuck.
const SLOW: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Health {
    pub host: Arc<Host>,
    pub shelf: Arc<Shelf>,
    pub ways: Ways,
    pub in_the_way: InTheWay,
    pub stop: CancellationToken,
}

impl Health {
    /// The two pages.
    pub(super) fn router(self) -> Router {
        Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(self)
    }

    /// Whether every part does its work, and what is to be said of it.
    async fn parts(&self) -> (bool, Value) {
        let store = match self.store().await {
            Ok(()) => json!({ "ready": true }),
            Err(why) => json!({ "ready": false, "why": why }),
        };
        let shown = self.shelf.shown();
        let is_unapproved = |standing: Result<Standing, _>| matches!(standing, Ok(Standing::Unapproved));
        let placed = || shown.workflows.values();
        let unapproved: Vec<&str> = placed()
            .filter(|placed| is_unapproved(standing(self.host.store().reader(), &placed.workflow)))
            .map(|placed| placed.workflow.name.as_str())
            .collect();
        let enabled = placed().filter(|placed| placed.workflow.enabled).count();
        let as_they_were: Vec<&str> =
            placed().filter(|placed| placed.is_broken).map(|placed| placed.workflow.name.as_str()).collect();
        let broken: Vec<String> = shown.broken.iter().map(|file| file.display().to_string()).collect();
        let idle: Vec<Idle> = match self.ways {
            Ways::Settings => placed()
                .filter(|placed| placed.workflow.enabled)
                .flat_map(|placed| Idle::of(&placed.workflow, self.host.clients().settings()))
                .collect(),
            Ways::Sandbox { .. } => Vec::new(),
        };
        let why = match &shown.unreadable {
            Some(why) => Some(why.clone()),
            None if !broken.is_empty() => Some("there are files that cannot be used".to_owned()),
            None if idle.iter().any(|idle| idle.is_misspelt) => {
                Some("there are triggers whose profile is not in the settings".to_owned())
            }
            None if enabled == 0 => Some("no workflow is enabled".to_owned()),
            None => None,
        };
        let workflows = json!({
            "ready": why.is_none(), "why": why, "enabled": enabled, "broken": broken,
            "as_they_were": as_they_were,
            "waiting_for_approval": unapproved,
            "idle_triggers": idle.iter().map(Idle::json).collect::<Vec<_>>(),
        });
        let in_the_air = self.in_the_way.json(self.host.store());
        let canary = self.canary();
        let is_stopping = self.stop.is_cancelled();
        let are_ready = [&store, &workflows, &in_the_air].iter().all(|part| part["ready"] == true);
        let parts = json!({
            "store": store, "workflows": workflows, "in_the_air": in_the_air, "canary": canary,
            "stopping": is_stopping,
        });
        (!is_stopping && are_ready, parts)
    }

    /// How the canary is; it makes nothing unready, since a new start would mend nothing of it.
    fn canary(&self) -> Value {
        let settings = self.host.clients().settings();
        let Some(canary) = settings.canary.as_ref().filter(|_| !settings.shadow) else { return Value::Null };
        let Ok(state) = CanaryState::of(self.host.store().reader()) else { return Value::Null };
        let now_ms = SystemClock.now_ms();
        let moment = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        json!({
            "last_good_at": state.good_ms.map(moment), "under_way": state.under_way.is_some(),
            "trouble": trouble(&state, canary, now_ms, now_ms),
        })
    }

    async fn store(&self) -> Result<(), &'static str> {
        let store = Arc::clone(self.host.store());
        let checked = tokio::task::spawn_blocking(move || store.check_writer());
        match tokio::time::timeout(SLOW, checked).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(_) => Err("nothing can be written any more; the log says why"),
            Err(_) => Err("writing takes very long"),
        }
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let (is_ready, parts) = health.parts().await;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": is_ready, "parts": parts });
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
