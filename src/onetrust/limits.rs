//! How much OneTrust may be asked: per account and hour, and per endpoint and minute.
//!
//! OneTrust counts for itself and tells nothing until a limit is used up (OneTrust docs, "Rate limits
//! overview"), so all requests of this process to one account pass here, whoever makes them. This
//! decides and never waits; moments are steady time of the caller's clock, counted from any zero.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::catalogue;
use crate::config::{Limit, Profile};
use crate::reply::{self, Cause, Headers};
use crate::wire::{Answer, Grant, Limiter};

/// What an account may be asked in an hour (OneTrust docs, "Rate limits overview"). A sandbox of
/// OneTrust's allows a quarter; settings say so.
const ACCOUNT: Limit = Limit { requests: 200_000, per: Duration::from_secs(3600) };

/// What one endpoint may be asked in a minute (the same page).
const ENDPOINT: Limit = Limit { requests: 1_000, per: Duration::from_secs(60) };

/// No rest is longer, whatever an answer says: longer than the longest window, and not for ever.
const LONGEST_REST: Duration = Duration::from_secs(24 * 3600);

/// The limits that one profile states.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    account: Limit,
    endpoint: Limit,
    /// By endpoint.
    own: HashMap<String, Limit>,
    share: f64,
}

impl Rates {
    /// Name of the limit of the whole account in the settings.
    pub const ACCOUNT: &str = Profile::LIMIT_OF_ACCOUNT;
    /// Name of the limit of every endpoint.
    pub const ENDPOINT: &str = Profile::LIMIT_OF_ENDPOINT;

    /// As the settings of a profile say: `account`, `endpoint`, or the id of an action for its endpoint.
    pub fn of(profile: &Profile) -> Rates {
        let limit = |name: &str| profile.limits.get(name).copied();
        let own = profile.limits.iter().filter_map(|(id, limit)| {
            let action = catalogue::find(&format!("onetrust/{id}"))?;
            Some((endpoint(action.method.word(), &action.path), *limit))
        });
        Rates {
            account: limit(Rates::ACCOUNT).unwrap_or(ACCOUNT),
            endpoint: limit(Rates::ENDPOINT).unwrap_or(ENDPOINT),
            own: own.collect(),
            share: profile.share,
        }
    }

    /// As OneTrust documents them, all of which may be used.
    pub fn documented() -> Rates {
        Rates { account: ACCOUNT, endpoint: ENDPOINT, own: HashMap::new(), share: 1.0 }
    }

    fn of_account(&self) -> Limiter {
        Limiter::new(self.account.requests, self.account.per, self.share)
    }

    fn of_endpoint(&self, name: &str) -> Limiter {
        let limit = self.own.get(name).unwrap_or(&self.endpoint);
        Limiter::new(limit.requests, limit.per, self.share)
    }
}

/// The name of an endpoint: what stands in the places of its path does not matter.
pub fn endpoint(method: &str, path: &str) -> String {
    let mut name = format!("{method} ");
    let mut is_inside = false;
    for letter in path.chars() {
        if !is_inside || letter == '}' {
            name.push(letter);
        }
        is_inside = letter == '{' || (is_inside && letter != '}');
    }
    name
}

/// What a limit that is used up counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Requests to one endpoint in a minute: that endpoint rests.
    Minute,
    /// Requests of the account in an hour: all of it rests.
    Hour,
}

impl Period {
    /// Which limit an answer says is used up (header `ot-period`).
    pub fn of(answer: &Answer) -> Period {
        match answer.header("ot-period").map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("hour") => Period::Hour,
            Some(_) | None => Period::Minute,
        }
    }

    /// How long from now a 429 asks to be left alone; the length of the period if it does not say.
    pub(super) fn rest(self, answer: &Answer, now: Timestamp) -> Duration {
        let headers = Headers {
            retry_after: answer.header("retry-after"),
            ot_period: answer.header("ot-period"),
            date: answer.header("date"),
            ..Headers::default()
        };
        let length = match self {
            Period::Minute => ENDPOINT.per,
            Period::Hour => ACCOUNT.per,
        };
        let told = reply::not_before(&headers, Cause::Limited, now);
        let told = told.and_then(|then| Duration::try_from(then.duration_since(now)).ok());
        told.unwrap_or(length).min(LONGEST_REST)
    }
}

/// The limits of one account; shared by all who ask it.
pub struct Limits {
    state: Mutex<State>,
}

struct State {
    stated: Vec<Rates>,
    account: Limiter,
    endpoints: HashMap<String, Limiter>,
}

impl Limits {
    /// Limits as a profile states them.
    pub fn new(rates: Rates) -> Limits {
        let account = rates.of_account();
        Limits { state: Mutex::new(State { stated: vec![rates], account, endpoints: HashMap::new() }) }
    }

    /// Another profile of the same account states its own: for everything the lower one holds.
    pub fn lower_to(&self, rates: Rates) {
        let mut state = self.locked();
        if state.stated.contains(&rates) {
            return;
        }
        state.account.lower_to(rates.of_account());
        for (name, limiter) in &mut state.endpoints {
            limiter.lower_to(rates.of_endpoint(name));
        }
        state.stated.push(rates);
    }

