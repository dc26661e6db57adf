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
    blocked_until: Duration,
    latest: Duration,
}

impl Limiter {
    /// A limiter for `requests` in each window of length `per`, of which `share` may be used.
    ///
    /// At least one request a window is always allowed. `share` is cut to the range 0 to 1.
    pub fn new(requests: u32, per: Duration, share: f64) -> Limiter {
        let rate = Rate::new(requests, per, share.clamp(0.0, 1.0));
        Limiter { rate: Some(rate), blocked_until: Duration::ZERO, latest: Duration::ZERO }
    }

    /// A limiter that holds back only after a penalty.
    pub fn unlimited() -> Limiter {
        Limiter { rate: None, blocked_until: Duration::ZERO, latest: Duration::ZERO }
    }

    /// May a request leave now? After [`Grant::Now`] it must, and must be settled when it ended.
    pub fn reserve(&mut self, now: Duration) -> Grant {
        let now = self.advance(now);
        if now < self.blocked_until {
            return Grant::At(self.blocked_until);
        }
        self.rate.as_mut().map_or(Grant::Now, |rate| rate.reserve(now))
    }

    /// A request that was granted at `left` ended (answered or broken) at `now`.
    pub fn settle(&mut self, left: Duration, now: Duration) {
        let now = self.advance(now);
        if let Some(rate) = &mut self.rate {
            rate.settle(left, now);
        }
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
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A sender that always has more to send, and a service that counts on arrival. `latency` gives
    /// for each request how long until it is counted and how long until it is answered, in ms. The
    /// sender wakes only at multiples of `grain`. Gives the moments at which requests were counted.
    fn counted(
        limiter: &mut Limiter,
        until: Duration,
        grain: Duration,
        mut latency: impl FnMut() -> (u64, u64),
    ) -> Vec<Duration> {
        // Moments begin far from zero, as those of a clock do.
        let start = Duration::from_secs(1_700_000_000);
        let mut now = start;
        let mut counted = Vec::new();
        let mut answers = BinaryHeap::new();
        while now < start + until {
            while let Some(&Reverse((answered, left))) = answers.peek()
                && answered <= now
            {
                answers.pop();
                limiter.settle(left, answered);
            }
            match limiter.reserve(now) {
                Grant::Now => {
                    let (there, back) = latency();
                    counted.push(now + MS * there as u32 - start);
                    answers.push(Reverse((now + MS * (there + back) as u32, now)));
                }
                Grant::At(moment) => {
                    assert!(moment > now, "asked to come back in the past");
                    let next = answers.peek().map_or(moment, |Reverse((answered, _))| moment.min(*answered));
                    let grains = next.as_nanos().div_ceil(grain.as_nanos()) * grain.as_nanos();
                    now = Duration::from_nanos(grains as u64).max(now + Duration::from_nanos(1));
                }
            }
        }
        counted.sort();
        counted
    }

    /// The most requests in any window of that length, wherever it begins.
    fn most_in(counted: &[Duration], per: Duration) -> usize {
        let mut first = 0;
        (0..counted.len())
            .map(|last| {
                while counted[last] - counted[first] >= per {
                    first += 1;
                }
                last - first + 1
            })
            .max()
            .unwrap_or(0)
    }

    fn used(counted: &[Duration], requests: u32, per: Duration, until: Duration) -> f64 {
        counted.len() as f64 / (f64::from(requests) * until.as_secs_f64() / per.as_secs_f64())
    }

    #[test]
    fn a_saturated_limit_is_used_almost_whole_and_never_passed() {
        let limits =
            [(3000, 3, 60), (20_000, 60, 600), (5000, 60, 600), (250, 60, 600), (250_000, 3600, 7200)];
        for (requests, per, until) in limits {
            let (per, until) = (Duration::from_secs(per), Duration::from_secs(until));
            let mut limiter = Limiter::new(requests, per, 1.0);

            let counted = counted(&mut limiter, until, MS / 100, || (40, 40));

            assert!(most_in(&counted, per) <= requests as usize, "{requests} per {per:?}");
            let used = used(&counted, requests, per, until);
            assert!(used >= 0.98, "{requests} per {per:?}: {used}");
        }
    }

    #[test]
    fn a_sender_that_wakes_only_every_twenty_milliseconds_catches_up() {
        let (per, until) = (Duration::from_secs(3), Duration::from_secs(30));
        let mut limiter = Limiter::new(3000, per, 1.0);
        let mut rng = 0_u64;

        let counted = counted(&mut limiter, until, MS * 20, || {
            rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (10 + (rng >> 60), 60 + (rng >> 57 & 7))
        });

        assert!(most_in(&counted, per) <= 3000);
        let used = used(&counted, 3000, per, until);
        assert!(used >= 0.97, "{used}");
    }

    #[test]
    fn the_share_is_what_is_left_of_the_limit() {
        let (per, until) = (Duration::from_secs(3), Duration::from_secs(30));
        let mut limiter = Limiter::new(3000, per, 0.8);

        let counted = counted(&mut limiter, until, MS / 100, || (20, 20));

        assert!(most_in(&counted, per) <= 2400);
        assert!(used(&counted, 2400, per, until) >= 0.98);
    }

    #[test]
    fn a_stall_on_the_way_does_not_pile_requests_up_in_one_window() {
        let (per, until) = (Duration::from_secs(3), Duration::from_secs(60));
        let mut limiter = Limiter::new(3000, per, 1.0);
        let mut sent = 0_u64;

        // For one second in six everything is held up and then comes at once.
        let counted = counted(&mut limiter, until, MS / 100, || {
            sent += 1;
            let stalled = 1000_u64.saturating_sub(sent % 6000);
            (5 + stalled, 75)
        });

        assert!(most_in(&counted, per) <= 3000, "{}", most_in(&counted, per));
        assert!(used(&counted, 3000, per, until) > 0.8);
    }

    #[test]
    fn requests_leave_evenly_and_a_short_burst_at_once() {
        let mut limiter = Limiter::new(3000, Duration::from_secs(3), 0.8);
        let start = Duration::from_secs(77);

        let at_once = (0..5000).take_while(|_| limiter.reserve(start) == Grant::Now).count();

        assert_eq!(at_once, 120);
        let Grant::At(next) = limiter.reserve(start) else { panic!("a burst without end") };
        assert!(next - start < MS * 2, "{:?}", next - start);
    }

    #[test]
    fn with_the_whole_limit_nothing_bursts_at_the_start() {
        let mut limiter = Limiter::new(3000, Duration::from_secs(3), 1.0);

        assert_eq!(limiter.reserve(MS), Grant::Now);
        assert!(matches!(limiter.reserve(MS), Grant::At(_)));
    }

    #[test]
    fn one_request_is_always_allowed() {
        let mut limiter = Limiter::new(1, Duration::from_secs(60), 0.8);

        assert_eq!(limiter.reserve(MS), Grant::Now);
        limiter.settle(MS, MS * 20);

        let Grant::At(next) = limiter.reserve(MS * 21) else { panic!("two requests in a window of one") };
        assert!(next > Duration::from_secs(60) && next < Duration::from_secs(62), "{next:?}");
        assert_eq!(limiter.reserve(next), Grant::Now);
    }

    #[test]
    fn a_penalty_holds_everything_back_until_it_is_over() {
        for mut limiter in [Limiter::new(100, Duration::from_secs(1), 1.0), Limiter::unlimited()] {
            limiter.penalise(Duration::from_secs(9));
            limiter.penalise(Duration::from_secs(3));

            assert_eq!(limiter.reserve(Duration::from_secs(8)), Grant::At(Duration::from_secs(9)));
            assert_eq!(limiter.reserve(Duration::from_secs(9)), Grant::Now);
        }
    }

    #[test]
    fn a_lower_limit_seen_in_an_answer_wins_and_a_higher_one_never_does() {
        let per = Duration::from_secs(60);
        for (seen, allowed) in [(100, 100), (9000, 1000)] {
            let mut limiter = Limiter::new(1000, per, 1.0);
            limiter.observe(seen, seen, None, Duration::from_secs(1_700_000_000));

            let counted = counted(&mut limiter, per * 3, MS, || (1, 1));

            assert!(most_in(&counted, per) <= allowed);
            assert!(most_in(&counted, per) > allowed * 95 / 100);
        }
    }

    #[test]
    fn when_somebody_else_uses_the_pool_only_the_rest_is_taken_until_the_reset() {
        let mut limiter = Limiter::new(1000, Duration::from_secs(60), 1.0);
        let (now, reset) = (Duration::from_secs(100), Duration::from_secs(130));
        limiter.observe(1000, 10, Some(reset), now);

        let mut moments = Vec::new();
        let mut at = now;
        while at < reset {
            match limiter.reserve(at) {
                Grant::Now => moments.push(at),
                Grant::At(next) => at = next,
            }
        }

        assert_eq!(moments.len(), 10);
        let widest = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < Duration::from_secs(4), "{widest:?}");
    }

