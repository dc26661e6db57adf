//! What refusals teach of a limit that nobody told: how fast requests may leave.
//!
//! A service can have a lower limit than is documented and say no more than 429. Then half of what it was
//! asked is asked, soon nearly as much again, and slowly more, so that refusals are rare and little of what
//! is allowed is left unused. A refusal now and then says nothing of a limit and teaches nothing, so a very
//! low limit that is asked for one by one is met again and again. What a service tells of its limit is
//! taken from there and not from here; the documented limit holds all the while.
//!
//! This is pure, as `limiter` is, which is the only user.

use std::time::Duration;

/// How soon after a refusal nearly as much is asked again.
const RECOVERY: Duration = Duration::from_secs(5);

/// Part of what was refused that is asked again soon.
const NEARLY: f64 = 0.9;

/// How slowly the rest is asked again: in so long at first, in twice as long after every refusal that
/// confirms the last, and never slower than this.
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_PATIENCE: Duration = Duration::from_secs(320);

/// A refusal within this part of what was refused before confirms it.
const CONFIRMS: f64 = 1.25;

/// Once more is accepted than was refused before, it doubles in so long.
const DOUBLES_IN: Duration = Duration::from_secs(10);

/// Requests that are late by less may leave sooner one after another: whoever waits wakes late.
const LATE: Duration = Duration::from_millis(20);

/// How long nothing leaves after a refusal when nothing was accepted since the last one; it doubles.
const REST: Duration = Duration::from_secs(1);
const MOST_RESTS: u32 = 4;

/// No limit is taken to count for less time.
const SHORTEST: Duration = Duration::from_secs(1);

/// A refusal now and then says nothing of a limit: whoever is over one is refused many times. So many of
/// the last 32 requests must have been; fewer where a limit is known from before.
const OFTEN: u32 = 8;
const OFTEN_AGAIN: u32 = 2;

/// How often to look whether the one request has its answer.
const LOOK: Duration = Duration::from_millis(10);

/// What is known of a limit from refusals.
#[derive(Debug, Clone, Default)]
pub(super) struct Learned {
    pace: Option<Pace>,
    /// Since when requests are counted that ended; `None` before the first.
    counted_since: Option<Duration>,
    accepted: u32,
    /// Refusals in a row with nothing accepted between them.
    in_vain: u32,
    /// Which of the last requests were refused, a bit each, the latest lowest.
    lately: u32,
    /// When the next request may leave.
    next: Duration,
    /// After a refusal one request asks for all the others.
    probe: Probe,
}

/// The one request that leaves after a refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Probe {
    /// The last one was accepted.
    #[default]
    Over,
    /// It may leave.
    Wanted,
    /// It has no answer yet.
    Out,
}

/// How fast requests leave since the last refusal.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Requests a second at which the service refused.
    refused_at: f64,
    since: Duration,
    patience: Duration,
}

impl Pace {
    /// Requests a second.
    fn at(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.since);
        let part = if passed < RECOVERY {
            0.5 + (NEARLY - 0.5) * passed.div_duration_f64(RECOVERY)
        } else if passed < RECOVERY + self.patience {
            NEARLY + (1.0 - NEARLY) * (passed - RECOVERY).div_duration_f64(self.patience)
        } else {
            let beyond = (passed - RECOVERY - self.patience).div_duration_f64(DOUBLES_IN);
            // Far beyond any documented limit.
            beyond.min(64.0).exp2()
        };
        self.refused_at * part
    }
}

impl Learned {
    /// When to ask again, if what was learned allows no request now. `documented` is what may leave in a
    /// second at most; what was learned is forgotten once it is no less.
    pub fn holds_until(&mut self, documented: Option<f64>, now: Duration) -> Option<Duration> {
        if self.probe == Probe::Out {
            return Some(now + LOOK);
        }
        let pace = self.pace?.at(now);
        if documented.is_some_and(|documented| pace >= documented) {
            self.pace = None;
            return None;
        }
        (now < self.next).then_some(self.next)
    }

    /// A request leaves.
    pub fn leaves(&mut self, now: Duration) {
        self.counted_since.get_or_insert(now);
        if self.probe == Probe::Wanted {
            self.probe = Probe::Out;
        }
        if let Some(pace) = self.pace {
            let interval = Duration::from_secs_f64(1.0 / pace.at(now));
            self.next = self.next.max(now.saturating_sub(LATE)) + interval;
        }
    }

    /// A request that left at `left` ended, however.
    pub fn ended(&mut self, left: Duration) {
        self.accepted = self.accepted.saturating_add(1);
        self.lately <<= 1;
        if self.pace.is_none_or(|pace| left >= pace.since) {
            self.probe = Probe::Over;
        }
    }

    /// A request that left at `left` and ended now was refused, and nobody told why. Gives until when
    /// nothing should leave, at least until `until`.
    pub fn refused(
        &mut self,
        documented: Option<f64>,
        left: Duration,
        until: Duration,
        now: Duration,
    ) -> Duration {
        self.accepted = self.accepted.saturating_sub(1);
        self.lately |= 1;
        let often = if self.pace.is_some() { OFTEN_AGAIN } else { OFTEN };
        if self.accepted > 0 && self.lately.count_ones() < often {
            return until;
        }
        let before = self.pace;
        if before.is_some_and(|pace| left < pace.since) {
            // It left before the last refusal was known: that one speaks for it.
            return until;
        }
        self.probe = Probe::Wanted;
        if self.accepted == 0 {
            let rest = REST * (1 << self.in_vain.min(MOST_RESTS));
            self.in_vain += 1;
            let until = until.max(now + rest);
            self.pace = before.map(|pace| Pace { since: until, ..pace });
            return until;
        }
        self.in_vain = 0;
        let took = now.saturating_sub(self.counted_since.unwrap_or(now)).max(SHORTEST).as_secs_f64();
        let accepted = f64::from(self.accepted) / took;
        let asked = before.map(|pace| pace.at(now)).or(documented).unwrap_or(accepted);
        // On the way back from half no less is accepted than half, if the limit is near what is asked.
        let refused_at = if accepted < asked / 2.0 { accepted } else { asked };
        let is_confirmed =
            |pace: &Pace| refused_at < pace.refused_at * CONFIRMS && refused_at > pace.refused_at / 2.0;
        let patience = match before.filter(is_confirmed) {
            Some(pace) => (pace.patience * 2).min(MOST_PATIENCE),
            None => PATIENCE,
        };
        self.pace = Some(Pace { refused_at, since: until, patience });
        self.next = until;
        (self.counted_since, self.accepted) = (Some(now), 0);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Grant, Limiter};

    #[test]
    fn a_refusal_now_and_then_teaches_nothing_of_a_limit() {
        let (minute, mut now) = (Duration::from_secs(60), Duration::ZERO);
        let mut limiter = Limiter::new(3_000, Duration::from_secs(3), 1.0);
        let mut sent = 0;

        while now < minute {
            match limiter.reserve(now) {
                Grant::Now => {
                    let left = now;
                    (sent, now) = (sent + 1, now + Duration::from_millis(5));
                    limiter.settle(left, now);
                    if sent % 30 == 0 {
                        limiter.refuse(left, now, now);
                    }
                }
                Grant::At(moment) => now = moment.max(now + LATE),
            }
        }

        assert!(sent > 11_000, "{sent} of 12,000 in a minute");
    }
}
