//! When a schedule is due: a cron pattern in a time zone.
//!
//! It holds no clock: who asks gives the moment after which. A pattern that never comes, such as the
//! thirtieth of February, is refused when it is read, so [`Cron::next_after`] ends only with the calendar.

use std::fmt;

use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Longer patterns come only from files made to be slow to read.
const LONGEST: usize = 200;

/// A cron pattern of five fields (minute, hour, day of month, month, day of week) in a time zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    pattern: croner::Cron,
    timezone: TimeZone,
    text: String,
}

/// Why a pattern or a time zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields, or a field that is out of its range.
    #[error("`{text}` is no cron pattern: {reason}")]
    Pattern {
        /// As written.
        text: String,
        /// In the words of the parser.
        reason: String,
    },
    /// No calendar has such a day.
    #[error("`{text}` never comes")]
    Never {
        /// As written.
        text: String,
    },
    /// Not in the time zone database.
    #[error("`{name}` is no time zone")]
    TimeZone {
        /// As written.
        name: String,
        /// The nearest name that exists.
        closest: Option<String>,
    },
}

impl Cron {
    /// Reads a pattern and the IANA name of a time zone.
    pub fn parse(text: &str, timezone: &str) -> Result<Cron, CronError> {
        let refused = |reason: &str| CronError::Pattern { text: shortened(text), reason: reason.to_owned() };
        if text.len() > LONGEST {
            return Err(refused("it is longer than 200 characters"));
        }
        let fields = text.split_whitespace().count();
        if !text.trim_start().starts_with('@') && fields != 5 {
            return Err(refused(&format!("it has {fields} of the five fields")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(text).map_err(|error| refused(&plain(&error.to_string())))?;
        let cron = Cron { pattern, timezone: zone(timezone)?, text: text.trim().to_owned() };
        // Any day that exists comes within the eight years between two leap days around a century.
        if cron.next_after(Timestamp::UNIX_EPOCH).is_none() {
            return Err(CronError::Never { text: text.to_owned() });
        }
        Ok(cron)
    }

    /// The first time it is due after a moment. A time that a change of clocks leaves out is due when
    /// the clocks have changed; one that comes twice is due once.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let zoned = moment.to_zoned(self.timezone.clone());
        self.pattern.find_next_occurrence(&zoned, false).ok().map(|next| next.timestamp())
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of its time zone.
    pub fn timezone(&self) -> &str {
        self.timezone.iana_name().unwrap_or("UTC")
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({} {})", self.text, self.timezone())
    }
}

/// A time zone by its IANA name.
fn zone(name: &str) -> Result<TimeZone, CronError> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let closest = crate::source::closest(name, known.iter().map(String::as_str)).map(str::to_owned);
        CronError::TimeZone { name: shortened(name), closest }
    })
}

/// What a message shows of a long text.
fn shortened(text: &str) -> String {
    if text.len() <= LONGEST { text.to_owned() } else { text.chars().take(40).chain(['…']).collect() }
}

/// The parser's words as a fragment of a sentence.
fn plain(message: &str) -> String {
    let words = message.split_once(": ").map_or(message, |(_, words)| words).trim_end_matches('.');
    let mut letters = words.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(text: &str, timezone: &str, after: &str) -> String {
        let cron = Cron::parse(text, timezone).unwrap();
        cron.next_after(after.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_schedule_is_due_by_the_clock_of_its_time_zone() {
        assert_eq!(next("0 3 * * *", "Europe/Paris", "2026-07-01T12:00:00Z"), "2026-07-02T01:00:00Z");
        assert_eq!(next("0 3 * * *", "Europe/Paris", "2026-12-01T12:00:00Z"), "2026-12-02T02:00:00Z");
        assert_eq!(next("*/15 * * * 1-5", "UTC", "2026-11-20T23:50:00Z"), "2026-11-23T00:00:00Z");
    }

    #[test]
    fn a_moment_that_is_due_comes_after_itself_only_at_the_next_time() {
        assert_eq!(next("0 3 * * *", "UTC", "2026-07-01T03:00:00Z"), "2026-07-02T03:00:00Z");
    }

    #[test]
    fn a_daily_time_is_due_once_on_days_when_clocks_change() {
        // Given the last Sundays of March and October, when two o'clock is left out and comes twice
        let cron = Cron::parse("30 2 * * *", "Europe/Paris").unwrap();
        for day in ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"] {
            let mut at: Timestamp = day.parse().unwrap();
            let end = at + jiff::SignedDuration::from_hours(26);
            let mut times = 0;
            while let Some(next) = cron.next_after(at).filter(|next| *next < end) {
                (at, times) = (next, times + 1);
            }
            assert_eq!(times, 1, "{day}");
        }
    }

    #[test]
    fn a_pattern_that_is_wrong_says_how() {
        let said = |text: &str| Cron::parse(text, "UTC").unwrap_err().to_string();
        assert_eq!(said("0 3 * *"), "`0 3 * *` is no cron pattern: it has 4 of the five fields");
        assert!(
            said("0 25 * * *").starts_with("`0 25 * * *` is no cron pattern: "),
            "{}",
            said("0 25 * * *")
        );
        assert_eq!(said("0 0 30 2 *"), "`0 0 30 2 *` never comes");
    }

    #[test]
    fn a_slip_in_a_time_zone_finds_the_one_that_was_meant() {
        let error = Cron::parse("0 3 * * *", "Europe/Pariss").unwrap_err();
        assert_eq!(
            error,
            CronError::TimeZone {
                name: "Europe/Pariss".to_owned(),
                closest: Some("Europe/Paris".to_owned())
            }
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[-0-9*/,LWJANFEBMONDYL#?@a-z ]{0,40}", zone in ".{0,20}") {
            drop(Cron::parse(&text, &zone));
            drop(Cron::parse(&text, "UTC"));
        }
    }
}
