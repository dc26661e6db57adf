//! A row of the order-free list of changes, version 4: one person and one purpose.
//!
//! `id` is the purpose's. Its topics are those with recorded transactions and do not say whether the
//! person agreed, so none of them gets a `consented`. Source: OneTrust's OpenAPI,
//! `getDataSubjectProfilesUnorderedV4`.

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
    let updated = dates::of(row, &["lastUpdatedDate", "lastTransactionDate"]);
    let mut change = Change::new(rules, updated.clone());
    change.identified_by(json::text(row, &["identifier"]));
    let (id, status) = (json::text(row, &["id"]), json::text(row, &["status"]));
    if id.is_none() && status.is_none() {
        return Judged::Skip(Reason::Unreadable);
    }
    change.purpose(Purpose {
        id,
        name: json::text(row, &["name"]),
        status,
        topics: json::items(row, &["topics"]).iter().map(named).collect(),
        preferences: json::items(row, &["customPreferences"])
            .iter()
            .map(|of| {
                let options = json::items(of, &["options"]).iter().map(named).collect();
                preference(json::text(of, &["id"]), json::text(of, &["name"]), options)
            })
            .collect(),
        updated_at: updated.or_else(|| dates::of(row, &["withdrawalDate", "consentDate"])),
    });
    change.judged(None)
}

/// When the row changed, for the place in the list up to which was read.
pub fn updated(row: &Value) -> Option<Timestamp> {
    dates::moment(json::text(row, &["lastUpdatedDate", "lastTransactionDate"])?)
}

fn named(item: &Value) -> Value {
    topic([
        ("id", json::text(item, &["id"]).map(Into::into)),
        ("name", json::text(item, &["name"]).map(Into::into)),
        ("consented", None),
        ("status", None),
    ])
}
