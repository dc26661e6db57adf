//! What Braze keeps of a person after it accepted an erasure, and for how long (Braze docs, "Data
//! retention" and "Data protection technical assistance").

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Something that Braze keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    /// What, and where.
    pub what: String,
    /// For how long, or on what that depends.
    pub how_long: String,
    /// The last day, counted from the accepted erasure, where Braze names a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What remains after an erasure that was accepted at a moment (RFC 3339).
pub(super) fn remains(accepted_at: &str) -> Vec<Remains> {
    let accepted: Option<Timestamp> = accepted_at.parse().ok();
    let until = |span: jiff::Span| {
        let at = accepted?.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).ok()?;
        Some(at.date().to_string())
    };
    let of = |what: &str, how_long: &str, until| Remains {
        what: what.to_owned(),
        how_long: how_long.to_owned(),
        until,
    };
    vec![
        of("copies in Braze's data lake", "up to 3 weeks", until(21.days())),
        of("copies in some internal systems of Braze", "up to 90 days", until(90.days())),
        of("backups of Braze", "6 months", until(6.months())),
        of(
            "properties of custom and purchase events, and extras of messages",
            "kept, unless an administrator of Braze opted in to their erasure before (Company Settings > Admin \
             Settings > Security Settings); privaflow cannot see that setting",
            None,
        ),
        of(
            "aggregate analytics and counts of conversions",
            "kept; the profile's id in event data becomes an anonymous token",
            None,
        ),
        of(
            "data that was exported from Braze before (Currents, warehouse shares, exports)",
            "not in Braze's hands: to be erased where it is",
            None,
        ),
        of(
            "the opt-out of the person's address",
            "gone with the profile: a profile that an app or another tool makes anew begins as subscribed",
            None,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_count_from_the_accepted_erasure() {
        let until: Vec<_> =
            remains("2026-11-22T10:00:00.000Z").into_iter().filter_map(|one| one.until).collect();

        assert_eq!(until, ["2026-12-13", "2027-02-20", "2027-05-22"]);
    }
}