    #[test]
    fn our_own_requests_are_not_taken_for_somebody_elses() {
        let mut limiter = Limiter::new(1000, Duration::from_secs(60), 0.8);
        let now = Duration::from_secs(100);
        let mut sent = 0;
        while limiter.reserve(now) == Grant::Now {
            sent += 1;
        }

        limiter.observe(1000, 1000 - sent, Some(now + MS * 500), now);

        let Grant::At(next) = limiter.reserve(now) else { panic!("a burst without end") };
        assert!(next - now < MS * 100, "{:?}", next - now);
    }

    #[test]
    fn a_clock_that_goes_back_grants_nothing_extra() {
        let mut limiter = Limiter::new(10, Duration::from_secs(10), 1.0);
        let granted = |limiter: &mut Limiter, at: u64| limiter.reserve(Duration::from_secs(at)) == Grant::Now;
        assert!(granted(&mut limiter, 1000));

        assert!((1..1000).all(|at| !granted(&mut limiter, at)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_window_holds_more_than_the_share_whatever_the_network_does(
            requests in 1_u32..4000,
            per_ms in 200_u64..5000,
            share in 0.1_f64..=1.0,
            latencies in proptest::collection::vec(0_u64..400, 50..300),
            grain in 1_u32..30,
            quickest in 0_u64..100,
        ) {
            let per = Duration::from_millis(per_ms);
            let mut limiter = Limiter::new(requests, per, share);
            let mut next = 0;

            let counted = counted(&mut limiter, per * 4, MS * grain, || {
                next += 1;
                // The first is a quick one: what is quickest is known before it matters.
                (if next == 1 { 0 } else { latencies[next % latencies.len()] }, quickest)
            });

            let places = (f64::from(requests) * share + 1e-6).max(1.0) as usize;
            prop_assert!(most_in(&counted, per) <= places, "{} of {places}", most_in(&counted, per));
        }
    }
}
