//! OneTrust's dates as RFC 3339.
//!
//! They come with none to nine digits of a second's fraction, with `Z`, with an offset with or without a
//! colon, or with no zone at all, which is taken as UTC; pushed events write seconds since 1970 as text.
//! The digits that were written stay, because freshness is compared at the coarser precision of two times.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::json;
use crate::request::Moment;

/// More digits than a nanosecond has are cut off.
const MOST_DIGITS: usize = 9;
/// Counts from here on are milliseconds: as seconds they would lie beyond the year 5000.
const LEAST_MILLISECONDS: i64 = 100_000_000_000;

/// The first of these members that is a date, as RFC 3339.
pub(super) fn of(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| time(json::text(value, &[name])?))
}

/// A date as RFC 3339 with as many digits as were written; `None` for anything else.
pub fn time(text: &str) -> Option<String> {
    let (moment, digits) = parse(text)?;
    written(moment, digits)
}

/// The point in time that a date names.
pub fn moment(text: &str) -> Option<Timestamp> {
    parse(text).map(|(moment, _)| moment)
}

/// The first of these members that is seconds since 1970 written as text or number, or a date.
pub(super) fn of_epoch(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match value.get(name)? {
        Value::String(text) => epoch(text.trim()).or_else(|| time(text)),
        Value::Number(number) => epoch(&number.to_string()),
        _ => None,
    })
}

fn epoch(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > 16 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: i64 = text.parse().ok()?;
    if count >= LEAST_MILLISECONDS {
        return written(Timestamp::from_millisecond(count).ok()?, 3);
    }
    written(Timestamp::from_second(count).ok()?, 0)
}

fn parse(text: &str) -> Option<(Timestamp, usize)> {
    let text = text.trim();
    // Digits that count for nothing make a date long, but not longer than this.
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    // A zone stands behind the time of day, so the dashes of the date are none.
    let day = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let zone_at = text.get(day..)?.find(['Z', 'z', '+', '-']).map_or(text.len(), |at| day + at);
    let (time, zone) = text.split_at_checked(zone_at)?;
    let (whole, fraction) = time.split_once(['.', ',']).unwrap_or((time, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(MOST_DIGITS))?;
    let plain = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    let moment = if zone.is_empty() {
        TimeZone::UTC.to_timestamp(plain.parse::<DateTime>().ok()?).ok()?
    } else {
        format!("{plain}{}", with_colon(zone)).parse().ok()?
    };
    Some((moment, fraction.len()))
}

/// An offset as RFC 3339 writes it: `+0000` is `+00:00`.
fn with_colon(zone: &str) -> String {
    match zone.split_at_checked(3) {
        Some((hours, minutes)) if minutes.len() == 2 => format!("{hours}:{minutes}"),
        _ => zone.to_ascii_uppercase(),
    }
}

fn written(moment: Timestamp, digits: usize) -> Option<String> {
    let text = format!("{moment:.digits$}");
    Moment::parse(&text).is_some().then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_comes_out_with_the_digits_and_the_moment_that_were_written() {
        for (given, expected) in [
            ("2019-08-09T12:49:47.983Z", "2019-08-09T12:49:47.983Z"),
            ("2023-08-15T09:20:15Z", "2023-08-15T09:20:15Z"),
            ("2020-01-09T16:35:26.277+0000", "2020-01-09T16:35:26.277Z"),
            ("2024-01-30T22:45:20.009+00:00", "2024-01-30T22:45:20.009Z"),
            ("2024-01-30T22:45:20.100000-05:00", "2024-01-31T03:45:20.100000Z"),
            ("2024-01-01T00:00:00.000", "2024-01-01T00:00:00.000Z"),
            ("2024-01-01T00:00:00", "2024-01-01T00:00:00Z"),
            ("2024-01-01 10:00:00.123456789123", "2024-01-01T10:00:00.123456789Z"),
            ("2019-05-31", "2019-05-31T00:00:00Z"),
        ] {
            assert_eq!(time(given).as_deref(), Some(expected), "{given}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "soon", "2024-13-01T00:00:00Z", "1543832130", "2024-01-01T00:00:00.1x2Z", "٢٠٢٤-01-01"]
        {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_as_text_are_a_date_and_an_empty_text_is_none() {
        let fields = json!({"a": "1543832130", "b": "", "c": "1543832130123", "d": 1543832130});

        assert_eq!(of_epoch(&fields, &["a"]).as_deref(), Some("2018-12-03T10:15:30Z"));
        assert_eq!(of_epoch(&fields, &["b"]), None);
        assert_eq!(of_epoch(&fields, &["b", "c"]).as_deref(), Some("2018-12-03T10:15:30.123Z"));
        assert_eq!(of_epoch(&fields, &["d"]).as_deref(), Some("2018-12-03T10:15:30Z"));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_date_that_a_record_refuses(text in "[-0-9TtZz+:., ]{0,40}|.{0,80}") {
            for found in [time(&text), of_epoch(&json!({ "at": text }), &["at"])].into_iter().flatten() {
                prop_assert!(Moment::parse(&found).is_some(), "{}", found);
            }
        }
    }
}
