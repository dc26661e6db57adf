//! When a list is read from further back than usual, for rows that show long after they are dated.
//!
//! OneTrust dates a change when it was made, not when it was saved, and says nowhere how much later a row
//! may show. So once a day a pass begins some days back; what was taken before is known and starts nothing.
//! It never goes to before the first look: that was promised to nobody.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::place::before;
use crate::journal::Cursor;

/// How often.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// When a list was last read from further back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookBack {
    /// Where the very first look began.
    began: Timestamp,
    /// By our clock.
    at: Timestamp,
}

impl LookBack {
    /// Of a list whose first look begins now.
    pub fn new(began: Timestamp, now: Timestamp) -> LookBack {
        LookBack { began, at: now }
    }

    /// What a cursor says; one that cannot be read says that a look is due.
    pub fn read(value: &str, since: Timestamp) -> LookBack {
        let unreadable = LookBack { began: since, at: Timestamp::MIN };
        serde_json::from_str(value).unwrap_or(unreadable)
    }

    /// The cursor that says it.
    pub fn cursor(&self, name: String) -> Cursor {
        // A struct of dates always becomes JSON.
        Cursor { name, value: serde_json::to_string(self).unwrap_or_default() }
    }

    /// Whether the next pass begins further back; a clock that was set back makes it so.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) >= EVERY || self.at > now
    }

    /// Where such a pass begins, if that is further back than `usual`.
    pub fn from(&self, since: Timestamp, by: Duration, usual: Timestamp) -> Timestamp {
        before(since, by).max(self.began).min(usual)
    }

    /// The same after a pass that ended now.
    #[must_use]
    pub fn done(&self, now: Timestamp) -> LookBack {
        LookBack { began: self.began, at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}:00:00Z").parse().unwrap()
    }

    #[test]
    fn once_a_day_is_often_enough_and_a_clock_that_was_set_back_makes_it_due() {
        let mark = LookBack::new(at("01T00"), at("10T12"));

        assert!(!mark.is_due(at("11T11")) && mark.is_due(at("11T12")) && mark.is_due(at("09T00")));
        assert!(!mark.done(at("11T12")).is_due(at("12T11")));
        assert!(LookBack::read("nonsense", at("01T00")).is_due(at("01T00")));
        assert_eq!(LookBack::read(&mark.cursor("x".to_owned()).value, at("05T00")), mark);
    }

    #[test]
    fn a_pass_begins_further_back_but_never_before_the_first_look_and_never_later_than_usual() {
        let mark = LookBack::new(at("09T00"), at("09T00"));
        let days = |days: u64| Duration::from_secs(days * 86_400);

        assert_eq!(mark.from(at("20T10"), days(2), at("20T09")), at("18T10"));
        assert_eq!(mark.from(at("10T10"), days(2), at("10T09")), at("09T00"));
        assert_eq!(mark.from(at("09T00"), days(2), at("08T23")), at("08T23"));
        assert_eq!(mark.from(at("20T10"), Duration::ZERO, at("20T09")), at("20T09"));
    }
}
