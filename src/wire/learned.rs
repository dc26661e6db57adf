//! What refusals teach of a limit that nobody told: how fast requests may leave.
//!
//! A service can have a lower limit than is documented and say no more than 429. Then half of what it was
//! asked is asked, soon nearly as much again, and slowly more, so that refusals are rare and little of what
//! is allowed is left unused. What a service tells of its limit is taken from there and not from here; the
//! documented limit holds all the while.
//!
//! Some refusals have nothing to do with how much is asked: then as large a part is refused while only half
//! is asked. That part is measured there, and refusals that it explains slow nobody down. The rule that keeps
//! both right: whether slowing down helped is looked at before it is done again.
//!
//! This is pure, as `limiter` is, which is the only user.

use std::time::Duration;

use super::calm::Calm;

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

/// A refusal now and then says nothing of a limit: so many of the last 32 requests must have been refused
/// since it was last judged; fewer where a limit is known from before.
const OFTEN: u32 = 3;
const OFTEN_AGAIN: u32 = 2;

/// Of fewer requests nothing can be said.
const ENOUGH: u32 = 8;

/// The last four requests: where all were refused, it is for how much was asked.
const IN_A_ROW: u32 = 0b1111;

/// What was slowed down for nothing doubles in so long.
const RELEASES_IN: Duration = Duration::from_secs(1);

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
    /// Which of the last requests were refused, a bit each, the latest lowest; and of how many that is known.
    lately: u32,
    known: u32,
    calm: Calm,
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
    /// It was slowed down for nothing.
    is_released: bool,
}

impl Pace {
    /// Whether far less is asked than was refused.
    fn is_calm(&self, left: Duration) -> bool {
        !self.is_released && left >= self.since && left < self.since + RECOVERY
    }

    /// Requests a second.
    fn at(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.since);
        if self.is_released {
            return self.refused_at * passed.div_duration_f64(RELEASES_IN).min(64.0).exp2();
        }
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
        self.known = (self.known + 1).min(32);
        if self.pace.is_some_and(|pace| pace.is_calm(left)) {
            self.calm.count_ended();
        }
        if self.pace.is_none_or(|pace| left >= pace.since) {
            self.probe = Probe::Over;
        }
    }

    /// Takes a refusal in, if it came while far less was asked than had been refused.
    fn note_calm(&mut self, left: Duration, now: Duration) {
        self.calm.note_refusal(now);
        if self.pace.is_some_and(|pace| pace.is_calm(left)) {
            match self.accepted {
                // The service's window is not over.
                0 => self.calm.forget_one(),
                // Many in a row are refused for how much was asked.
                _ if self.lately & 0b10 == 0 => self.calm.count_refused(),
                _ => {}
            }
        }
    }

    /// Slowing down did not help: it is taken back.
    fn release(&mut self, now: Duration) {
        if let Some(pace) = self.pace.as_mut().filter(|pace| !pace.is_released) {
            (pace.since, pace.is_released) = (now, true);
            self.next = now;
        }
        self.probe = Probe::Over;
    }

    /// A request that left at `left` and ended now was refused, and nobody told why. Gives until when
    /// nothing should leave: `until`, or later; or now, if it says nothing of a limit.
    pub fn refused(
        &mut self,
        documented: Option<f64>,
        left: Duration,
        until: Duration,
        now: Duration,
    ) -> Duration {
        self.accepted = self.accepted.saturating_sub(1);
        self.lately |= 1;
        let before = self.pace;
        if let Some(pace) = before.filter(|pace| left < pace.since) {
            // It left before the last refusal was known: that one speaks for it.
            return if pace.is_released { now } else { until };
        }
        self.note_calm(left, now);
        if self.lately & IN_A_ROW != IN_A_ROW && self.calm.explains(self.lately.count_ones(), self.known) {
            if self.known < ENOUGH {
                return until;
            }
            self.release(now);
            return now;
        }
        let often = if self.pace.is_some() { OFTEN_AGAIN } else { OFTEN };
        if self.accepted > 0 && self.lately.count_ones() < often {
            return until;
        }
        self.probe = Probe::Wanted;
        if self.accepted == 0 {
            let rest = REST * (1 << self.in_vain.min(MOST_RESTS));
            self.in_vain += 1;
            let until = until.max(now + rest);
            self.pace = before.map(|pace| Pace { since: until, is_released: false, ..pace });
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
        self.pace = Some(Pace { refused_at, since: until, patience, is_released: false });
        (self.lately, self.known) = (0, 0);
        self.next = until;
        (self.counted_since, self.accepted) = (Some(now), 0);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Grant, Limiter};

    /// A sender with one request under way at a time, for so long; a service that refuses what `refuses` says
    /// of the number of a request and the moment it came. Gives how many were accepted and how many refused.
    fn one_by_one(
        limiter: &mut Limiter,
        takes: Duration,
        long: Duration,
        mut refuses: impl FnMut(u64, Duration) -> bool,
    ) -> (u64, u64) {
        let (mut now, mut accepted, mut refused) = (Duration::ZERO, 0, 0);
        while now < long {
            match limiter.reserve(now) {
                Grant::Now => {
                    let left = now;
                    now += takes;
                    limiter.settle(left, now);
                    if refuses(accepted + refused, now) {
                        refused += 1;
                        limiter.refuse(left, now + Duration::from_secs(1), now);
                    } else {
                        accepted += 1;
                    }
                }
                Grant::At(moment) => now = moment.max(now + Duration::from_millis(1)),
            }
        }
        (accepted, refused)
    }

    #[test]
    fn a_low_limit_that_is_asked_for_one_by_one_is_learned() {
        let second = Duration::from_secs(1);
        for (limit, takes_ms) in [(1, 2), (4, 2), (4, 80), (10, 2), (10, 80)] {
            let mut limiter = Limiter::new(3_000, 3 * second, 1.0);
            let (mut window, mut used) = (0, 0);

            let (accepted, refused) =
                one_by_one(&mut limiter, Duration::from_millis(takes_ms), 600 * second, |_, now| {
                    if now.as_secs() != window {
                        (window, used) = (now.as_secs(), 0);
                    }
                    used += 1;
                    used > limit
                });

            let what = format!("{limit} a second, {takes_ms} ms: {accepted} accepted, {refused} refused");
            assert!(accepted > limit * 600 * 7 / 10, "{what}");
            assert!(refused < accepted / 20, "{what}");
        }
    }

    #[test]
    fn refusals_that_have_nothing_to_do_with_how_much_is_asked_slow_nobody_down_for_long() {
        for percent in [2, 5, 10] {
            let mut limiter = Limiter::new(3_000, Duration::from_secs(3), 1.0);
            let mut random: u64 = 7;

            let (accepted, refused) =
                one_by_one(&mut limiter, Duration::from_millis(5), Duration::from_secs(600), |_, _| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (random >> 33) % 100 < percent
                });

            // One by one at most 120,000 leave in this time.
            let what = format!("{percent} percent: {accepted} accepted, {refused} refused");
            assert!(accepted + refused > 60_000, "{what}");
        }
    }

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
