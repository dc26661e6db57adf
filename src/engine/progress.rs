//! How far a job is, told now and then to whoever watches.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::job::State;

/// How often the watcher is told.
const EVERY: Duration = Duration::from_millis(100);

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Requests that are done or skipped.
    pub well: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that are open.
    pub open: u64,
    /// Bytes of the input that were read and planned.
    pub read_bytes: u64,
}

/// Tells a watcher how far a job is.
pub struct Progress {
    watcher: Box<dyn FnMut(Standing) + Send>,
    last: Instant,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    /// Tells a watcher, at most ten times a second.
    pub fn to(watcher: impl FnMut(Standing) + Send + 'static) -> Progress {
        Progress { watcher: Box::new(watcher), last: Instant::now() }
    }

    pub(super) fn show(&mut self, state: &State, open: usize, read_bytes: u64) {
        if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let totals = state.totals();
            (self.watcher)(Standing {
                well: totals.done + totals.skipped(),
                failed: totals.failed(),
                open: open as u64,
                read_bytes,
            });
        }
    }
}
