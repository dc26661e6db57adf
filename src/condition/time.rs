//! Times and durations of CEL, in UTC.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// `1h30m`, `1.5s`, `-200ms`, also `30d` as in the rest of a workflow.
pub(super) fn span(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut nanoseconds = 0_i128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (count, after) = rest.split_at_checked(unit_at)?;
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        nanoseconds = nanoseconds.checked_add(times(count, unit)?)?;
        rest = after;
    }
    SignedDuration::try_from_nanos_i128(if negative { -nanoseconds } else { nanoseconds })
}

/// A decimal number of units.
fn times(count: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = count.split_once('.').unwrap_or((count, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 18 || whole.len() > 18 {
        return None;
    }
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
    let digits = u32::try_from(fraction.len()).ok()?;
    number(whole)?.checked_mul(unit)?.checked_add(number(fraction)?.checked_mul(unit)? / 10_i128.pow(digits))
}

/// `90s`, `1.5s`.
pub(super) fn span_text(span: SignedDuration) -> String {
    let sign = if span.is_negative() { "-" } else { "" };
    let span = span.unsigned_abs();
    match span.subsec_nanos() {
        0 => format!("{sign}{}s", span.as_secs()),
        nanoseconds => {
            let fraction = format!("{nanoseconds:09}");
            format!("{sign}{}.{}s", span.as_secs(), fraction.trim_end_matches('0'))
        }
    }
}

/// A part of a time, in UTC, as CEL counts it: months, days of the month by `getDayOfMonth` and days of
/// the year from 0, days of the week from Sunday.
pub(super) fn part(time: Timestamp, name: &str) -> Option<i64> {
    let time: Zoned = time.to_zoned(TimeZone::UTC);
    Some(match name {
        "getFullYear" => time.year().into(),
        "getMonth" => i64::from(time.month()) - 1,
        "getDate" => time.day().into(),
        "getDayOfMonth" => i64::from(time.day()) - 1,
        "getDayOfWeek" => time.weekday().to_sunday_zero_offset().into(),
        "getDayOfYear" => i64::from(time.day_of_year()) - 1,
        "getHours" => time.hour().into(),
        "getMinutes" => time.minute().into(),
        "getSeconds" => time.second().into(),
        "getMilliseconds" => time.millisecond().into(),
        _ => return None,
    })
}

/// A duration in whole units; milliseconds are those of the last second.
pub(super) fn span_part(span: SignedDuration, name: &str) -> Option<i64> {
    Some(match name {
        "getHours" => span.as_hours(),
        "getMinutes" => span.as_mins(),
        "getSeconds" => span.as_secs(),
        "getMilliseconds" => span.subsec_millis().into(),
        _ => return None,
    })
}
