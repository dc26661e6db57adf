//! Starting and stopping a sandbox.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connection::{Line, Listening};
use super::exchange;
use super::faults::Striker;
use super::limits::Windows;
use super::options::{Groups, Options, SandboxError};
use super::shared::{Counts, Requests, Shared};
use super::world::{World, mixed};
use super::{Faults, Identifiers, Profile, seed};

/// How long answers that are under way may take after the sandbox was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A running look-alike of Braze. Dropping it stops it too, without waiting.
pub struct Sandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Listens and answers from now on, on the runtime of the caller.
    pub async fn start(options: Options) -> Result<Sandbox, SandboxError> {
        if !options.listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback { address: options.listen });
        }
        let bind_error = |source| SandboxError::Bind { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let seed = options.seed;
        let shared = Arc::new(Shared {
            seed,
            token: options.token.unwrap_or_else(|| format!("sandbox-{:016x}", mixed(seed, 0))),
            clock: options.clock,
            limits: options.limits,
            groups: options.groups.map_or(Groups::AnyUuid, Groups::Listed),
            counts: Counts::default(),
            world: Mutex::new(World::new(seed, options.deletion_lag)),
            windows: Mutex::new(Windows::default()),
            has_faults: AtomicBool::new(!options.faults.faults.is_empty()),
            striker: Mutex::new(Striker::new(seed, options.faults)),
        });
        let router = Router::new().fallback(exchange::answer).with_state(shared.clone());
        let service = router.into_make_service_with_connect_info::<Line>();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(Listening(listener), service).with_graceful_shutdown(stopped);
        let server = tokio::spawn(async move { serving.await });
        Ok(Sandbox { shared, address, stop, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API key it expects. It opens nothing but this sandbox.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Sees to it that every identifier of a subject finds a profile. Two external ids are two
    /// profiles, also when they share an e-mail; the same subject again changes nothing.
    pub fn seed_subject(&self, subject: &Identifiers) {
        let now_ms = self.shared.clock.now_ms();
        seed::seed(&mut self.shared.world_at(now_ms), subject, now_ms);
    }

    /// Adds one profile with exactly these identifiers, beside others with the same addresses.
    /// `false` when its external id, braze_id or an alias is taken, or when it names nobody.
    pub fn add_profile(&self, subject: &Identifiers) -> bool {
        let now_ms = self.shared.clock.now_ms();
        seed::add(&mut self.shared.world_at(now_ms), subject, now_ms)
    }

    /// Every profile, the erased ones included, in the order in which they were made.
    pub fn profiles(&self) -> Vec<Profile> {
        let world = self.shared.world_now();
        (0..world.places()).filter_map(|place| Profile::at(&world, place)).collect()
    }

    /// How many API requests were answered.
    pub fn requests(&self) -> Requests {
        self.shared.counts.read()
    }

    /// Other faults from now on; their counts start at nothing.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Stops listening, lets answers under way go out for up to a second, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_WITHIN, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
