//! How calls of an action merge into one HTTP exchange, and how its reply is taken apart again.
//!
//! Facts only: the merging itself is the work of `plan`, the reading that of `braze`.

use indexmap::IndexMap;
use serde::Deserialize;

/// How calls of an action merge into one HTTP exchange.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The members whose items are gathered from many calls. Everything else in the body is the
    /// envelope: calls merge only if theirs is equal and they use the same arrays.
    pub arrays: IndexMap<String, Array>,
    /// Most items over all arrays of one exchange; with `groups`, most people.
    pub total: usize,
    /// The arrays stand inside the objects of a list, not in the body itself.
    #[serde(default)]
    pub groups: Option<Groups>,
    /// Members with which a call is an exchange of its own.
    #[serde(default)]
    pub not_with: Vec<String>,
}

/// A list of objects that merge when they agree.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// The member that is the list.
    pub list: String,
    /// Objects of the list merge if these members are equal and they use the same array.
    pub by: Vec<String>,
}

/// One array of a batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Array {
    /// Most items of this array in one exchange; with `groups`, in one object.
    pub at_most: usize,
    /// Where an item names its person: the first of these members that stands. Empty when the item
    /// itself is the identifier.
    #[serde(default)]
    pub person: Vec<Identifier>,
    /// Members that name a second profile which the item touches.
    #[serde(default)]
    pub also: Vec<Identifier>,
    /// What kind of identifier a plain item is, so that the same person is the same lane over all
    /// actions.
    #[serde(default)]
    pub identifier: Option<Identifier>,
    /// A call merges only if each of these members lists the word: without it the answer cannot be
    /// taken apart.
    #[serde(default)]
    pub needs: IndexMap<String, String>,
    /// How a single item is written.
    #[serde(default)]
    pub alone: Alone,
}

/// By what a person is addressed; the word is also the member of an object that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifier {
    /// The customer's own id.
    ExternalId,
    /// A label and a name.
    UserAlias,
    /// Braze's own id.
    BrazeId,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

impl Identifier {
    /// The member of an object that holds it.
    pub fn member(self) -> &'static str {
        match self {
            Identifier::ExternalId => "external_id",
            Identifier::UserAlias => "user_alias",
            Identifier::BrazeId => "braze_id",
            Identifier::Email => "email",
            Identifier::Phone => "phone",
        }
    }
}

/// How an array with one item is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alone {
    /// As a list of one.
    #[default]
    List,
    /// As the item, without a list.
    String,
}

/// How a reply is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Member of a reply that lists people, such as `users`; empty means nobody was found.
    #[serde(default)]
    pub people: Option<String>,
    /// Member of a reply that lists the identifiers of a call that nobody has.
    #[serde(default)]
    pub not_found: Option<String>,
    /// Member of a reply that is a map from identifier to state.
    #[serde(default)]
    pub states: Option<String>,
    /// For merged reads: which member of a listed person answers which array of the call.
    #[serde(default)]
    pub answers: IndexMap<String, String>,
    /// Members of a call by which it asks for people, and as what: everybody that is listed has it.
    #[serde(default)]
    pub asks: IndexMap<String, Identifier>,
    /// The reply is one object, which is the output as it stands.
    #[serde(default)]
    pub object: bool,
    /// The reply is a list, which is this member of the output.
    #[serde(default)]
    pub list: Option<String>,
    /// Members of that object that are always there.
    #[serde(default)]
    pub named: Vec<String>,
    /// Members that only count; evidence, never a verdict, and no output of a write.
    #[serde(default)]
    pub counts: Vec<String>,
}

impl Reply {
    /// Whether a reply says more than that the call was accepted.
    pub fn has_data(&self) -> bool {
        self.people.is_some() || self.states.is_some() || self.object || self.list.is_some()
    }

    /// The members of the output of a step that calls this action. The answer to a read may have more.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        let of_data = [&self.people, &self.not_found, &self.states, &self.list].into_iter().flatten();
        let counts = self.counts.iter().filter(|_| self.has_data());
        let message = (!self.object && self.list.is_none()).then_some("message");
        of_data.chain(counts).chain(&self.named).map(String::as_str).chain(message)
    }
}
