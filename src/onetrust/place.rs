//! Waits until the limits of an account let one request leave.
//!
//! A place is given back when it is dropped, however the request ended.

use std::time::Duration;

use super::limits::Limits;
use crate::clock::Clock;
use crate::wire::Grant;

/// A place under the limits of an account, for one request to one endpoint.
#[must_use]
pub struct Place<'a> {
    limits: &'a Limits,
    endpoint: &'a str,
    clock: &'a dyn Clock,
    left: Duration,
}

impl<'a> Place<'a> {
    /// Waits for a place in real time, which the clock must follow.
    pub async fn of(limits: &'a Limits, endpoint: &'a str, clock: &'a dyn Clock) -> Place<'a> {
        loop {
            let now = moment(clock);
            match limits.reserve(endpoint, now) {
                Grant::Now => return Place { limits, endpoint, clock, left: now },
                Grant::At(at) => {
                    // The clock tells whole milliseconds.
                    let wait = at.saturating_sub(now).max(Duration::from_millis(1));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.limits.settle(self.endpoint, self.left, moment(self.clock));
    }
}

/// The present moment as the limits count it.
pub(super) fn moment(clock: &dyn Clock) -> Duration {
    Duration::from_millis(clock.steady_ms().max(0).unsigned_abs())
}
