//! The rate limits of the look-alike: of the whole account by the hour, of each endpoint by the minute.
//!
//! Nothing tells how much is left; only a refusal says what the limit is (OneTrust developer portal,
//! "Rate limits overview"). Windows are taken as aligned to the clock, which the page does not say.

use std::collections::HashMap;

use super::route::Route;

/// The limits that are enforced; none where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests of all endpoints in an hour.
    pub account_per_hour: Option<u32>,
    /// Requests of each endpoint in a minute.
    pub endpoint_per_minute: Option<u32>,
}

impl Limits {
    /// Those of a production tenant.
    pub fn documented() -> Limits {
        Limits { account_per_hour: Some(200_000), endpoint_per_minute: Some(1_000) }
    }

    /// Those of a sandbox tenant of OneTrust's.
    pub fn of_a_trial_tenant() -> Limits {
        Limits { account_per_hour: Some(50_000), endpoint_per_minute: Some(250) }
    }

    /// None at all.
    pub fn off() -> Limits {
        Limits { account_per_hour: None, endpoint_per_minute: None }
    }
}

/// Why a request has to wait, as the headers of a 429 say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub allowed: u32,
    /// `MINUTE` or `HOUR`.
    pub period: &'static str,
    pub made: u32,
    /// Whole seconds, at least one.
    pub retry_after_s: u32,
}

/// How much of the current windows is used.
#[derive(Debug, Default)]
pub(super) struct Windows {
    account: Window,
    endpoints: HashMap<&'static str, Window>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Window {
    start_s: i64,
    made: u32,
}

impl Window {
    fn take(&mut self, allowed: u32, period: &'static str, per_s: i64, now_s: i64) -> Result<(), Exceeded> {
        let start_s = now_s - now_s.rem_euclid(per_s);
        if self.start_s != start_s {
            *self = Window { start_s, made: 0 };
        }
        self.made = self.made.saturating_add(1);
        if self.made <= allowed {
            return Ok(());
        }
        let left_s = u32::try_from(start_s + per_s - now_s).unwrap_or(1).max(1);
        Err(Exceeded { allowed, period, made: self.made, retry_after_s: left_s })
    }
}

impl Windows {
    /// Takes one request; refused ones count, too.
    pub fn take(&mut self, limits: Limits, route: Route, now_ms: i64) -> Result<(), Exceeded> {
        let now_s = now_ms.div_euclid(1000);
        if let Some(allowed) = limits.account_per_hour {
            self.account.take(allowed, "HOUR", 3600, now_s)?;
        }
        if let Some(allowed) = limits.endpoint_per_minute {
            self.endpoints.entry(route.path()).or_default().take(allowed, "MINUTE", 60, now_s)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_minute_of_its_own_and_all_share_the_hour() {
        let limits = Limits { account_per_hour: Some(4), endpoint_per_minute: Some(2) };
        let mut windows = Windows::default();
        let mut take = |route, now_ms| windows.take(limits, route, now_ms).err();

        assert_eq!((take(Route::Users, 50_000), take(Route::Users, 50_000)), (None, None));
        let refused = Exceeded { allowed: 2, period: "MINUTE", made: 3, retry_after_s: 10 };
        assert_eq!(take(Route::Users, 50_000), Some(refused));
        assert_eq!(take(Route::Resolutions, 50_000), None);
        let refused = Exceeded { allowed: 4, period: "HOUR", made: 5, retry_after_s: 3540 };
        assert_eq!(take(Route::Users, 60_000), Some(refused));
        assert_eq!(take(Route::Users, 3_600_000), None);
    }
}
