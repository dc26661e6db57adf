//! What every exchange of a sandbox shares.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::faults::{Effect, Striker};
use super::limits::{Standing, Windows};
use super::options::Groups;
use super::route::Route;
use super::world::World;
use super::{Faults, Limits, Pool};
use crate::clock::SharedClock;

/// The state behind the listener. Each lock is held for one piece of work, never across an await.
pub(super) struct Shared {
    pub seed: u64,
    pub token: String,
    pub clock: SharedClock,
    pub limits: Limits,
    pub groups: Groups,
    pub counts: Counts,
    pub world: Mutex<World>,
    pub windows: Mutex<Windows>,
    pub striker: Mutex<Striker>,
    /// Spares the lock on the faults when there are none.
    pub has_faults: AtomicBool,
}

impl Shared {
    /// The world as it is at this moment.
    pub fn world_at(&self, now_ms: i64) -> MutexGuard<'_, World> {
        let mut world = locked(&self.world);
        world.settle(now_ms);
        world
    }

    /// The world as it is now.
    pub fn world_now(&self) -> MutexGuard<'_, World> {
        self.world_at(self.clock.now_ms())
    }

    /// Takes one request from a pool.
    pub fn take(&self, pool: Pool, now_ms: i64) -> Option<Standing> {
        locked(&self.windows).take(&self.limits, pool, now_ms)
    }

    /// What goes wrong with the next request of a path.
    pub fn strike(&self, path: &str) -> Option<Effect> {
        if !self.has_faults.load(Ordering::Relaxed) {
            return None;
        }
        locked(&self.striker).strike(path)
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        let has_faults = !faults.faults.is_empty();
        *locked(&self.striker) = Striker::new(self.seed, faults);
        self.has_faults.store(has_faults, Ordering::Relaxed);
    }
}

/// A panic elsewhere leaves no half-done work behind that would make the data unusable.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many requests came.
#[derive(Default)]
pub(super) struct Counts {
    per_route: [AtomicU64; Route::ALL.len()],
    total: AtomicU64,
    pub too_many_requests: AtomicU64,
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
        let per_route = Route::ALL.into_iter().zip(&self.per_route);
        let read = per_route.map(|(route, count)| (route.path(), count.load(Ordering::Relaxed)));
        Requests {
            total: self.total.load(Ordering::Relaxed),
            too_many_requests: self.too_many_requests.load(Ordering::Relaxed),
            paths: read.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// How many API requests a sandbox answered; its own pages under `/sandbox/` are not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// All of them, unknown paths included.
    pub total: u64,
    /// Those answered with 429.
    pub too_many_requests: u64,
    /// Per known path, paths without a request left out.
    pub paths: Vec<(&'static str, u64)>,
}

impl Requests {
    /// The count of one path.
    pub fn of(&self, path: &str) -> u64 {
        self.paths.iter().find(|(known, _)| *known == path).map_or(0, |(_, count)| *count)
    }
}
