//! How long to wait before the same call is tried again.
//!
//! Exponential with full jitter: the wait is drawn evenly between nothing and a ceiling that doubles
//! with each attempt, so that many senders who failed together do not come back together. It is
//! pure, the random number is handed in. A service that says when to come back is never asked earlier.

use std::time::Duration;

/// Growth of the wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the wait after the first failed attempt.
    pub base: Duration,
    /// The ceiling never grows beyond this.
    pub cap: Duration,
}

impl Backoff {
    /// How long to wait after failed attempt number `attempt` (0 is the first).
    ///
    /// `random` is drawn evenly from all of `u64`; `told` is what the service asked for, counted from
    /// the same moment.
    pub fn wait(&self, attempt: u32, random: u64, told: Option<Duration>) -> Duration {
        let ceiling = 2_u32
            .checked_pow(attempt)
            .and_then(|factor| self.base.checked_mul(factor))
            .map_or(self.cap, |grown| grown.min(self.cap));
        let nanos = (ceiling.as_nanos() * u128::from(random)) >> u64::BITS;
        let drawn = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        told.map_or(drawn, |told| drawn.max(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(60) };

    #[test]
    fn the_ceiling_doubles_until_the_cap() {
        let ceilings: Vec<u128> =
            (0..9).map(|attempt| BACKOFF.wait(attempt, u64::MAX, None).as_millis() + 1).collect();

        assert_eq!(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn the_wait_is_drawn_from_the_whole_range() {
        assert_eq!(BACKOFF.wait(3, 0, None), Duration::ZERO);
        assert_eq!(BACKOFF.wait(3, 1 << 63, None), Duration::from_secs(2));
    }

    #[test]
    fn it_is_never_earlier_than_told() {
        let told = Some(Duration::from_secs(90));

        assert_eq!(BACKOFF.wait(0, u64::MAX, told), Duration::from_secs(90));
        assert!(BACKOFF.wait(6, u64::MAX, Some(Duration::from_millis(1))) > Duration::from_secs(31));
    }

    #[test]
    fn attempts_beyond_counting_wait_no_longer_than_the_cap() {
        assert!(BACKOFF.wait(u32::MAX, u64::MAX, None) <= Duration::from_secs(60));
    }
}
