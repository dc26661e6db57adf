//! Durations as people write them in workflows and settings: `500ms`, `30s`, `5m`, `2h`, `1d`.

use std::time::Duration;

/// Reads `[0-9]+(ms|s|m|h|d)`; `None` for anything else, and for more than a hundred years.
pub fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(unit_at)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let whole = count.parse::<u64>().ok()?.checked_mul(milliseconds)?;
    // Longer ones overflow dates when they are added to one.
    (whole <= 100 * 366 * 86_400_000).then(|| Duration::from_millis(whole))
}

/// A duration as people write it, in the largest unit that keeps it whole: `7d`, `36h`, `500ms`.
pub fn duration_word(duration: Duration) -> String {
    let whole = duration.as_millis();
    let units = [("d", 86_400_000_u128), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.into_iter().find(|(_, each)| whole > 0 && whole.is_multiple_of(*each)) {
        Some((unit, each)) => format!("{}{unit}", whole / each),
        None => format!("{whole}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
        assert_eq!(duration("1d"), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["", "5", "s", "1.5s", "-1s", "5 s", "5sec", "1h30m", "5S", "99999999999999999999d", "９s"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["500ms", "1500ms", "30s", "90m", "2h", "36h", "7d", "0ms"] {
            assert_eq!(duration_word(duration(text).unwrap()), text);
        }
        assert_eq!(duration_word(Duration::from_secs(86_400)), "1d");
    }
}
