//! A single transaction: one person, one purpose, one choice.
//!
//! Its status is the transaction's type (`CONFIRMED`, `WITHDRAWN`, `NOTGIVEN`, …), which is not the word of
//! the purpose's status; tables name both. Rows come late, so the date of the choice orders them and the
//! transaction's own id tells them apart. Source: OneTrust's OpenAPI, `getTransactionsUsingPOST`.

use jiff::Timestamp;
use serde_json::Value;

use super::consent::{Change, Purpose, preference, topic};
use super::record::{Judged, Reason, safe};
use super::{dates, json};
use crate::workflow::ConsentRules;

/// What a row comes to.
pub fn judge(rules: &ConsentRules, row: &Value) -> Judged {
    if !row.is_object() {
        return Judged::Skip(Reason::Unreadable);
    }
    if !rules.take_test_subjects && json::flag(row, &["test"]) == Some(true) {
        return Judged::Skip(Reason::TestSubject);
    }
    let purpose = json::text(row, &["purposeGuid", "guid"]);
    let status = json::text(row, &["transactionType"]);
    if purpose.is_none() || status.is_none() {
        return Judged::Skip(Reason::Unreadable);
    }
    let chosen = dates::of(row, &["consentCreationDate", "interactionDate", "issueDate"]);
    let mut change = Change::new(rules, chosen.clone());
    change.identified_by(json::text(row, &["identifier"]));
    change.purpose(Purpose {
        id: purpose,
        name: None,
        status,
        topics: json::items(row, &["topics"]).iter().map(|item| typed(item, "topicId")).collect(),
        preferences: json::items(row, &["customPreferences"]).iter().map(options).collect(),
        updated_at: chosen,
    });
    // One transaction of a receipt is of one purpose.
    let id = json::text(row, &["transactionGuid"]).map(|id| match purpose {
        Some(purpose) => safe("transaction", &format!("{id}:{purpose}")),
        None => safe("transaction", id),
    });
    change.judged(id)
}

/// When the choice was made, for the place in the list up to which was read.
pub fn updated(row: &Value) -> Option<Timestamp> {
    dates::moment(json::text(row, &["consentCreationDate"])?)
}

fn typed(item: &Value, id: &str) -> Value {
    topic([
        ("id", json::text(item, &[id]).map(Into::into)),
        ("name", None),
        ("consented", None),
        ("status", json::text(item, &["transactionType"]).map(Into::into)),
    ])
}

/// The options that were chosen, and those of which a choice says how.
fn options(of: &Value) -> Value {
    let choices = json::items(of, &["choices"]);
    let mut options: Vec<Value> = choices.iter().map(|choice| typed(choice, "optionId")).collect();
    for id in json::texts(of, &["options"]) {
        if !choices.iter().any(|choice| json::text(choice, &["optionId"]) == Some(&id)) {
            options.push(topic([
                ("id", Some(id.into())),
                ("name", None),
                ("consented", None),
                ("status", None),
            ]));
        }
    }
    preference(json::text(of, &["id"]), None, options)
}
