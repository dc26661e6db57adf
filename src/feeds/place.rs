//! How far a list was read, as the cursor of the store keeps it.
//!
//! A place only goes forward, and only to moments that OneTrust has lived through: its own `Date`, or the
//! date of a row. It names nobody.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::FeedError;
use crate::journal::Cursor;
use crate::onetrust::page::Next;

/// How far a list was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Every change up to here is in the inbox, but for those that show late.
    pub since: Timestamp,
    /// In the middle of a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
}

/// A window that is being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; `None` for a list that is read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where the last of the windows that follow ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Timestamp>,
    /// Up to where OneTrust's clock had come when the first of them was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lived: Option<Timestamp>,
    /// The newest row so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// The next page, where no token says it.
    pub page: u64,
    /// How to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How to go on in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

impl Reading {
    /// Notes the date of a row.
    pub fn saw(&mut self, row: Option<Timestamp>) {
        self.newest = self.newest.max(row);
    }

    /// Goes to the next page.
    pub fn turn(&mut self, next: Next) {
        self.page += 1;
        (self.token, self.marker) = (next.token, next.marker);
    }

    /// The tokens to send.
    pub fn next(&self) -> Next {
        Next { token: self.token.clone(), marker: self.marker.clone() }
    }

    /// Goes back to the first page of the window, after a token that counts no more.
    pub fn begin_again(&mut self) {
        (self.page, self.token, self.marker) = (0, None, None);
    }
}

impl Place {
    /// What a cursor says.
    pub fn read(name: &str, value: &str) -> Result<Place, FeedError> {
        serde_json::from_str(value).map_err(|_| FeedError::Cursor { name: name.to_owned() })
    }

    /// The cursor that says it.
    pub fn cursor(&self, name: &str) -> Cursor {
        // A struct of dates, numbers and texts always becomes JSON.
        Cursor { name: name.to_owned(), value: serde_json::to_string(self).unwrap_or_default() }
    }
}

/// Where a list was read up to, when everything from a window on was read: the later of two moments that
/// OneTrust has certainly lived through, and never back.
///
/// `date` is what OneTrust's clock said when the reading began and `ours` what ours said: of two clocks
/// the one that is behind is taken, so that one that runs ahead skips nothing. The date of the newest row
/// is OneTrust's own, too; one beyond both clocks is taken for nonsense.
pub(super) fn lived_through(
    since: Timestamp,
    date: Option<Timestamp>,
    ours: Timestamp,
    newest: Option<Timestamp>,
) -> Timestamp {
    let now = date.unwrap_or(ours);
    let row = newest.filter(|newest| *newest <= now);
    let read = date.map(|date| date.min(ours));
    since.max(row.unwrap_or(since)).max(read.unwrap_or(since))
}

/// Some time before a moment; the calendar's beginning at the earliest.
pub(super) fn before(moment: Timestamp, by: std::time::Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| moment.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

/// Some time after a moment; the calendar's end at the latest.
pub(super) fn after(moment: Timestamp, by: std::time::Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| moment.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i8) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z").parse().unwrap()
    }

    #[test]
    fn a_clock_of_ours_that_runs_ahead_moves_nothing_beyond_what_onetrust_lived() {
        assert_eq!(lived_through(at(1), Some(at(5)), at(23), None), at(5));
        assert_eq!(lived_through(at(1), None, at(23), None), at(1));
        assert_eq!(lived_through(at(1), None, at(23), Some(at(4))), at(4));
    }

    #[test]
    fn a_clock_that_is_behind_holds_the_place_and_the_rows_move_it() {
        assert_eq!(lived_through(at(3), Some(at(9)), at(2), None), at(3));
        assert_eq!(lived_through(at(3), Some(at(9)), at(2), Some(at(8))), at(8));
        assert_eq!(lived_through(at(3), None, at(2), Some(at(8))), at(3));
    }

    #[test]
    fn a_row_from_the_future_moves_nothing() {
        assert_eq!(lived_through(at(1), Some(at(5)), at(5), Some(at(22))), at(5));
        assert_eq!(lived_through(at(1), None, at(5), Some(at(22))), at(1));
    }

    #[test]
    fn a_place_comes_back_as_it_was_written() {
        let reading = Reading {
            from: at(1),
            until: Some(at(2)),
            goal: None,
            lived: Some(at(3)),
            newest: None,
            page: 7,
            token: Some("{\"a\": \"b\"}".to_owned()),
            marker: None,
        };
        let place = Place { since: at(4), reading: Some(reading) };

        let cursor = place.cursor("x");

        assert_eq!(Place::read("x", &cursor.value).unwrap(), place);
        assert!(Place::read("x", "2026").is_err());
    }
}
