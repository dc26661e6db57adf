//! What time it is, for the edges that must know; rules get the time as an argument.
//!
//! One clock is handed down from where the program starts, never read from a global, so that a
//! simulation can run weeks in a second: everything that waits or measures asks the same clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch, UTC.
    fn now_ms(&self) -> i64;

    /// Milliseconds that only go on, as fast as time does, whatever is done to the machine's clock: for
    /// limits, retries and time-outs. They begin near [`Clock::now_ms`] and part from it where that jumps.
    fn steady_ms(&self) -> i64 {
        self.now_ms()
    }
}

/// A clock that several parts of the program read.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// When steady time was first asked for, on both scales.
static BEGINNING: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), SystemClock.now_ms()));

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn steady_ms(&self) -> i64 {
        let (began, began_ms) = *BEGINNING;
        began_ms.saturating_add(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that can be moved ahead, and never goes back.
#[derive(Debug, Default)]
pub struct VirtualClock {
    at_ms: AtomicI64,
    /// Since when time passes by itself; it stands still when absent.
    since: Option<Instant>,
}

impl VirtualClock {
    /// A clock that stands still at this moment, in milliseconds since the Unix epoch.
    pub fn at(now_ms: i64) -> VirtualClock {
        VirtualClock { at_ms: AtomicI64::new(now_ms), since: None }
    }

    /// A clock that goes on from this moment as fast as time does, and can be moved ahead of it.
    pub fn going_on_from(now_ms: i64) -> VirtualClock {
        VirtualClock { at_ms: AtomicI64::new(now_ms), since: Some(Instant::now()) }
    }

    /// How much passed by itself.
    fn passed_ms(&self) -> i64 {
        self.since.map_or(0, |since| i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// Moves to a moment; one that is already past changes nothing.
    pub fn advance_to(&self, now_ms: i64) {
        self.at_ms.fetch_max(now_ms.saturating_sub(self.passed_ms()), Ordering::SeqCst);
    }

    /// Moves on by a span.
    pub fn advance(&self, by: Duration) {
        self.at_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now_ms(&self) -> i64 {
        self.at_ms.load(Ordering::SeqCst).saturating_add(self.passed_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_forward() {
        let clock = VirtualClock::at(5_000);

        clock.advance_to(4_000);
        clock.advance(Duration::from_millis(1));

        assert_eq!(clock.now_ms(), 5_001);
    }

    #[test]
    fn a_virtual_clock_that_goes_on_can_be_moved_ahead_and_not_back() {
        let clock = VirtualClock::going_on_from(5_000);

        clock.advance_to(4_000);
        assert!((5_000..60_000).contains(&clock.now_ms()));
        clock.advance_to(90_000);

        assert!((90_000..150_000).contains(&clock.now_ms()));
    }
}
