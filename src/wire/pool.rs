//! Limiters shared by everybody who sends: one for each pool of a workspace, and waiting for it.
//!
//! `limiter` knows when a request may leave; here a caller waits until then, in the order in which
//! callers came, and cannot forget to say when the request ended: a dropped [`Permit`] says it. No
//! lock is held while waiting. Time is the runtime's, which no change of the wall clock moves.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::limiter::{Grant, Limiter};

/// The limiters of a process, by workspace and pool; clone it freely.
#[derive(Debug, Clone, Default)]
pub struct Limiters {
    pools: Arc<Mutex<HashMap<(String, String), Pool>>>,
}

impl Limiters {
    /// The pool of a workspace, made with `limiter` when it is asked for first.
    ///
    /// When two profiles of one workspace state different limits, the lower one holds for both.
    pub fn pool(&self, workspace: &str, pool: &str, limiter: Limiter) -> Pool {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        match pools.get(&(workspace.to_owned(), pool.to_owned())) {
            Some(known) => {
                known.limiter().lower_to(limiter);
                known.clone()
            }
            None => {
                let made = Pool::new(limiter);
                pools.insert((workspace.to_owned(), pool.to_owned()), made.clone());
                made
            }
        }
    }
}

/// A handle on one limiter; clone it freely.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    /// Moments are counted from here.
    start: Instant,
    limiter: Mutex<Limiter>,
    /// One caller asks the limiter at a time; the others stand in line.
    line: Semaphore,
}

impl Pool {
    /// A pool of its own, for a test or a stand-in.
    pub fn new(limiter: Limiter) -> Pool {
        let shared = Shared { start: Instant::now(), limiter: Mutex::new(limiter), line: Semaphore::new(1) };
        Pool { shared: Arc::new(shared) }
    }

    /// Waits until a request may leave. Send it at once: its place is held from now on.
    ///
    /// May be dropped while waiting; then nothing was taken.
    pub async fn permit(&self) -> Permit {
        // The line is never closed, and without it we would only ask out of turn.
        let _turn = self.shared.line.acquire().await.ok();
        loop {
            let now = self.now();
            let grant = self.limiter().reserve(now);
            match grant {
                Grant::Now => return Permit { pool: self.clone(), left: now, ended: Ended::No },
                Grant::At(moment) => tokio::time::sleep_until(self.shared.start + moment).await,
            }
        }
    }

    /// A permit if a request may leave now, else how long to wait before asking again.
    pub fn try_permit(&self) -> Result<Permit, Duration> {
        let now = self.now();
        let grant = self.limiter().reserve(now);
        match grant {
            Grant::Now => Ok(Permit { pool: self.clone(), left: now, ended: Ended::No }),
            Grant::At(moment) => Err(moment.saturating_sub(now)),
        }
    }

    /// What the service said of the pool: see [`Limiter::observe`]. `resets_in` counts from now.
    pub fn observe(&self, limit: u32, remaining: u32, resets_in: Option<Duration>) {
        let now = self.now();
        self.limiter().observe(limit, remaining, resets_in.map(|wait| now + wait), now);
    }

    /// The service refused a request for its rate: nothing leaves for `wait`.
    pub fn penalise(&self, wait: Duration) {
        let now = self.now();
        self.limiter().penalise(now + wait);
    }

    fn now(&self) -> Duration {
        self.shared.start.elapsed()
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.shared.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// The right to send one request. Its place is held for one window after it is dropped, so drop it
/// as soon as the answer is there, or the exchange is known to be broken.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pool: Pool,
    left: Duration,
    ended: Ended,
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    No,
    NeverSent,
}

impl Permit {
    /// Nothing was sent: the place is free at once.
    pub fn give_back(mut self) {
        self.ended = Ended::NeverSent;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.pool.now();
        match self.ended {
            Ended::No => self.pool.limiter().settle(self.left, now),
            Ended::NeverSent => self.pool.limiter().give_back(),
        }
    }
}
