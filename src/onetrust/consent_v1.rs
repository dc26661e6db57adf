//! A person of the list of profiles, version 1: all purposes in one row.
//!
//! Its members are written in PascalCase, and what is empty is left out. `LinkToken` opens the person's
//! preference centre and is never read. Source: OneTrust's OpenAPI, `getDataSubjectProfileUsingGET`.

use jiff::Timestamp;
use serde_json::Value;

use super::consent::{Change, Purpose, preference, topic};
use super::record::{Judged, Reason};
use super::{dates, json};
use crate::workflow::ConsentRules;

/// What a row comes to.
pub fn judge(rules: &ConsentRules, row: &Value) -> Judged {
    if !row.is_object() {
        return Judged::Skip(Reason::Unreadable);
    }
    if !rules.take_test_subjects && json::flag(row, &["TestDataSubject"]) == Some(true) {
        return Judged::Skip(Reason::TestSubject);
    }
    let updated = dates::of(row, &["LastUpdatedDate"]);
    let mut change = Change::new(rules, updated.clone());
    change.identified_by(json::text(row, &["Identifier"]));
    let elements = json::items(row, &["DataElements"]);
    change.elements(|name| {
        let mut named =
            elements.iter().filter(|element| json::text(element, &["Name"]).map(str::trim) == Some(name));
        // The same element twice is as many values as a list of two.
        named.next().filter(|_| named.next().is_none())?.get("Value")
    });
    change.subject("language", json::text(row, &["Language"]));
    for purpose in json::items(row, &["Purposes"]) {
        let of_status = of_status(purpose);
        change.purpose(Purpose {
            id: json::text(purpose, &["Id"]),
            name: json::text(purpose, &["Name"]),
            status: json::text(purpose, &["Status"]),
            topics: json::items(purpose, &["Topics"]).iter().map(choice).collect(),
            preferences: json::items(purpose, &["CustomPreferences"]).iter().map(options).collect(),
            updated_at: dates::of(purpose, &["LastUpdatedDate", "LastTransactionDate"])
                .or(of_status)
                .or_else(|| updated.clone()),
        });
    }
    change.judged(None)
}

/// When the row changed, for the place in the list up to which was read.
pub fn updated(row: &Value) -> Option<Timestamp> {
    dates::moment(json::text(row, &["LastUpdatedDate"])?)
}

/// The date that belongs to a "yes" or a "no".
fn of_status(purpose: &Value) -> Option<String> {
    let dates = ["WithdrawalDate", "ConsentDate"].iter().filter_map(|name| dates::of(purpose, &[name]));
    // Whichever came last made the status.
    dates.max_by_key(|date| dates::moment(date))
}

fn choice(topic_: &Value) -> Value {
    topic([
        ("id", json::text(topic_, &["Id"]).map(Into::into)),
        ("name", json::text(topic_, &["Name"]).map(Into::into)),
        ("consented", json::flag(topic_, &["IsConsented"]).map(Into::into)),
        ("status", None),
    ])
}

fn options(of: &Value) -> Value {
    let options = json::items(of, &["Options"]).iter().map(choice).collect();
    preference(json::text(of, &["Id"]), json::text(of, &["Name"]), options)
}
