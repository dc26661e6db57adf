//! When a request may be sent again, as the service asks.
//!
//! Braze documents three headers for it and two units for one of them (Braze docs, API limits and
//! "Create and update users"), OneTrust the standard one and how long its window is (OneTrust docs, "Rate
//! limits"). Proxies send the standard one, too, and may know less: of two that say when, the later counts. A moment
//! that the service names is a moment of its own clock: when the answer says what time it is there, what is left
//! is taken from that, whole seconds counted against us. So nothing is asked earlier than told, however
//! the two clocks differ.

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use super::{Cause, Headers};

/// A window that ends later than this is taken for nonsense: the longest of any limit is an hour.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// A reset below this many seconds counts from now: as a time it would lie before 2001.
const FIRST_EPOCH: i64 = 1_000_000_000;

/// The moment the service asks to wait for; `None` when it asks for none that lies ahead. The end of the
/// window is meant only where the limit was why.
pub fn not_before(headers: &Headers, cause: Cause, now: Timestamp) -> Option<Timestamp> {
    let standard = headers.retry_after.and_then(|text| after(text, now).or_else(|| date(text, headers, now)));
    let own = headers.x_ratelimit_retry_after.and_then(|text| after(text, now));
    // The later one: nothing is asked earlier than told by any.
    let asked = standard.max(own);
    let asked = asked.or_else(|| window_ends(headers, now).filter(|_| cause == Cause::Limited));
    let asked = asked.or_else(|| period(headers, now).filter(|_| cause == Cause::Limited))?;
    (asked > now).then_some(asked)
}

/// When the service begins to count anew, by our clock; `None` if it does not say, or nothing that lies
/// ahead.
pub(super) fn window_ends(headers: &Headers, now: Timestamp) -> Option<Timestamp> {
    let text = headers.x_ratelimit_reset?;
    let ends = match seconds(text)? {
        relative if relative < FIRST_EPOCH => after(text, now),
        epoch => Timestamp::from_second(epoch).ok().and_then(|then| by_our_clock(then, headers, now)),
    }?;
    (ends > now && ends.duration_since(now) <= LONGEST_WINDOW).then_some(ends)
}

/// A window of which only the length is told may have begun just now.
fn period(headers: &Headers, now: Timestamp) -> Option<Timestamp> {
    let length = match headers.ot_period?.trim() {
        "MINUTE" => SignedDuration::from_mins(1),
        "HOUR" => SignedDuration::from_hours(1),
        _ => return None,
    };
    now.checked_add(length).ok()
}

fn after(text: &str, now: Timestamp) -> Option<Timestamp> {
    now.checked_add(SignedDuration::from_secs(seconds(text)?)).ok()
}

fn date(text: &str, headers: &Headers, now: Timestamp) -> Option<Timestamp> {
    by_our_clock(moment(text)?, headers, now)
}

/// A date as HTTP has them (RFC 9110, 5.6.7: three forms, of which two are obsolete and understood all the same), or
/// as mails do.
fn moment(text: &str) -> Option<Timestamp> {
    let http = httpdate::parse_http_date(text.trim()).ok().and_then(|at| Timestamp::try_from(at).ok());
    http.or_else(|| DateTimeParser::new().parse_timestamp(text).ok())
}

/// A moment of the service's clock.
fn by_our_clock(then: Timestamp, headers: &Headers, now: Timestamp) -> Option<Timestamp> {
    let their_now = headers.date.and_then(moment);
    now.checked_add(then.duration_since(their_now.unwrap_or(now))).ok()
}

/// Whole seconds; a fraction is rounded up, so that nothing is sent earlier than asked.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let seconds: i64 = whole.parse().ok()?;
    let more = fraction.bytes().any(|digit| digit != b'0');
    (seconds >= 0).then(|| seconds.saturating_add(i64::from(more)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: Headers) -> Option<i64> {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        not_before(&headers, Cause::Limited, now).map(|at| at.as_second() - 1_800_000_000)
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
        assert_eq!(after("Friday, 15-Jan-27 08:00:30 GMT"), Some(30));
        assert_eq!(after("Fri Jan 15 08:00:30 2027"), Some(30));
        assert_eq!(after("Fri, 15 Jan 2027 10:00:30 +0200"), Some(30));
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
    fn of_two_that_say_when_the_later_moment_counts() {
        let headers = Headers {
            retry_after: Some("1"),
            x_ratelimit_retry_after: Some("2"),
            x_ratelimit_reset: Some("3"),
            ..Headers::default()
        };

        assert_eq!(asked(headers), Some(2), "the end of the window may be that of another, longer one");
        assert_eq!(asked(Headers { retry_after: Some("5"), ..headers }), Some(5));
        assert_eq!(asked(Headers { retry_after: Some("soon"), ..headers }), Some(2));
    }
    #[test]
    fn a_moment_counts_from_what_time_it_is_for_the_service() {
        // Its clock is ten minutes behind ours, and told in whole seconds.
        let date = Some("Fri, 15 Jan 2027 07:50:00 GMT");
        let headers = |retry_after, x_ratelimit_reset| Headers {
            retry_after,
            x_ratelimit_reset,
            date,
            ..Headers::default()
        };

        assert_eq!(asked(headers(Some("Fri, 15 Jan 2027 07:50:04 GMT"), None)), Some(4));
        assert_eq!(asked(headers(None, Some("1799999407"))), Some(7));
        assert_eq!(asked(headers(None, Some("7"))), Some(7));
        assert_eq!(asked(headers(None, Some("1799999400"))), None);
    }

    #[test]
    fn a_service_that_is_out_of_order_is_not_held_to_the_end_of_a_window() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let unavailable = |headers| not_before(&headers, Cause::Unavailable, now);

        assert_eq!(unavailable(with_reset("3000")), None);
        let told = Headers { retry_after: Some("2"), ..with_reset("3000") };
        assert_eq!(unavailable(told).map(|at| at.as_second()), Some(1_800_000_002));
    }

    #[test]
    fn a_window_of_which_only_the_length_is_told_is_waited_for_in_full() {
        let told = |period| asked(Headers { ot_period: Some(period), ..Headers::default() });

        assert_eq!(told("MINUTE"), Some(60));
        assert_eq!(told("HOUR"), Some(3600));
        assert_eq!(told("DAY"), None);
        let both = Headers { retry_after: Some("7"), ot_period: Some("HOUR"), ..Headers::default() };
        assert_eq!(asked(both), Some(7));
    }

    #[test]
    fn a_long_wait_that_is_asked_for_is_a_wait() {
        assert_eq!(asked(Headers { retry_after: Some("864000"), ..Headers::default() }), Some(864_000));
    }
}
