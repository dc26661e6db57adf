//! A point in time as a record wrote it, with the precision it was written in.
//!
//! Records come from many clocks: some write whole seconds, some milliseconds. Two moments are
//! compared at the coarser precision of the two, so the precision is kept beside the moment.
//! Grammar: RFC 3339, section 5.6, with a `T` between date and time; calendar by jiff.

use std::cmp::Ordering;

use jiff::civil::Date;
use serde_json::Value;

/// A point in time with its precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Of the second; digits beyond the ninth are cut off.
    pub nanoseconds: u32,
    /// How many digits of the second's fraction were written, 0 to 9.
    pub digits: u8,
}

impl Moment {
    /// Reads an RFC 3339 time; `None` if it is none. A leap second counts as the last second of its
    /// minute, as POSIX time does.
    pub fn parse(text: &str) -> Option<Moment> {
        let mut rest = Rest(text.as_bytes());
        let (year, month, day) = (rest.number(4)?, rest.after(b"-")?, rest.after(b"-")?);
        rest.one_of(b"Tt")?;
        let (hour, minute, second) = (rest.number(2)?, rest.after(b":")?, rest.after(b":")?);
        let (nanoseconds, digits) = rest.fraction()?;
        let offset_minutes = rest.offset()?;
        if !rest.0.is_empty() || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let date =
            Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let midnight = date.duration_since(Date::constant(1970, 1, 1)).as_secs();
        let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.min(59));
        Some(Moment { seconds: midnight + of_day - i64::from(offset_minutes) * 60, nanoseconds, digits })
    }

    /// Compares at the coarser precision of the two.
    pub fn compare(self, other: Moment) -> Ordering {
        let digits = self.digits.min(other.digits);
        let unit = 10_u32.pow(9 - u32::from(digits));
        (self.seconds, self.nanoseconds / unit).cmp(&(other.seconds, other.nanoseconds / unit))
    }
}

/// When what a consent says came to be: its own `updated_at`, else its record's `occurred_at`, else
/// `received_at`; without a consent, the record's own times. `None` when no time is named.
pub fn changed_at(consent: Option<&Value>, record: Option<&Value>) -> Option<Moment> {
    let time = |of: Option<&Value>, name: &str| Moment::parse(named(of?, name)?.as_str()?);
    time(consent, "updated_at")
        .or_else(|| time(record, "occurred_at"))
        .or_else(|| time(record, "received_at"))
}

/// A member of a small object: comparing a few names is faster than hashing one.
fn named<'v>(of: &'v Value, name: &str) -> Option<&'v Value> {
    of.as_object()?.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What is left to read.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        bytes.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }

    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number
            .iter()
            .try_fold(0, |value, &digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
    }

    /// A mark and two digits.
    fn after(&mut self, mark: &[u8]) -> Option<u32> {
        self.one_of(mark)?;
        self.number(2)
    }

    /// Nothing, or a point and at least one digit: nanoseconds and the number of digits that count.
    fn fraction(&mut self) -> Option<(u32, u8)> {
        if self.one_of(b".").is_none() {
            return Some((0, 0));
        }
        let (mut nanoseconds, mut unit, mut digits) = (0, 100_000_000, 0);
        while let Some(digit) = self.one_of(b"0123456789") {
            nanoseconds += u32::from(digit - b'0') * unit;
            digits += u8::from(unit > 0);
            unit /= 10;
        }
        (digits > 0).then_some((nanoseconds, digits))
    }

    /// `Z` or hours and minutes ahead of UTC.
    fn offset(&mut self) -> Option<i32> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let (hours, minutes) = (self.number(2)?, self.after(b":")?);
        let minutes = (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)?;
        Some(sign * i32::try_from(minutes).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn what_is_no_rfc_3339_time_is_refused() {
        let wrong = [
            "",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "2026-11-20 10:00:00Z",
            "2026-11-20T10:00Z",
            "2026-11-20T10:00:00+0100",
            "2026-11-20T10:00:00+01",
            "2026-11-20T10:00:00.Z",
            "2026-11-20T10:00:00,5Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T10:60:00Z",
            "2026-11-20T10:00:61Z",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-00-01T10:00:00Z",
            "2026-11-20T10:00:00Z ",
            " 2026-11-20T10:00:00Z",
            "2026-11-20T10:00:00Z[Europe/Paris]",
            "2026-11-20T10:00:00+24:00",
            "20261120T100000Z",
            "+2026-11-20T10:00:00Z",
            "2026-11-20T10:00:00\u{2212}01:00",
            "1763632800",
            "２026-11-20T10:00:00Z",
        ];
        for text in wrong {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_same_instant_is_the_same_however_its_offset_is_written() {
        let noon = at("2026-11-20T12:00:00Z");

        for text in ["2026-11-20t12:00:00z", "2026-11-20T13:30:00+01:30", "2026-11-20T04:00:00-08:00"] {
            assert_eq!(at(text), noon, "{text}");
        }
    }

    #[test]
    fn the_ends_of_the_calendar_and_leap_seconds_are_times() {
        assert_eq!(at("9999-12-31T23:59:59.999999999999Z").nanoseconds, 999_999_999);
        assert_eq!(at("0000-01-01T00:00:00Z").seconds, -62_167_219_200);
        assert_eq!(at("2016-12-31T23:59:60Z"), at("2016-12-31T23:59:59Z"));
        assert_eq!(at("2024-02-29T00:00:00Z").seconds, 1_709_164_800);
    }

    #[test]
    fn moments_are_compared_at_the_coarser_precision() {
        let (coarse, fine) = (at("2026-11-20T10:00:00Z"), at("2026-11-20T10:00:00.700Z"));

        assert_eq!(coarse.compare(fine), Ordering::Equal);
        assert_eq!(fine.compare(at("2026-11-20T10:00:00.69Z")), Ordering::Greater);
        assert_eq!(fine.compare(at("2026-11-20T10:00:00.701Z")), Ordering::Less);
        assert_eq!(coarse.compare(at("2026-11-20T10:00:01Z")), Ordering::Less);
    }

    proptest! {
        #[test]
        fn jiff_reads_the_same_instant(
            seconds in -62_135_596_800_i64..253_402_200_000, nanoseconds in 0_i32..1_000_000_000, offset in -1439_i32..=1439,
        ) {
            let zone = jiff::tz::Offset::from_seconds(offset * 60).unwrap();
            let instant = jiff::Timestamp::new(seconds, nanoseconds).unwrap();
            let shown = instant.display_with_offset(zone).to_string();
            prop_assume!(!shown.starts_with('-'));

            let moment = at(&shown);

            let read: jiff::Timestamp = shown.parse().unwrap();
            let total = i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanoseconds);
            prop_assert_eq!(total, read.as_nanosecond());
        }

        #[test]
        fn no_text_makes_it_stumble(text in "\\PC{0,40}|[0-9TZ:+.-]{0,40}") {
            Moment::parse(&text);
        }
    }
}
