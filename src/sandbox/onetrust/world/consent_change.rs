//! A change of consent as it is told to the sandbox, and what it does to the person's profile.
//!
//! A transaction is an event and a status a state: `CONFIRMED` leads to `ACTIVE`, `NOTGIVEN` to
//! `NO_CONSENT`, most others to a state of the same name (inferred from names and samples).

use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::{Profile, Purpose, Transaction, World};

/// Something that a person says about one purpose.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentChange {
    /// Who: the primary identifier, mostly an e-mail address.
    pub identifier: String,
    /// The purpose by name; made when there is none of this name.
    pub purpose: String,
    /// The id of a purpose that is made now; one that follows from its name when absent.
    pub purpose_id: Option<String>,
    /// The transaction type: `CONFIRMED`, `WITHDRAWN`, `OPT_OUT`…
    pub transaction: String,
    /// The status it leads to; the one that follows from the transaction when absent.
    pub status: Option<String>,
    /// When it was said; now when absent. An earlier moment is a row that comes late.
    pub at: Option<jiff::Timestamp>,
    /// What stands as last updated; now when absent.
    pub updated_at: Option<jiff::Timestamp>,
    /// Topics of the purpose, by name: their transaction types.
    pub topics: IndexMap<String, String>,
    /// Options of custom preferences.
    pub options: Vec<Choice>,
    /// Data elements to set: a text or a list of texts.
    pub data_elements: IndexMap<String, Value>,
    /// Somebody tried a form out.
    pub test: bool,
}

/// An option of a custom preference, and what was said about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The preference by name.
    pub preference: String,
    /// Its option by name.
    pub option: String,
    /// The transaction type.
    pub transaction: String,
}

impl fmt::Debug for ConsentChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentChange(redacted)")
    }
}

impl World {
    /// Carries a change out; `false` when it names nobody, no purpose or no transaction.
    pub fn consent(&mut self, change: ConsentChange, now_ms: i64) -> bool {
        if change.identifier.is_empty() || change.purpose.is_empty() || change.transaction.is_empty() {
            return false;
        }
        let said_ms = change.at.map_or(now_ms, jiff::Timestamp::as_millisecond);
        let updated_ms = change.updated_at.map_or(now_ms, jiff::Timestamp::as_millisecond);
        let purpose = self.purpose(&change.purpose, change.purpose_id.clone());
        let (topics, options) = self.named(&purpose, &change);
        let (id, receipt) = (self.draw_id(), self.draw_id());
        let collection_point = derived("collection point", "website");
        let transaction = Transaction {
            id,
            receipt: receipt.clone(),
            identifier: change.identifier.clone(),
            purpose: purpose.clone(),
            kind: change.transaction.clone(),
            said_ms,
            collection_point: collection_point.clone(),
            is_test: change.test,
            topics: topics.clone(),
            options: options.clone(),
        };
        if let Some(person) = self.person_mut(&change.identifier, now_ms) {
            person.is_test = change.test;
            person.elements.extend(change.data_elements);
            person.updated_ms = person.updated_ms.max(updated_ms);
            let place = person.profiles.iter().position(|profile| profile.purpose == purpose);
            let place = place.unwrap_or_else(|| {
                person.profiles.push(Profile::new(&purpose, said_ms, &collection_point));
                person.profiles.len() - 1
            });
            if let Some(profile) = person.profiles.get_mut(place) {
                profile.apply(&transaction, change.status, updated_ms);
            }
        }
        self.transactions.push(transaction);
        self.note((now_ms, "sandbox"), "consent.changed", (None, None), &change.transaction, None);
        true
    }

    /// The id of the purpose of this name, made now if there is none.
    fn purpose(&mut self, name: &str, id: Option<String>) -> String {
        if let Some(known) = self.purposes.values().find(|purpose| purpose.name == name) {
            return known.id.clone();
        }
        let id = id.unwrap_or_else(|| derived("purpose", name));
        let purpose = Purpose {
            id: id.clone(),
            name: name.to_owned(),
            topics: IndexMap::new(),
            preferences: IndexMap::new(),
        };
        self.purposes.insert(id.clone(), purpose);
        id
    }

    /// Topics and options by id, made where they are new.
    fn named(
        &mut self,
        purpose: &str,
        change: &ConsentChange,
    ) -> (IndexMap<String, String>, IndexMap<(String, String), String>) {
        let Some(purpose) = self.purposes.get_mut(purpose) else { return Default::default() };
        let mut topics = IndexMap::new();
        for (name, transaction) in &change.topics {
            let id = derived(&purpose.id, name);
            purpose.topics.insert(id.clone(), name.clone());
            topics.insert(id, transaction.clone());
        }
        let mut options = IndexMap::new();
        for choice in &change.options {
            let preference = derived(&purpose.id, &choice.preference);
            let option = derived(&preference, &choice.option);
            let entry = purpose.preferences.entry(preference.clone());
            let (_, known) = entry.or_insert_with(|| (choice.preference.clone(), IndexMap::new()));
            known.insert(option.clone(), choice.option.clone());
            options.insert((preference, option), choice.transaction.clone());
        }
        (topics, options)
    }
}

impl Profile {
    fn new(purpose: &str, said_ms: i64, collection_point: &str) -> Profile {
        Profile {
            purpose: purpose.to_owned(),
            status: "NO_CONSENT".to_owned(),
            first_ms: said_ms,
            last_ms: said_ms,
            consent_ms: None,
            withdrawal_ms: None,
            updated_ms: said_ms,
            transactions: 0,
            receipt: String::new(),
            collection_point: collection_point.to_owned(),
            topics: IndexMap::new(),
            options: IndexMap::new(),
        }
    }

    /// What was said earlier than the last thing said is counted and changes nothing else.
    fn apply(&mut self, said: &Transaction, status: Option<String>, updated_ms: i64) {
        self.transactions += 1;
        self.updated_ms = self.updated_ms.max(updated_ms);
        if said.said_ms < self.last_ms {
            return;
        }
        self.last_ms = said.said_ms;
        self.receipt.clone_from(&said.receipt);
        if let Some(status) = status.or_else(|| state_after(&said.kind)) {
            self.status = status;
        }
        match self.status.as_str() {
            "ACTIVE" | "OPT_IN" => self.consent_ms = Some(said.said_ms),
            "WITHDRAWN" | "OPT_OUT" | "HARD_OPT_OUT" => self.withdrawal_ms = Some(said.said_ms),
            _ => {}
        }
        self.topics.extend(said.topics.iter().map(|(id, kind)| (id.clone(), is_yes(kind))));
        self.options.extend(said.options.iter().map(|((_, id), kind)| (id.clone(), is_yes(kind))));
    }
}

/// The state that a transaction leads to; none for those that leave it.
fn state_after(transaction: &str) -> Option<String> {
    let state = match transaction {
        "CONFIRMED" => "ACTIVE",
        "NOTGIVEN" => "NO_CONSENT",
        "NO_OPT_OUT" => "NOT_OPT_OUT",
        "CANCEL" | "NO_CHOICE" | "EXTEND" | "CHANGE_PREFERENCES" => return None,
        same => same,
    };
    Some(state.to_owned())
}

/// Whether a transaction about a topic or an option says yes.
fn is_yes(transaction: &str) -> bool {
    matches!(transaction, "CONFIRMED" | "OPT_IN" | "IMPLICIT")
}

/// A UUID that follows from what something belongs to and its name.
fn derived(of: &str, name: &str) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{of}/{name}").as_bytes()).to_string()
}
