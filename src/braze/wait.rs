//! When a request may be sent again, as the service asks.
//!
//! Braze documents three headers for it and two units for one of them (Braze docs, API limits and
//! "Create and update users"); the standard header wins because proxies send it.

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use super::Headers;

/// Longer waits are taken for nonsense: the longest window of any limit is an hour.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// A reset below this many seconds counts from now: as a time it would lie before 2001.
const FIRST_EPOCH: i64 = 1_000_000_000;

/// The moment the service asks to wait for; `None` when it asks for none that lies ahead.
pub(super) fn not_before(headers: &Headers, now: Timestamp) -> Option<Timestamp> {
    let asked = headers.retry_after.and_then(|text| after(text, now).or_else(|| date(text)));
    let asked = asked.or_else(|| after(headers.x_ratelimit_retry_after?, now));
    let asked = asked.or_else(|| reset(headers.x_ratelimit_reset?, now))?;
    (asked > now && asked.duration_since(now) <= LONGEST).then_some(asked)
}

fn after(text: &str, now: Timestamp) -> Option<Timestamp> {
    now.checked_add(SignedDuration::from_secs(seconds(text)?)).ok()
}

fn reset(text: &str, now: Timestamp) -> Option<Timestamp> {
    match seconds(text)? {
        relative if relative < FIRST_EPOCH => after(text, now),
        epoch => Timestamp::from_second(epoch).ok(),
    }
}

/// Whole seconds; a fraction is rounded up, so that nothing is sent earlier than asked.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let seconds: i64 = whole.parse().ok()?;
    let more = fraction.bytes().any(|digit| digit != b'0');
    (seconds >= 0).then(|| seconds.saturating_add(i64::from(more)))
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: Headers) -> Option<i64> {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        not_before(&headers, now).map(|at| at.as_second() - 1_800_000_000)
    }

    fn with_reset(text: &str) -> Headers<'_> {
        Headers { x_ratelimit_reset: Some(text), ..Headers::default() }
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let after = |text| asked(Headers { retry_after: Some(text), ..Headers::default() });

        assert_eq!(after("7"), Some(7));
        assert_eq!(after("1.5"), Some(2));
        assert_eq!(after("Fri, 15 Jan 2027 08:00:30 GMT"), Some(30));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn a_small_reset_counts_from_now_and_a_large_one_from_1970() {
        assert_eq!(asked(with_reset("3")), Some(3));
        assert_eq!(asked(with_reset("1800000060")), Some(60));
    }

    #[test]
    fn a_time_that_has_passed_or_is_absurd_is_no_wait() {
        assert_eq!(asked(with_reset("1799999999")), None);
        assert_eq!(asked(with_reset("1800000000000")), None);
        assert_eq!(asked(with_reset("99999999999999999999")), None);
    }

    #[test]
    fn the_standard_header_wins_over_the_others() {
        let headers = Headers {
            retry_after: Some("1"),
            x_ratelimit_retry_after: Some("2"),
            x_ratelimit_reset: Some("3"),
        };

        assert_eq!(asked(headers), Some(1));
        assert_eq!(asked(Headers { retry_after: Some("soon"), ..headers }), Some(2));
    }
}
