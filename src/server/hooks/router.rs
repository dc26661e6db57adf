//! The hooks of the settings, ready to be called.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::routing::any;
use ipnet::IpNet;
use tokio::sync::Semaphore;

use super::answer::{accepted, refused};
use super::body::Room;
use super::call;
use super::gate::Gate;
use super::intake::Intake;
use crate::clock::SharedClock;
use crate::config::{Settings, TokenError};
use crate::server::{Line, Patience};

/// Where hooks stand.
const FOLDER: &str = "/hooks/";

/// Bodies that are read as JSON at once.
const READERS: usize = 4;

/// The hooks of the settings.
pub struct Hooks {
    shared: Arc<Shared>,
}

/// What every call of any hook sees.
pub(super) struct Shared {
    pub gates: HashMap<String, Gate>,
    pub trusted_proxies: Vec<IpNet>,
    pub intake: Arc<dyn Intake>,
    pub clock: SharedClock,
    pub patience: Patience,
    pub room: Room,
    pub readers: Arc<Semaphore>,
}

/// Why the hooks cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum HooksError {
    /// A secret that callers are compared with is not there.
    #[error(transparent)]
    NoSecret(#[from] TokenError),
}

impl Hooks {
    /// The hooks of some settings, which hand over to an intake.
    pub fn new(
        settings: &Settings,
        intake: Arc<dyn Intake>,
        clock: SharedClock,
        patience: Patience,
    ) -> Hooks {
        let gates = settings.hooks.iter().map(|(name, hook)| (name.clone(), Gate::new(hook.clone())));
        let shared = Shared {
            gates: gates.collect(),
            trusted_proxies: settings.trusted_proxies.clone(),
            intake,
            clock,
            patience,
            room: Room::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        };
        Hooks { shared: Arc::new(shared) }
    }

    /// Reads every secret now, so that a missing one is told before the server listens.
    pub async fn check(&self) -> Result<(), HooksError> {
        for gate in self.shared.gates.values() {
            gate.check().await?;
        }
        Ok(())
    }

    /// `POST /hooks/NAME`, for a server of [`crate::server::answer`].
    pub fn router(&self) -> Router {
        Router::new().route("/hooks/{*name}", any(answer)).with_state(self.shared.clone())
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("hooks", &self.shared.gates.keys()).finish_non_exhaustive()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let peer: Option<IpAddr> = request.extensions().get::<ConnectInfo<Line>>().map(|info| info.0.peer.ip());
    let name = request.uri().path().strip_prefix(FOLDER).unwrap_or_default().to_owned();
    match call::take(&shared, &name, peer, request).await {
        Ok(counts) => accepted(&counts),
        Err(refusal) => refused(&refusal),
    }
}
