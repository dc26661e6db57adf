//! People and their consents, as OneTrust keeps them: one profile for each purpose, and one transaction
//! for each time that somebody said something.

use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

use super::World;

/// What people consent to.
pub(in crate::sandbox::onetrust) struct Purpose {
    pub id: String,
    pub name: String,
    /// Names by id.
    pub topics: IndexMap<String, String>,
    /// Custom preferences by id: their name, and the names of their options by id.
    pub preferences: IndexMap<String, (String, IndexMap<String, String>)>,
}

/// One person.
pub(in crate::sandbox::onetrust) struct Subject {
    pub id: String,
    pub identifier: String,
    pub language: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub is_test: bool,
    /// Data elements by name; a text or a list of texts.
    pub elements: IndexMap<String, Value>,
    pub profiles: Vec<Profile>,
}

/// What one person said about one purpose.
pub(in crate::sandbox::onetrust) struct Profile {
    /// The id of the purpose.
    pub purpose: String,
    pub status: String,
    pub first_ms: i64,
    pub last_ms: i64,
    pub consent_ms: Option<i64>,
    pub withdrawal_ms: Option<i64>,
    pub updated_ms: i64,
    pub transactions: u64,
    pub receipt: String,
    pub collection_point: String,
    /// What was said about topics and options, by id; yes or no.
    pub topics: IndexMap<String, bool>,
    pub options: IndexMap<String, bool>,
}

/// One time that somebody said something about one purpose.
pub(in crate::sandbox::onetrust) struct Transaction {
    pub id: String,
    pub receipt: String,
    pub identifier: String,
    pub purpose: String,
    pub kind: String,
    /// When it was said, which may be long before it was saved.
    pub said_ms: i64,
    pub collection_point: String,
    pub is_test: bool,
    /// Transaction types of topics, by id.
    pub topics: IndexMap<String, String>,
    /// Transaction types of options, by the id of the preference and of the option.
    pub options: IndexMap<(String, String), String>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(redacted)")
    }
}

impl World {
    /// The person with this identifier.
    pub fn person(&self, identifier: &str) -> Option<&Subject> {
        self.people.get(*self.by_identifier.get(identifier)?)
    }

    /// The person with this identifier, made now if there is none.
    pub(super) fn person_mut(&mut self, identifier: &str, now_ms: i64) -> Option<&mut Subject> {
        let place = match self.by_identifier.get(identifier) {
            Some(place) => *place,
            None => {
                let id = self.draw_id();
                self.by_identifier.insert(identifier.to_owned(), self.people.len());
                self.people.push(Subject {
                    id,
                    identifier: identifier.to_owned(),
                    language: "en-us".to_owned(),
                    created_ms: now_ms,
                    updated_ms: now_ms,
                    is_test: false,
                    elements: IndexMap::new(),
                    profiles: Vec::new(),
                });
                self.people.len() - 1
            }
        };
        self.people.get_mut(place)
    }
}
