//! Bulk exports: what OneTrust says of one, of its files, and of how many more there may be.
//!
//! An export covers at most 180 days and ends yesterday at the latest; an account has about 20 a month, and
//! one expires ten days after it was asked for (OneTrust's OpenAPI, Platform - Bulk Export).

use std::fmt;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::json;

/// Days between the first and the last day of an export.
const MOST_DAYS: i64 = 180;

/// Which date of people the days of an export mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateType {
    /// Their first transaction.
    Created,
    /// Their last transaction.
    Modified,
    /// Their last interaction.
    Interaction,
}

impl DateType {
    /// OneTrust's word.
    pub fn word(self) -> &'static str {
        match self {
            DateType::Created => "CREATED_DATE",
            DateType::Modified => "LAST_MODIFIED_DATE",
            DateType::Interaction => "LAST_INTERACTION_DATE",
        }
    }
}

/// The days of one export, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub start: Date,
    /// The last.
    pub end: Date,
}

impl Days {
    /// As few exports as it takes, the oldest first; none when the end comes before the start.
    pub fn exports(self) -> Vec<Days> {
        let mut exports = Vec::new();
        let mut start = self.start;
        while start <= self.end {
            let end = start.checked_add(MOST_DAYS.days()).unwrap_or(Date::MAX).min(self.end);
            exports.push(Days { start, end });
            let Ok(next) = end.tomorrow() else { break };
            start = next;
        }
        exports
    }
}

/// The body that asks for an export of people with what they consent to (`startExportRunPost`).
pub fn order(name: &str, days: Days, date: DateType) -> Value {
    json!({
        "name": name,
        "exportType": "DATA_SUBJECTS",
        "exportFormat": "CSV",
        "startDate": days.start.to_string(),
        "endDate": days.end.to_string(),
        "params": [{ "name": "dateType", "values": [date.word()] }],
    })
}

/// How an export stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// Its id.
    pub id: String,
    /// The name it was asked for under.
    pub name: Option<String>,
    /// As far as it is known.
    pub state: State,
    /// In percent.
    pub progress: Option<f64>,
}

/// How an export stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is being made, or nobody knows the word.
    Going,
    /// Its files are there.
    Completed,
    /// There will be no files: failed, cancelled, expired.
    Over(String),
}

impl Export {
    /// Reads what OneTrust says of one; `None` when it has no id.
    pub fn read(value: &Value) -> Option<Export> {
        let status = json::text(value, &["status"]).unwrap_or_default().to_ascii_uppercase();
        let state = match status.as_str() {
            "COMPLETED" => State::Completed,
            "FAILED" | "CANCELLED" | "EXPIRED" => State::Over(status.to_ascii_lowercase()),
            _ => State::Going,
        };
        Some(Export {
            id: json::text(value, &["runId"])?.to_owned(),
            name: json::text(value, &["name"]).map(str::to_owned),
            state,
            progress: value.get("progressPercentage").and_then(Value::as_f64),
        })
    }
}

/// A file of an export.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub url: String,
    /// What lets one in there, for an hour: the whole header.
    pub authorization: String,
    /// Its name, which says whether it is packed.
    pub name: String,
}

// The header is a credential.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A page of the files of an export, and the token of the next one. `None` for an answer that is no page, or
/// names a file that cannot be fetched: a file must not be missed.
pub fn files(answer: &Value) -> Option<(Vec<File>, Option<String>)> {
    let items = answer.as_array().or_else(|| answer.get("items")?.as_array())?;
    let file = |item: &Value| {
        Some(File {
            url: json::text(item, &["url"])?.to_owned(),
            authorization: json::text(item.get("headers")?, &["Authorization", "authorization"])?.to_owned(),
            name: json::text(item, &["fileName"]).unwrap_or_default().to_owned(),
        })
    };
    let files = items.iter().map(file).collect::<Option<Vec<File>>>()?;
    let goes_on = json::flag(answer, &["hasNext"]) == Some(true);
    let token = json::text(answer, &["continuationToken"]).filter(|_| goes_on).map(str::to_owned);
    Some((files, token))
}

/// How many exports the account may still ask for this month, if the answer says so.
pub fn credits(answer: &Value) -> Option<u64> {
    answer.get("creditsRemaining")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(start: &str, end: &str) -> Days {
        Days { start: start.parse().unwrap(), end: end.parse().unwrap() }
    }

    #[test]
    fn a_long_time_is_as_few_exports_as_it_takes_and_no_day_is_missed() {
        let year = days("2025-11-22", "2026-11-21").exports();

        let expected = [
            days("2025-11-22", "2026-05-21"),
            days("2026-05-22", "2026-11-18"),
            days("2026-11-19", "2026-11-21"),
        ];
        assert_eq!(year, expected);
        assert_eq!(days("2026-11-21", "2026-11-21").exports().len(), 1);
        assert!(days("2026-11-22", "2026-11-21").exports().is_empty());
    }

    #[test]
    fn a_status_that_nobody_knows_is_waited_for_and_an_expired_export_is_not() {
        let state = |status: &str| Export::read(&json!({ "runId": "r", "status": status })).unwrap().state;

        assert_eq!((state("EXPORT_IN_PROGRESS"), state("QUEUED")), (State::Going, State::Going));
        assert_eq!((state("COMPLETED"), state("Expired")), (State::Completed, State::Over("expired".into())));
        assert!(Export::read(&json!({ "status": "COMPLETED" })).is_none());
    }

    #[test]
    fn files_come_in_pages_and_one_that_cannot_be_fetched_spoils_the_page() {
        let file = json!({ "url": "https://h/f", "headers": { "Authorization": "Bearer t" }, "fileName": "f.csv.gz" });
        let page = json!({ "items": [file], "hasNext": true, "continuationToken": "7" });

        let (files, token) = super::files(&page).unwrap();

        assert_eq!((files.len(), token.as_deref()), (1, Some("7")));
        assert_eq!(super::files(&json!([file])).unwrap().1, None);
        assert!(super::files(&json!({ "items": [{ "url": "https://h/f" }] })).is_none());
        assert!(super::files(&json!("no")).is_none());
        assert!(!format!("{files:?}").contains("Bearer"));
    }
}
