//! Times, in UTC. A time is RFC 3339 text, such as `now` and the times of a request.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::given::Given;
use crate::template::RenderError;

type Answer = Result<Value, RenderError>;

/// A time in a pattern of `strftime`, in UTC.
pub(super) fn date(given: &Given<'_>) -> Answer {
    let time = time(given)?.to_zoned(TimeZone::UTC);
    let pattern = given.text(1)?;
    match strtime::format(pattern.as_bytes(), &time) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(given.refuse(format!("`{}` is no pattern for a date", given.name(1)))),
    }
}

/// A time later by a duration, earlier if it starts with `-`.
pub(super) fn date_add(given: &Given<'_>) -> Answer {
    let time = time(given)?;
    let text = given.text(1)?;
    let milliseconds = milliseconds(&text)
        .ok_or_else(|| given.refuse("the duration must be a number and ms, s, m, h or d, such as `30d`"))?;
    match time.checked_add(jiff::SignedDuration::from_millis(milliseconds)) {
        Ok(later) => Ok(later.to_string().into()),
        Err(_) => Err(given.refuse("the result is beyond the year 9999")),
    }
}

/// Whole seconds since 1970.
pub(super) fn epoch(given: &Given<'_>) -> Answer {
    Ok(time(given)?.as_second().into())
}

fn time(given: &Given<'_>) -> Result<Timestamp, RenderError> {
    let text = given.text(0)?;
    text.parse().map_err(|_| given.refuse(format!("`{}` is no RFC 3339 time", given.name(0))))
}

/// `[0-9]+(ms|s|m|h|d)` with an optional `-` before it.
fn milliseconds(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(unit_at)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(unit)?.checked_mul(sign)
}
