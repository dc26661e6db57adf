//! What the lists of consents and the pushed event have in common: one record of one person.
//!
//! OneTrust's status words travel as they are; the tables of a workflow say what they mean. A record is
//! written in one order whatever the order of the answer, because its id is the digest of what it says.
//!
//! Topics are `{"id", "name", "key", "consented", "status"}` and preferences `{"id", "name", "options":
//! [topics]}`, each with what its list says: only version 1 with all preferences and the pushed event say
//! `consented`, only transactions say `status`, and version 4 says neither.

use serde_json::{Map, Value};

use super::record::{Judged, Reason, Record};
use super::words;
use crate::request::Kind;
use crate::workflow::{ConsentRules, Identifier};

/// One person's change, gathered while an answer is read.
pub(super) struct Change<'r> {
    rules: &'r ConsentRules,
    subject: Map<String, Value>,
    fields: Map<String, Value>,
    consents: Vec<Value>,
    occurred_at: Option<String>,
}

/// One purpose of a change; what the list does not say is `None` or empty.
#[derive(Default)]
pub(super) struct Purpose<'v> {
    pub id: Option<&'v str>,
    pub name: Option<&'v str>,
    pub status: Option<&'v str>,
    pub topics: Vec<Value>,
    pub preferences: Vec<Value>,
    pub updated_at: Option<String>,
}

impl<'r> Change<'r> {
    /// Of a person whom nothing names yet.
    pub(super) fn new(rules: &'r ConsentRules, occurred_at: Option<String>) -> Change<'r> {
        let (subject, fields) = (Map::new(), Map::new());
        Change { rules, subject, fields, consents: Vec::new(), occurred_at }
    }

    /// The person's primary identifier in OneTrust, byte for byte.
    pub(super) fn identified_by(&mut self, identifier: Option<&str>) {
        if let Some(identifier) = identifier {
            self.subject.insert(self.rules.identifier.word().to_owned(), identifier.into());
        }
    }

    /// An identifier that the answer names besides, unless a data element is to give it.
    pub(super) fn also(&mut self, identifier: Identifier, value: Option<&str>) {
        let is_free = !self.subject.contains_key(identifier.word())
            && !self.rules.data_elements.contains_key(&identifier);
        if let Some(value) = value.filter(|_| is_free) {
            self.subject.insert(identifier.word().to_owned(), value.into());
        }
    }

    /// The identifiers that data elements hold. Of several values none is taken: choosing one would be
    /// guessing. One that is no string stays what it is, and the request fails and says so.
    pub(super) fn elements<'v>(&mut self, value_of: impl Fn(&str) -> Option<&'v Value>) {
        for (identifier, name) in &self.rules.data_elements {
            let found = match value_of(name) {
                Some(Value::Array(items)) => match items.as_slice() {
                    [one] => Some(one),
                    _ => None,
                },
                other => other,
            };
            let is_blank =
                |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
            if let Some(found) = found.filter(|value| !is_blank(value)) {
                self.subject.insert(identifier.word().to_owned(), found.clone());
            }
        }
    }

    /// Another member of `subject`.
    pub(super) fn subject(&mut self, member: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.subject.insert(member.to_owned(), value.into());
        }
    }

    /// A member of `fields`.
    pub(super) fn field(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }

    /// A purpose, if it counts for the trigger.
    pub(super) fn purpose(&mut self, purpose: Purpose<'_>) {
        let wanted = &self.rules.purposes;
        if !wanted.is_empty() && !purpose.id.is_some_and(|id| wanted.iter().any(|one| words::same(one, id))) {
            return;
        }
        let mut consent = Map::new();
        let texts = [("purpose_id", purpose.id), ("purpose", purpose.name), ("status", purpose.status)];
        for (member, text) in texts {
            if let Some(text) = text {
                consent.insert(member.to_owned(), text.into());
            }
        }
        for (member, mut items) in [("topics", purpose.topics), ("preferences", purpose.preferences)] {
            if !items.is_empty() {
                in_one_order(&mut items);
                consent.insert(member.to_owned(), Value::Array(items));
            }
        }
        consent.extend(purpose.updated_at.map(|at| ("updated_at".to_owned(), at.into())));
        self.consents.push(Value::Object(consent));
    }

    /// The record under an id of OneTrust's, or under the digest of what it says.
    pub(super) fn judged(mut self, id: Option<String>) -> Judged {
        if !Identifier::ALL.iter().any(|identifier| self.subject.contains_key(identifier.word())) {
            return Judged::Skip(Reason::NoIdentifier);
        }
        if self.consents.is_empty() && self.fields.is_empty() {
            return Judged::Skip(Reason::NoPurpose);
        }
        in_one_order(&mut self.consents);
        let mut members = Map::new();
        members.insert("kind".to_owned(), Kind::Consent.word().into());
        members.extend(self.occurred_at.map(|at| ("occurred_at".to_owned(), at.into())));
        members.insert("subject".to_owned(), Value::Object(self.subject));
        members.insert("consents".to_owned(), Value::Array(self.consents));
        if !self.fields.is_empty() {
            members.insert("fields".to_owned(), Value::Object(self.fields));
        }
        members.insert("source".to_owned(), serde_json::json!({ "system": "onetrust" }));
        Judged::Start(match id {
            Some(id) => Record::new(id, None, members),
            None => Record::digested("consent", members),
        })
    }
}

/// A topic or an option, with what the answer says of it.
pub(super) fn topic(members: [(&str, Option<Value>); 4]) -> Value {
    let known = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(known.collect())
}

/// A preference with its options.
pub(super) fn preference(id: Option<&str>, name: Option<&str>, mut options: Vec<Value>) -> Value {
    let mut members = Map::new();
    members.extend(id.map(|id| ("id".to_owned(), id.into())));
    members.extend(name.map(|name| ("name".to_owned(), name.into())));
    in_one_order(&mut options);
    members.insert("options".to_owned(), Value::Array(options));
    Value::Object(members)
}

/// Answers list the same things in any order.
fn in_one_order(items: &mut [Value]) {
    items.sort_by_cached_key(Value::to_string);
}
