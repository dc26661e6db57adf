//! What every exchange of the OneTrust look-alike shares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::limits::{Exceeded, Limits, Windows};
use super::options::Manner;
use super::route::Route;
use super::token::Tokens;
use super::world::World;
use crate::clock::SharedClock;
use crate::sandbox::faults::{Effect, Striker};
use crate::sandbox::{Faults, Requests};

/// The state behind the listener. Each lock is held for one piece of work, never across an await.
pub(super) struct Shared {
    pub seed: u64,
    pub clock: SharedClock,
    pub limits: Limits,
    pub world: Mutex<World>,
    pub tokens: Mutex<Tokens>,
    pub manner: Mutex<Manner>,
    pub windows: Mutex<Windows>,
    pub striker: Mutex<Striker>,
    pub counts: Counts,
}

impl Shared {
    /// The world, to be read or changed.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.world)
    }

    /// Credentials and tokens.
    pub fn tokens(&self) -> MutexGuard<'_, Tokens> {
        locked(&self.tokens)
    }

    /// What the documents leave open.
    pub fn manner(&self) -> Manner {
        *locked(&self.manner)
    }

    /// Other manners from now on.
    pub fn set_manner(&self, manner: Manner) {
        *locked(&self.manner) = manner;
    }

    /// Takes one request from the limits.
    pub fn take(&self, route: Route, now_ms: i64) -> Result<(), Exceeded> {
        locked(&self.windows).take(self.limits, route, now_ms)
    }

    /// What goes wrong with the next request of a path.
    pub fn strike(&self, path: &str) -> Option<Effect> {
        locked(&self.striker).strike(path)
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        *locked(&self.striker) = Striker::new(self.seed, faults);
    }
}

/// A panic elsewhere leaves no half-done work behind that would make the data unusable.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many requests came.
pub(super) struct Counts {
    per_route: Vec<AtomicU64>,
    total: AtomicU64,
    pub too_many_requests: AtomicU64,
}

impl Default for Counts {
    fn default() -> Counts {
        let per_route = Route::ALL.iter().map(|_| AtomicU64::default()).collect();
        Counts { per_route, total: AtomicU64::default(), too_many_requests: AtomicU64::default() }
    }
}

impl Counts {
    /// Counts one request and gives its number.
    pub fn count(&self, route: Option<Route>) -> u64 {
        if let Some(count) = route.and_then(|route| self.per_route.get(route as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.total.fetch_add(1, Ordering::Relaxed)
    }

    /// The counts as they are.
    pub fn read(&self) -> Requests {
        let per_route = Route::ALL.iter().zip(&self.per_route);
        let read = per_route.map(|(route, count)| (route.path(), count.load(Ordering::Relaxed)));
        Requests {
            total: self.total.load(Ordering::Relaxed),
            too_many_requests: self.too_many_requests.load(Ordering::Relaxed),
            paths: read.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
