//! The event that OneTrust pushes when a person's consents change: code 3010, "data subject profile
//! updated".
//!
//! All dates of a profile are seconds since 1970 written as text, or empty. Of the contact fields only
//! those are looked at that the trigger names, and `MagicLink`, which opens the person's preference
//! centre, not even then. An event that only points at where its content lies is refused: nothing would
//! be carried out. Sources: payloads captured by UCSF, and the schema in Segment's documents.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::consent::{Change, Purpose, preference, topic};
use super::record::{Judged, Reason, hex};
use super::{dates, json};
use crate::source::safe_id;
use crate::workflow::{ConsentRules, Identifier};

/// "Data subject profile updated".
const CODE: &str = "3010";
/// Contact fields that are secrets of the person and no data.
const SECRET_FIELDS: [&str; 2] = ["MagicLink", "Password"];

/// What a pushed event came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The record, or why none.
    pub judged: Judged,
    /// Its place among the events of one person; `None` when the event does not say.
    pub turn: Option<Turn>,
}

/// The place of an event among those of one person at one collection point. An older one that comes late
/// is to be discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The digest of `messageKey`, which may be an e-mail address.
    pub lane: [u8; 32],
    /// `messageSequenceNumber`.
    pub number: i64,
}

/// Why a body is no event that can be carried out. Whoever sent it must be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A list, a string, nothing.
    #[error("the body is no JSON object")]
    NotAnObject,
    /// The content lies elsewhere.
    #[error(
        "the event is sent by reference (`referenceMessage` or `blobStoreLocation`): let the workflow in \
         OneTrust send the event itself"
    )]
    ByReference,
    /// The content is packed.
    #[error("the event is compressed (`isCompressed`): let the workflow in OneTrust send it as plain JSON")]
    Compressed,
    /// Another event.
    #[error("the event is of type `{0}`: only 3010, a changed data subject profile, is taken")]
    OtherType(String),
    /// Nothing to carry out.
    #[error("the event has no `payload`")]
    NoPayload,
}

/// Reads the envelope of an event with what it carries.
pub fn read(rules: &ConsentRules, event: &Value) -> Result<Event, EventError> {
    if !event.is_object() {
        return Err(EventError::NotAnObject);
    }
    let is_elsewhere = json::text(event, &["blobStoreLocation"]).is_some();
    if json::flag(event, &["referenceMessage"]) == Some(true) || is_elsewhere {
        return Err(EventError::ByReference);
    }
    if json::flag(event, &["isCompressed"]) == Some(true) {
        return Err(EventError::Compressed);
    }
    let code = match event.get("eventType").or_else(|| event.get("eventCode")) {
        Some(Value::String(code)) => Some(code.trim().to_owned()),
        Some(Value::Number(code)) => Some(code.to_string()),
        _ => None,
    };
    if let Some(code) = code.filter(|code| code != CODE) {
        return Err(EventError::OtherType(safe_id(&code).into_owned()));
    }
    let payload = event.get("payload").filter(|payload| payload.is_object()).ok_or(EventError::NoPayload)?;
    Ok(Event { judged: judge(rules, event, payload), turn: turn(event) })
}

fn judge(rules: &ConsentRules, event: &Value, payload: &Value) -> Judged {
    if !rules.take_test_subjects && json::flag(payload, &["testDataSubject"]) == Some(true) {
        return Judged::Skip(Reason::TestSubject);
    }
    let occurred = dates::of(event, &["eventTime"]);
    let mut change = Change::new(rules, occurred.clone());
    let email = json::text(payload, &["dataSubjectEmail"]);
    let identifier = json::text(payload, &["dataSubjectIdentifier"]);
    // Older events name people by e-mail address only.
    let is_email = rules.identifier == Identifier::Email;
    change.identified_by(identifier.or(email.filter(|_| is_email)));
    change.also(Identifier::Email, email);
    let contact = payload.get("contactFields").unwrap_or(&Value::Null);
    change.elements(|name| if SECRET_FIELDS.contains(&name) { None } else { contact.get(name) });
    change.subject("first_name", json::text(contact, &["FirstName"]));
    change.subject("last_name", json::text(contact, &["LastName"]));
    let language = json::text(payload, &["dataSubjectLanguage"]);
    change.subject("language", language.or_else(|| json::text(contact, &["Language"])));
    if json::flag(payload, &["unsubscribeAll"]) == Some(true) {
        change.field("unsubscribe_all", Value::Bool(true));
    }
    for profile in json::items(payload, &["profiles"]) {
        let said = profile.get("profileFields").unwrap_or(&Value::Null);
        change.purpose(Purpose {
            id: json::text(profile, &["purposeId"]),
            name: json::text(profile, &["purposeName"]),
            status: json::text(said, &["TransactionStatus"]),
            topics: json::items(profile, &["topics"]).iter().map(|item| choice(item, "topicGuid")).collect(),
            preferences: json::items(profile, &["customPreferences"])
                .iter()
                .map(|of| {
                    let options =
                        json::items(of, &["options"]).iter().map(|item| choice(item, "guid")).collect();
                    preference(json::text(of, &["guid"]), json::text(of, &["name"]), options)
                })
                .collect(),
            updated_at: dates::of_epoch(said, &["LastUpdatedDate", "LastTransaction", "LastInteraction"])
                .or_else(|| occurred.clone()),
        });
    }
    let id = json::text(event, &["eventId"]).map(|id| {
        let digest = || format!("event:{}", hex(&Sha256::digest(id.as_bytes()), 16));
        if safe_id(id) == id { id.to_owned() } else { digest() }
    });
    change.judged(id)
}

/// A topic or an option; that an option is listed without a value does not say that it was chosen.
fn choice(item: &Value, id: &str) -> Value {
    topic([
        ("id", json::text(item, &[id]).map(Into::into)),
        ("name", json::text(item, &["name"]).map(Into::into)),
        ("key", json::text(item, &["integrationKey"]).map(Into::into)),
        ("consented", json::flag(item, &["value"]).map(Into::into)),
    ])
}

fn turn(event: &Value) -> Option<Turn> {
    let strategy = json::text(event, &["deDuplicationStrategy"]);
    if strategy.is_some_and(|strategy| strategy != "DISCARD_OLDER") {
        return None;
    }
    let number = match event.get("messageSequenceNumber")? {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let key = json::text(event, &["messageKey"])?;
    Some(Turn { lane: Sha256::digest(key.as_bytes()).into(), number })
}
