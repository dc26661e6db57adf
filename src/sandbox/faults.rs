//! Failures on order: what goes wrong, where and how often.
//!
//! A fault strikes by counting the requests it looks at, or by chance drawn from the seed and that
//! count, so a run with the same requests in the same order fails the same way.

use serde::Deserialize;

use super::world::mixed;

/// The faults of a sandbox; the first that strikes wins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Tried in order.
    pub faults: Vec<Fault>,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub effect: Effect,
    /// How often; always when absent.
    #[serde(default)]
    pub when: When,
    /// Only requests of this path; every path when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// How many times in all; without end when absent.
    #[serde(default)]
    pub at_most: Option<u64>,
}

impl Fault {
    /// A fault that strikes every request of every path.
    pub fn new(effect: Effect) -> Fault {
        Fault { effect, when: When::Always, path: None, at_most: None }
    }

    /// The same fault at every `n`-th request only.
    #[must_use]
    pub fn every(mut self, n: u64) -> Fault {
        self.when = When::Every(n);
        self
    }

    /// The same fault with a probability between 0 and 1.
    #[must_use]
    pub fn by_chance(mut self, probability: f64) -> Fault {
        self.when = When::Chance(probability);
        self
    }

    /// The same fault on one path only.
    #[must_use]
    pub fn on(mut self, path: &str) -> Fault {
        self.path = Some(path.to_owned());
        self
    }

    /// The same fault this many times in all.
    #[must_use]
    pub fn at_most(mut self, times: u64) -> Fault {
        self.at_most = Some(times);
        self
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The connection is cut before anything is applied.
    DropBeforeApplying,
    /// The request is applied, then the connection is cut without an answer.
    DropAfterApplying,
    /// This status is answered and nothing is applied.
    FailBeforeApplying {
        /// 500 to 599.
        status: u16,
    },
    /// The request is applied, and this status is answered all the same.
    FailAfterApplying {
        /// 500 to 599.
        status: u16,
    },
    /// 429 with `Retry-After`, as if somebody else had used the pool up.
    TooManyRequests {
        /// Whole seconds.
        retry_after_s: u32,
    },
    /// The answer comes this much later, in real time; then all is well.
    Stall {
        /// Milliseconds.
        for_ms: u64,
    },
    /// The request is answered as accepted, and nothing is applied: what an ambiguous deletion looks like. Only
    /// for Braze.
    AcceptWithoutApplying,
    /// A deletion is applied, and the profile is made anew so much later, by an app that still sends. Only
    /// for Braze's `/users/delete`.
    ComeBack {
        /// Milliseconds.
        after_ms: u64,
    },
    /// The key is refused.
    Unauthorized,
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Each request.
    #[default]
    Always,
    /// The n-th request, the 2n-th, and so on.
    Every(u64),
    /// With this probability, between 0 and 1.
    Chance(f64),
}

/// The faults with their counts.
#[derive(Debug, Default)]
pub(super) struct Striker {
    seed: u64,
    armed: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    struck: u64,
}

impl Striker {
    /// Faults whose counts start at nothing.
    pub fn new(seed: u64, faults: Faults) -> Striker {
        let armed = faults.faults.into_iter().map(|fault| Armed { fault, seen: 0, struck: 0 }).collect();
        Striker { seed, armed }
    }

    /// What goes wrong with the next request of a path, if anything.
    pub fn strike(&mut self, path: &str) -> Option<Effect> {
        let mut chosen = None;
        for (number, armed) in self.armed.iter_mut().enumerate() {
            if armed.fault.path.as_deref().is_some_and(|only| only != path) {
                continue;
            }
            armed.seen += 1;
            let is_spent = armed.fault.at_most.is_some_and(|most| armed.struck >= most);
            let is_due = match armed.fault.when {
                When::Always => true,
                When::Every(n) => armed.seen.is_multiple_of(n.max(1)),
                When::Chance(probability) => {
                    share(mixed(self.seed ^ mixed(0, number as u64), armed.seen)) < probability
                }
            };
            if chosen.is_none() && is_due && !is_spent {
                armed.struck += 1;
                chosen = Some(armed.fault.effect);
            }
        }
        chosen
    }
}

/// A drawn number as a share of one.
fn share(drawn: u64) -> f64 {
    f64::from(u32::try_from(drawn >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_request_of_one_path_fails_and_twice_at_most() {
        let fault = Fault::new(Effect::Unauthorized).on("/users/track").every(3).at_most(2);
        let mut striker = Striker::new(1, Faults { faults: vec![fault] });

        assert_eq!(striker.strike("/users/delete"), None);
        let struck: Vec<bool> = (0..12).map(|_| striker.strike("/users/track").is_some()).collect();

        assert_eq!(struck.iter().filter(|hit| **hit).count(), 2);
        assert!(struck[2] && struck[5]);
    }

    #[test]
    fn chance_follows_from_the_seed() {
        let drawn = |seed| {
            let fault = Fault::new(Effect::DropAfterApplying).by_chance(0.5);
            let mut striker = Striker::new(seed, Faults { faults: vec![fault] });
            (0..200).map(|_| striker.strike("/").is_some()).collect::<Vec<bool>>()
        };
        let hits = drawn(7).iter().filter(|hit| **hit).count();

        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!((70..130).contains(&hits), "{hits} of 200");
    }
}
