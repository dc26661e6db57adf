//! The forms in which OneTrust writes and reads moments; each endpoint takes its own and no other.
//!
//! Answers carry milliseconds and `Z`. Filters differ: whole days as `yyyyMMdd` for requests,
//! milliseconds for subtasks, and for consent days or seconds without a zone, read here as UTC, which
//! OneTrust does not say (OneTrust's OpenAPI, the query parameters of each operation).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// A moment as answers show it: `2026-11-22T08:00:00.000Z`.
pub(super) fn shown(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    format!("{at:.3}")
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`, the only form that subtask filters take.
pub(super) fn with_millis(text: &str) -> Option<i64> {
    let is_form = text.len() == 24 && text.as_bytes().get(19) == Some(&b'.') && text.ends_with('Z');
    if !is_form {
        return None;
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// The start of a `yyyyMMdd`.
pub(super) fn day(text: &str) -> Option<i64> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = jiff::civil::Date::strptime("%Y%m%d", text).ok()?;
    in_utc(date.at(0, 0, 0, 0))
}

/// `yyyy-MM-dd` or `yyyy-MM-ddTHH:mm:ss`, without a zone.
pub(super) fn zoneless(text: &str) -> Option<i64> {
    let form = match text.len() {
        10 => "%Y-%m-%d",
        19 => "%Y-%m-%dT%H:%M:%S",
        _ => return None,
    };
    if text.len() == 10 {
        return in_utc(jiff::civil::Date::strptime(form, text).ok()?.at(0, 0, 0, 0));
    }
    in_utc(DateTime::strptime(form, text).ok()?)
}

/// RFC 3339 with `Z` (`2026-11-22T08:00:00Z`).
pub(super) fn zoned(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().filter(|_| text.ends_with('Z')).map(Timestamp::as_millisecond)
}

/// Either of the two: without a zone, or RFC 3339 (the v4 consent endpoints type it so and show it
/// without a zone).
pub(super) fn either(text: &str) -> Option<i64> {
    zoneless(text).or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond))
}

fn in_utc(at: DateTime) -> Option<i64> {
    at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_no_other() {
        let at = 1_795_334_400_123;

        assert_eq!(shown(at), "2026-11-22T08:00:00.123Z");
        assert_eq!(with_millis("2026-11-22T08:00:00.123Z"), Some(at));
        assert_eq!(with_millis("2026-11-22T08:00:00Z"), None);
        assert_eq!(zoneless("2026-11-22T08:00:00"), Some(at - 123));
        assert_eq!(zoneless("2026-11-22T08:00:00Z"), None);
        assert_eq!(either("2026-11-22T08:00:00Z"), Some(at - 123));
        assert_eq!(zoneless("2026-11-22"), day("20261122"));
        assert_eq!((day("2026-11-22"), day("20261340")), (None, None));
    }
}
