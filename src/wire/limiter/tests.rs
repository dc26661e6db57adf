//! Senders that always have more to send, and services that count on arrival.

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
    let limits = [(3000, 3, 60), (20_000, 60, 600), (5000, 60, 600), (250, 60, 600), (250_000, 3600, 7200)];
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

#[test]
fn a_sender_that_stood_still_for_a_while_makes_up_for_it_without_a_rush() {
    let per = Duration::from_secs(1);
    let start = Duration::from_secs(1000);
    let mut limiter = Limiter::new(100, per, 1.0);
    let mut left = Vec::new();
    let mut now = start;
    while now < start + per * 20 {
        match limiter.reserve(now) {
            Grant::Now => {
                limiter.settle(now, now);
                left.push(now - start);
            }
            Grant::At(next) => now = next,
        }
        // Nothing moves in the first third of each second.
        let into_second = now - Duration::from_secs(now.as_secs());
        now += (MS * 333).saturating_sub(into_second);
    }

    assert!(most_in(&left, per) <= 100);
    let used = used(&left, 100, per, per * 20);
    assert!(used >= 0.9, "{used}");
    assert!(most_in(&left, MS * 100) <= 26, "{}", most_in(&left, MS * 100));
}

#[test]
fn another_limit_forgets_neither_what_left_nor_what_was_told() {
    let now = Duration::from_secs(1000);
    let mut limiter = Limiter::new(10, Duration::from_secs(60), 1.0);
    let mut at = now;
    for _ in 0..10 {
        while let Grant::At(next) = limiter.reserve(at) {
            at = next;
        }
        limiter.settle(at, at);
    }
    limiter.penalise(at + Duration::from_secs(9));

    limiter.turn_into(Limiter::new(10, Duration::from_secs(60), 1.0));

    assert_eq!(limiter.reserve(at), Grant::At(at + Duration::from_secs(9)));
    let Grant::At(next) = limiter.reserve(at + Duration::from_secs(9)) else { panic!("eleven in a minute") };
    assert!(next > at + Duration::from_secs(50), "{:?}", next - at);
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

/// A sender that always has more to send from a moment on for so many seconds, and a service that refuses what is beyond its
/// limit in its own fixed windows, and says no more than that. Gives when each request was refused, and how
/// many were accepted.
fn untold(
    limiter: &mut Limiter,
    limit: usize,
    per: Duration,
    rtt: Duration,
    from: u64,
    seconds: u32,
) -> (Vec<Duration>, usize) {
    let start = Duration::from_millis(1_700_000_000_357) + Duration::from_secs(from);
    let until = start + Duration::from_secs(1) * seconds;
    let (mut now, mut answers, mut in_flight) = (start, BinaryHeap::new(), 0);
    let (mut refused, mut accepted) = (Vec::new(), 0);
    let (mut window, mut used) = (0, 0);
    while now < until {
        while let Some(&Reverse((answered, left, is_accepted))) = answers.peek()
            && answered <= now
        {
            answers.pop();
            in_flight -= 1;
            limiter.settle(left, answered);
            if is_accepted {
                accepted += 1;
            } else {
                refused.push(answered - start);
                limiter.refuse(left, answered + Duration::from_secs(1), answered);
            }
        }
        let next = match limiter.reserve(now) {
            Grant::Now if in_flight < 256 => {
                let arrives = now + rtt / 2;
                let this = arrives.as_nanos() / per.as_nanos();
                if this != window {
                    (window, used) = (this, 0);
                }
                let is_accepted = used < limit;
                used += usize::from(is_accepted);
                answers.push(Reverse((now + rtt, now, is_accepted)));
                in_flight += 1;
                continue;
            }
            Grant::Now => until,
            Grant::At(moment) => moment,
        };
        now = answers.peek().map_or(next, |Reverse((answered, ..))| next.min(*answered)).max(now + MS);
    }
    (refused, accepted)
}

#[test]
fn a_lower_limit_that_nobody_tells_is_learned_from_refusals() {
    let second = Duration::from_secs(1);
    for (limit, per, rtt) in [
        (4, second, MS * 2),
        (4, second, MS * 80),
        (400, second, MS * 80),
        (100, second * 3, MS * 300),
        (240, second * 60, MS * 80),
    ] {
        let mut limiter = Limiter::new(3_000, second * 3, 1.0);

        let (refused, accepted) = untold(&mut limiter, limit, per, rtt, 0, 1200);

        let allowed = limit as f64 * 1200.0 / per.as_secs_f64();
        let used = accepted as f64 / allowed;
        let late = refused.iter().filter(|at| **at > second * 60).count();
        let what = format!(
            "{limit} in {per:?}, {rtt:?}: {} refused, {late} of them later, {used:.3} used",
            refused.len()
        );
        assert!(used > 0.85, "{what}");
        assert!(late < accepted / 40, "{what}");
    }
}

#[test]
fn what_was_learned_is_never_more_than_what_is_documented_and_is_forgotten_in_time() {
    let second = Duration::from_secs(1);
    let mut limiter = Limiter::new(10, second, 1.0);
    untold(&mut limiter, 2, second, MS * 20, 0, 60);

    let (refused, accepted) = untold(&mut limiter, 10_000, second, MS * 20, 60, 120);

    assert!(refused.is_empty(), "{refused:?}");
    assert!((700..=1200).contains(&accepted), "{accepted} accepted");
}
