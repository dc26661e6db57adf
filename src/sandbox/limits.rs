//! The rate limits of the look-alike, counted the way Braze counts them.
//!
//! Windows are fixed and aligned to the clock: a minute pool starts again on the minute, the hourly
//! one at the top of the hour (Braze docs, "API limits"). A refused request uses nothing up.

pub use crate::catalogue::Limit;

/// Requests that share one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pool {
    /// `/users/track`.
    Track,
    /// `/users/delete`, `/users/identify`, `/users/alias/*`.
    Identity,
    /// `/subscription/status/set` and its second version.
    Subscription,
    /// Everything without a limit of its own.
    Hourly,
    /// `/users/export/ids` that asks for campaigns or canvases.
    Export,
    /// `/users/export/ids` that asks for neither.
    ExportFields,
    /// `/users/external_ids/rename`.
    Rename,
}

impl Pool {
    /// Every pool, in the order in which [`Limits`] keeps them.
    pub const ALL: [Pool; 7] = [
        Pool::Track,
        Pool::Identity,
        Pool::Subscription,
        Pool::Hourly,
        Pool::Export,
        Pool::ExportFields,
        Pool::Rename,
    ];

    /// The documented limit of a workspace.
    pub fn documented(self) -> Limit {
        let (requests, per_seconds) = match self {
            Pool::Track => (3_000, 3),
            Pool::Identity => (20_000, 60),
            Pool::Subscription => (5_000, 60),
            Pool::Hourly => (250_000, 3_600),
            Pool::Export => (250, 60),
            Pool::ExportFields => (40, 1),
            Pool::Rename => (1_000, 60),
        };
        Limit { requests, per_seconds }
    }
}

/// What `X-RateLimit-Reset` of `/users/track` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reset {
    /// The end of the window in UTC epoch seconds: every pool, and track on data-point contracts.
    #[default]
    Epoch,
    /// Seconds that are left; a 429 then carries only `X-Ratelimit-Retry-After` (contracts priced by
    /// monthly active users).
    Remaining,
}

/// The limits a sandbox enforces.
#[derive(Debug, Clone)]
pub struct Limits {
    of: [Option<Limit>; Pool::ALL.len()],
    pub(super) track_reset: Reset,
    /// Whether answers tell of them.
    pub(super) are_told: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::documented()
    }
}

impl Limits {
    /// The documented limits.
    pub fn documented() -> Limits {
        Limits {
            of: Pool::ALL.map(|pool| Some(pool.documented())),
            track_reset: Reset::Epoch,
            are_told: true,
        }
    }

    /// No limit at all, and no headers about limits.
    pub fn off() -> Limits {
        Limits { of: [None; Pool::ALL.len()], track_reset: Reset::Epoch, are_told: true }
    }

    /// The same limits with another one for one pool.
    #[must_use]
    pub fn with(mut self, pool: Pool, limit: Limit) -> Limits {
        if let Some(kept) = self.of.get_mut(pool as usize) {
            *kept = Some(limit);
        }
        self
    }

    /// The same limits with another meaning of the reset header of `/users/track`.
    #[must_use]
    pub fn with_track_reset(mut self, reset: Reset) -> Limits {
        self.track_reset = reset;
        self
    }

    /// The same limits, of which no answer tells anything but 429.
    #[must_use]
    pub fn untold(mut self) -> Limits {
        self.are_told = false;
        self
    }

    fn of(&self, pool: Pool) -> Option<Limit> {
        self.of.get(pool as usize).copied().flatten()
    }
}

/// Where a pool stands after a request asked to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether the request may pass.
    pub is_admitted: bool,
    /// Requests of a whole window.
    pub limit: u32,
    /// Requests that are left in this window.
    pub remaining: u32,
    /// End of the window, in epoch seconds.
    pub reset_epoch_s: i64,
    /// Whole seconds until then, at least one.
    pub left_s: i64,
}

/// How much of each pool's current window is used.
#[derive(Debug, Default)]
pub(super) struct Windows([Window; Pool::ALL.len()]);

#[derive(Debug, Default, Clone, Copy)]
struct Window {
    start_s: i64,
    used: u32,
}

impl Windows {
    /// Takes one request from a pool; `None` when the pool has no limit.
    pub fn take(&mut self, limits: &Limits, pool: Pool, now_ms: i64) -> Option<Standing> {
        let limit = limits.of(pool)?;
        let window = self.0.get_mut(pool as usize)?;
        let per_s = i64::from(limit.per_seconds.max(1));
        let now_s = now_ms.div_euclid(1000);
        let start_s = now_s - now_s.rem_euclid(per_s);
        if window.start_s != start_s {
            *window = Window { start_s, used: 0 };
        }
        let is_admitted = window.used < limit.requests;
        if is_admitted {
            window.used += 1;
        }
        let reset_epoch_s = start_s + per_s;
        Some(Standing {
            is_admitted,
            limit: limit.requests,
            remaining: limit.requests.saturating_sub(window.used),
            reset_epoch_s,
            left_s: (reset_epoch_s * 1000 - now_ms).div_euclid(1000).max(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_starts_again_on_its_own_boundary_and_not_a_window_after_the_first_request() {
        let limits = Limits::off().with(Pool::Subscription, Limit { requests: 2, per_seconds: 60 });
        let mut windows = Windows::default();
        let mut at = |now_ms| windows.take(&limits, Pool::Subscription, now_ms).unwrap();

        assert_eq!((at(59_000).remaining, at(59_100).remaining), (1, 0));
        assert_eq!((at(59_200).is_admitted, at(59_200).reset_epoch_s), (false, 60));
        assert!(at(60_000).is_admitted);
    }

    #[test]
    fn pools_that_are_switched_off_say_nothing() {
        assert_eq!(Windows::default().take(&Limits::off(), Pool::Track, 0), None);
    }
}