    /// May a request to this endpoint leave now? After [`Grant::Now`] it must, and must be settled.
    pub fn reserve(&self, endpoint: &str, now: Duration) -> Grant {
        let mut state = self.locked();
        // The endpoint is asked on a copy: a place that the account does not give is not taken there.
        let mut limiter = state.endpoint(endpoint).clone();
        match limiter.reserve(now) {
            Grant::At(at) => Grant::At(at),
            Grant::Now => match state.account.reserve(now) {
                Grant::At(at) => Grant::At(at),
                Grant::Now => {
                    *state.endpoint(endpoint) = limiter;
                    Grant::Now
                }
            },
        }
    }

    /// A request that was granted at `left` ended at `now`.
    pub fn settle(&self, endpoint: &str, left: Duration, now: Duration) {
        let mut state = self.locked();
        state.account.settle(left, now);
        state.endpoint(endpoint).settle(left, now);
    }

    /// A request to this endpoint was refused for its rate: nothing of that period leaves before `until`.
    pub fn rest(&self, endpoint: &str, period: Period, until: Duration) {
        let mut state = self.locked();
        match period {
            Period::Minute => state.endpoint(endpoint).penalise(until),
            Period::Hour => state.account.penalise(until),
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The limiter of an endpoint, made when it is first asked for.
    fn endpoint(&mut self, name: &str) -> &mut Limiter {
        if !self.endpoints.contains_key(name) {
            let stated = self.stated.iter().fold(Limiter::unlimited(), |mut lowest, rates| {
                lowest.lower_to(rates.of_endpoint(name));
                lowest
            });
            self.endpoints.insert(name.to_owned(), stated);
        }
        self.endpoints.entry(name.to_owned()).or_insert_with(Limiter::unlimited)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_800_000_000);
    const GET: &str = "GET /api/datasubject/v2/subtasks/{}";

    fn rates(account: u32, endpoint: u32) -> Rates {
        Rates {
            account: Limit { requests: account, ..ACCOUNT },
            endpoint: Limit { requests: endpoint, ..ENDPOINT },
            ..Rates::documented()
        }
    }

    /// How many of these endpoints, asked in turn, are granted within so long.
    fn granted(limits: &Limits, endpoints: &[&str], from: Duration, within: Duration) -> usize {
        let mut now = from;
        let mut granted = 0;
        while now < from + within {
            match limits.reserve(endpoints[granted % endpoints.len()], now) {
                Grant::Now => {
                    limits.settle(endpoints[granted % endpoints.len()], now, now);
                    granted += 1;
                }
                Grant::At(at) => now = at,
            }
        }
        granted
    }

    #[test]
    fn an_endpoint_has_its_limit_and_the_account_one_over_all() {
        let minute = Duration::from_secs(60);

        let of_one = granted(&Limits::new(rates(200_000, 1000)), &["GET /a"], START, minute);
        let of_two = granted(&Limits::new(rates(200_000, 1000)), &["GET /a", "GET /b"], START, minute);
        let of_account = granted(&Limits::new(rates(600, 1000)), &["GET /a", "GET /b"], START, minute * 60);

        assert!((950..=1000).contains(&of_one), "{of_one}");
        assert!((1900..=2000).contains(&of_two), "{of_two}");
        assert!((570..=600).contains(&of_account), "{of_account}");
    }

    #[test]
    fn a_place_that_the_account_does_not_give_is_not_taken_from_the_endpoint() {
        let limits = Limits::new(Rates { share: 0.8, ..rates(10, 1000) });
        limits.rest("GET /b", Period::Hour, START + Duration::from_secs(60));

        for second in 0..60 {
            assert_ne!(limits.reserve("GET /a", START + Duration::from_secs(second)), Grant::Now);
        }

        assert_eq!(limits.locked().endpoint("GET /a").reserve(START + Duration::from_secs(60)), Grant::Now);
    }

    #[test]
    fn a_minute_rests_one_endpoint_and_an_hour_all_of_them() {
        let limits = Limits::new(Rates { share: 0.5, ..rates(200_000, 1000) });
        let until = START + Duration::from_secs(40);

        limits.rest(GET, Period::Minute, until);
        assert_eq!(limits.reserve(GET, START), Grant::At(until));
        assert_eq!(limits.reserve("GET /other", START), Grant::Now);

        limits.rest(GET, Period::Hour, until);
        assert_eq!(limits.reserve("GET /other", START), Grant::At(until));
    }

    #[test]
    fn the_lower_of_what_two_profiles_of_an_account_state_holds() {
        let limits = Limits::new(rates(200_000, 1000));
        limits.lower_to(rates(200_000, 100));
        limits.lower_to(rates(200_000, 500));

        let granted = granted(&limits, &["GET /a"], START, Duration::from_secs(60));

        assert!((95..=100).contains(&granted), "{granted}");
    }

    #[test]
    fn an_endpoint_is_the_same_whatever_its_places_are_called() {
        assert_eq!(endpoint("GET", "/api/datasubject/v2/subtasks/{subtask_id}"), GET);
        assert_eq!(endpoint("GET", "/api/datasubject/v2/subtasks/{subtaskID}"), GET);
        assert_eq!(endpoint("PUT", "/a/{x}/b/{y}"), "PUT /a/{}/b/{}");
    }
}
