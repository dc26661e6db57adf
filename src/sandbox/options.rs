//! What a sandbox can be told when it starts, and why it may not start.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{Faults, Limits};
use crate::clock::{SharedClock, SystemClock};

/// How a sandbox behaves.
#[derive(Clone)]
pub struct Options {
    /// Everything that looks random follows from it: braze_ids, lags, faults, the default token.
    pub seed: u64,
    /// Deletions, windows of limits and kept states go by this clock.
    pub clock: SharedClock,
    /// The API key to expect; one that follows from the seed when absent.
    pub token: Option<String>,
    /// Where to listen; loopback only. Default 127.0.0.1 and a free port.
    pub listen: SocketAddr,
    /// Longest time until an accepted deletion shows. Each takes a seeded share of it, at least a
    /// fifteenth: 200 ms to 3 s by default. Zero deletes at once.
    pub deletion_lag: Duration,
    /// Rate limits; the documented ones by default.
    pub limits: Limits,
    /// What goes wrong; nothing by default.
    pub faults: Faults,
    /// The subscription groups that exist; any UUID when absent.
    pub groups: Option<Vec<String>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 0,
            clock: Arc::new(SystemClock),
            token: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            deletion_lag: Duration::from_secs(3),
            limits: Limits::documented(),
            faults: Faults::default(),
            groups: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("seed", &self.seed)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The sandbox has no encryption and shows everything it holds.
    #[error("the sandbox listens on loopback only, not on {address}; give an address such as 127.0.0.1:0")]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The address is taken or not allowed.
    #[error("the sandbox cannot listen on {address}; give another port, or 0 for a free one")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The groups that requests may name.
pub(super) enum Groups {
    /// Anything that is written as a UUID.
    AnyUuid,
    /// These and no others.
    Listed(Vec<String>),
}

impl Groups {
    /// Whether a group of this id exists.
    pub fn has(&self, id: &str) -> bool {
        match self {
            Groups::AnyUuid => id.len() == 36 && uuid::Uuid::try_parse(id).is_ok(),
            Groups::Listed(ids) => ids.iter().any(|known| known == id),
        }
    }
}
