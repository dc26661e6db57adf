//! How many requests may leave for one pool of a service's rate limit, and when.
//!
//! The service counts in fixed windows, on arrival, by a clock that is not ours. So we do not guess
//! its windows: a request holds a place from the moment it leaves until one window has passed since
//! the latest moment it can have been counted, and there are never more places than the limit. Then
//! no window of that length holds more, wherever it begins, however the clocks differ and however
//! long requests are under way. Requests are also spread over the window, so that none waits long.
//!
//! When a request was counted is known only to lie between its leaving and its answer. The quickest
//! recent answer is taken as what every exchange needs; only the time beyond it is uncertain.
//!
//! This is pure: moments are `Duration`s since any fixed moment of the caller, and a moment before
//! the latest one seen counts as that one. Waiting is the work of `pool`.

use std::time::Duration;

use super::learned::Learned;
use super::rate::Rate;

/// The answer to "may one more request leave?"
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Grant {
    /// Yes: it holds a place until [`Limiter::settle`] is told that it ended.
    Now,
    /// No, and nothing is taken: ask again at this moment, not before.
    At(Duration),
}

/// The limiter of one pool of one workspace.
#[derive(Debug, Clone)]
pub struct Limiter {
    /// `None`: no limit but penalties.
    rate: Option<Rate>,
    /// What refusals taught.
    learned: Learned,
    blocked_until: Duration,
    latest: Duration,
}

impl Limiter {
    /// A limiter for `requests` in each window of length `per`, of which `share` may be used.
    ///
    /// At least one request a window is always allowed. `share` is cut to the range 0 to 1.
    pub fn new(requests: u32, per: Duration, share: f64) -> Limiter {
        let rate = Rate::new(requests, per, share.clamp(0.0, 1.0));
        Limiter { rate: Some(rate), ..Limiter::unlimited() }
    }

    /// A limiter that holds back only after a penalty.
    pub fn unlimited() -> Limiter {
        let learned = Learned::default();
        Limiter { rate: None, learned, blocked_until: Duration::ZERO, latest: Duration::ZERO }
    }

    /// May a request leave now? After [`Grant::Now`] it must, and must be settled when it ended.
    pub fn reserve(&mut self, now: Duration) -> Grant {
        let now = self.advance(now);
        if now < self.blocked_until {
            return Grant::At(self.blocked_until);
        }
        if let Some(until) = self.learned.holds_until(self.per_second(), now) {
            return Grant::At(until);
        }
        let grant = self.rate.as_mut().map_or(Grant::Now, |rate| rate.reserve(now));
        if grant == Grant::Now {
            self.learned.leaves(now);
        }
        grant
    }

    /// A request that was granted at `left` ended (answered or broken) at `now`.
    pub fn settle(&mut self, left: Duration, now: Duration) {
        let now = self.advance(now);
        if let Some(rate) = &mut self.rate {
            rate.settle(left, now);
        }
        self.learned.ended(left);
    }

    /// What the service said of the pool in an answer that came at `now`.
    ///
    /// A `limit` below ours replaces it, a higher one never does. When `remaining` is less than our
    /// own requests explain, somebody else uses the pool: until `reset` (or for one window) we take
    /// only what is left, spread over the time.
    pub fn observe(&mut self, limit: u32, remaining: u32, reset: Option<Duration>, now: Duration) {
        let now = self.advance(now);
        if let Some(rate) = &mut self.rate {
            rate.observe(limit, remaining, reset, now);
        }
    }

    /// The service refused a request for its rate: nothing leaves before `until`.
    pub fn penalise(&mut self, until: Duration) {
        self.blocked_until = self.blocked_until.max(until);
    }

    /// The service refused a request for its rate that was granted at `left`, and said nothing of its limit:
    /// nothing leaves before `until`, and then so much less that refusals become rare. To be told after
    /// [`Limiter::settle`].
    pub fn refuse(&mut self, left: Duration, until: Duration, now: Duration) {
        let now = self.advance(now);
        let until = self.learned.refused(self.per_second(), left, until, now);
        self.penalise(until);
    }

    fn per_second(&self) -> Option<f64> {
        self.rate.as_ref().map(Rate::per_second)
    }

    /// Another profile states its own limit for the same pool: the lower one holds.
    pub fn lower_to(&mut self, other: Limiter) {
        match (&self.rate, &other.rate) {
            (Some(ours), Some(theirs)) if theirs.per_second() < ours.per_second() => self.turn_into(other),
            (None, Some(_)) => self.turn_into(other),
            (Some(_) | None, _) => {}
        }
    }

    /// The pool has another limit than was thought. Requests that hold a place hold it on, and what the
    /// service asked to wait for is waited for.
    pub fn turn_into(&mut self, other: Limiter) {
        self.rate = match (self.rate.take(), other.rate) {
            (Some(ours), Some(theirs)) => Some(theirs.after(&ours, self.latest)),
            (_, theirs) => theirs,
        };
    }

    fn advance(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        if let Some(rate) = &mut self.rate {
            rate.free_until(self.latest);
        }
        self.latest
    }
}

#[cfg(test)]
mod tests;
