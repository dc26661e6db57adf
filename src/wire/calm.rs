//! Refusals that have nothing to do with how much is asked.
//!
//! They are measured while far less is asked than had been refused: what is refused then would be refused
//! however little is asked, and slowing down does not help. When that is so is said by `learned`, the only
//! user; the rule that keeps it right is that nothing is explained that was not measured.

use std::time::Duration;

/// Refusals that come while far less is asked than was refused have nothing to do with how much is asked.
/// So many of them are needed to say so.
const CALM_REFUSALS: u32 = 2;

/// How many standard deviations more than expected are still explained: it is asked at every refusal.
const DEVIATIONS: f64 = 3.0;

/// What was seen in calm counts half after so many requests.
const CALM_REQUESTS: u32 = 256;

/// Without a refusal for so long, what was seen in calm is forgotten.
const CALM_FOR: Duration = Duration::from_secs(120);

/// What became of requests that left while far less was asked than had been refused.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calm {
    ended: u32,
    refused: u32,
    /// When a request was refused last.
    last: Duration,
}

impl Calm {
    /// Which part of all requests is refused however little is asked; 0 as long as that is not known.
    fn share(&self) -> f64 {
        if self.refused < CALM_REFUSALS {
            0.0
        } else {
            f64::from(self.refused) / f64::from(self.ended.max(1))
        }
    }

    /// A request ended that left in calm.
    pub fn count_ended(&mut self) {
        self.ended += 1;
        if self.ended >= CALM_REQUESTS {
            (self.ended, self.refused) = (self.ended / 2, self.refused.div_ceil(2));
        }
    }

    /// One of them was refused.
    pub fn count_refused(&mut self) {
        self.refused += 1;
    }

    /// One of them says nothing.
    pub fn forget_one(&mut self) {
        self.ended = self.ended.saturating_sub(1);
    }

    /// A request was refused now, in calm or not.
    pub fn note_refusal(&mut self, now: Duration) {
        if now.saturating_sub(self.last) > CALM_FOR {
            *self = Calm::default();
        }
        self.last = now;
    }

    /// Whether so many refusals of so many requests are no more than was to be expected.
    pub fn explains(&self, refused: u32, of: u32) -> bool {
        let share = self.share();
        let expected = share * f64::from(of);
        let deviation = (expected * (1.0 - share)).sqrt();
        share > 0.0 && f64::from(refused) <= expected + DEVIATIONS * deviation + 1.0
    }
}
