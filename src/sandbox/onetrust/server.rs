//! Starting and stopping the OneTrust look-alike, and what a test asks it for directly.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::limits::Windows;
use super::options::{Manner, Options};
use super::shared::{Counts, Shared};
use super::token::Tokens;
use super::world::{AddError, Change, ConsentChange, NewRequest, StaffChange, World};
use super::{admin, exchange};
use crate::sandbox::connection::{Line, Listening};
use crate::sandbox::faults::Striker;
use crate::sandbox::{Faults, Requests, SandboxError};

/// How long answers that are under way may take after the look-alike was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A running look-alike of OneTrust. Dropping it stops it too, without waiting.
pub struct OneTrust {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl fmt::Debug for OneTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneTrust").field("address", &self.address).finish_non_exhaustive()
    }
}

impl OneTrust {
    /// Listens and answers from now on, on the runtime of the caller.
    pub async fn start(options: Options) -> Result<OneTrust, SandboxError> {
        if !options.listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback { address: options.listen });
        }
        let bind_error = |source| SandboxError::Bind { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let shared = Arc::new(Shared {
            seed: options.seed,
            tokens: Mutex::new(Tokens::new(&options)),
            world: Mutex::new(World::new(options.seed, options.staff, options.clock.now_ms())),
            clock: options.clock,
            limits: options.limits,
            manner: Mutex::new(options.manner),
            windows: Mutex::new(Windows::default()),
            striker: Mutex::new(Striker::new(options.seed, options.faults)),
            counts: Counts::default(),
        });
        let router = Router::new().fallback(exchange::answer).with_state(shared.clone());
        let service = router.into_make_service_with_connect_info::<Line>();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(Listening(listener), service).with_graceful_shutdown(stopped);
        let server = tokio::spawn(async move { serving.await });
        Ok(OneTrust { shared, address, stop, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first client id and its secret. They open nothing but this look-alike.
    pub fn credential(&self) -> (String, String) {
        let tokens = self.shared.tokens();
        let pair = tokens.credential().map(|known| (known.client_id.clone(), known.client_secret.clone()));
        pair.unwrap_or_default()
    }

    /// The first key that is a ready token.
    pub fn api_key(&self) -> String {
        self.shared.tokens().key().unwrap_or_default().to_owned()
    }

    /// Adds a request with its subtasks and gives its reference.
    pub fn add_request(&self, new: NewRequest) -> Result<String, AddError> {
        self.shared.world().add(new, self.shared.clock.now_ms())
    }

    /// Sees to it that a request with this reference is there and open, with this subtask if one is named.
    /// The reference may have any shape; a subtask whose id is no UUID is left out.
    pub fn seed_subtask(&self, reference: &str, subtask: Option<&str>) {
        self.shared.world().seed(reference, subtask, self.shared.clock.now_ms());
    }

    /// Somebody says something about a purpose; `false` when who, purpose or transaction is empty.
    pub fn change_consent(&self, change: ConsentChange) -> bool {
        self.shared.world().consent(change, self.shared.clock.now_ms())
    }

    /// Somebody who works in OneTrust comes, leaves or may do something else; `false` without an address.
    pub fn change_staff(&self, change: StaffChange) -> bool {
        self.shared.world().staff.change(change, self.shared.clock.now_ms())
    }

    /// Every request with its subtasks, as the lines of `GET /sandbox/onetrust/requests`.
    pub fn requests(&self) -> Vec<Value> {
        admin::requests(&self.shared.world())
    }

    /// Every person with what they said last, as the lines of `GET /sandbox/onetrust/consents`.
    pub fn consents(&self) -> Vec<Value> {
        admin::consents(&self.shared.world())
    }

    /// Everything that was changed, in order.
    pub fn changes(&self) -> Vec<Change> {
        self.shared.world().changes.clone()
    }

    /// What was changed after the change with this number, in order.
    pub fn changes_after(&self, number: u64) -> Vec<Change> {
        let world = self.shared.world();
        let from = usize::try_from(number).unwrap_or(usize::MAX);
        world.changes.get(from..).unwrap_or_default().to_vec()
    }

    /// How many requests were answered, by the paths of OneTrust's OpenAPI.
    pub fn calls(&self) -> Requests {
        self.shared.counts.read()
    }

    /// Other faults from now on; their counts start at nothing.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Other manners from now on.
    pub fn set_manner(&self, manner: Manner) {
        self.shared.set_manner(manner);
    }

    /// Takes back every token that was given out; the credentials stay good.
    pub fn revoke_tokens(&self) {
        self.shared.tokens().revoke();
    }

    /// Stops listening, lets answers under way go out for up to a second, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_WITHIN, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for OneTrust {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
