//! The actions a workflow can name: what an endpoint takes, how it is batched, limited and read.
//!
//! Entries are data (`src/braze/catalogue.yaml`), never code. The rules they state are checked when
//! a workflow is loaded as far as its text tells, and again on what was rendered.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

/// One operation of a system, such as `braze/users.delete`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `users.delete`; written `braze/users.delete` in a workflow.
    pub id: String,
    /// Whose action it is: `braze`.
    pub system: String,
    /// One line for people.
    pub summary: String,
    /// HTTP method.
    pub method: Method,
    /// Path without host, no trailing slash.
    pub path: String,
    /// The permission the API key needs (`braze.md` section 4).
    pub permission: String,
    /// What a call does to the person.
    pub effect: Effect,
    /// Whether the same call may be sent again after an unknown outcome, as far as the endpoint
    /// decides; see `once` for what in a body forbids it.
    pub repeatable: bool,
    /// Members whose presence makes a call unsafe to repeat (`events`, `purchases`; and `inc` inside
    /// attribute values).
    #[serde(default)]
    pub once: Vec<String>,
    /// Name of the pool of the rate limit; actions with the same pool share it.
    pub pool: String,
    /// The documented limit of that pool.
    pub limit: Limit,
    /// Largest body, in bytes.
    pub max_bytes: usize,
    /// What `with` may hold, by name. The body (or query) is these members and no others, unless
    /// `open` says that items take any attribute.
    pub fields: IndexMap<String, Field>,
    /// Exactly one of these members must stand.
    #[serde(default)]
    pub exactly_one_of: Vec<String>,
    /// At least one of these members must stand.
    #[serde(default)]
    pub at_least_one_of: Vec<String>,
    /// Members that exclude each other, pairwise.
    #[serde(default)]
    pub not_together: Vec<Vec<String>>,
    /// How calls merge; `None` when every call is its own exchange.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// How the reply is read.
    pub reply: Reply,
}

/// HTTP method of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Arguments travel in the query.
    Get,
    /// Arguments travel in a JSON body.
    Post,
}

/// What a call does to the person it addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Sets a state; the same call again changes nothing more.
    Set,
    /// Cannot be undone.
    Irreversible,
}

/// A rate limit as the service documents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests in one window.
    pub requests: u32,
    /// Length of the fixed window, in seconds.
    pub per_seconds: u32,
}

impl Limit {
    /// Length of the fixed window.
    pub fn window(self) -> Duration {
        Duration::from_secs(u64::from(self.per_seconds))
    }
}

/// What one member of `with` may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Shape of the value.
    #[serde(rename = "type")]
    pub shape: Shape,
    /// Must stand in every call.
    #[serde(default)]
    pub required: bool,
    /// The words the value may be; empty when any.
    #[serde(default)]
    pub one_of: Vec<String>,
    /// Most items of a list; the endpoint refuses more.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// Members of the object, or of each object of the list.
    #[serde(default)]
    pub fields: IndexMap<String, Field>,
    /// Objects may carry members that are not listed (custom attributes).
    #[serde(default)]
    pub open: bool,
    /// Exactly one of these members must stand in each object.
    #[serde(default)]
    pub exactly_one_of: Vec<String>,
    /// At least one of these members must stand in each object.
    #[serde(default)]
    pub at_least_one_of: Vec<String>,
    /// Members of each object that exclude each other, pairwise.
    #[serde(default)]
    pub not_together: Vec<Vec<String>>,
    /// Longest string, in bytes.
    #[serde(default)]
    pub max_bytes: Option<usize>,
}

/// The JSON shape of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of strings.
    Strings,
    /// One string, or a list of them.
    StringOrStrings,
    /// An object.
    Object,
    /// A list of objects.
    Objects,
    /// Anything JSON can hold.
    Any,
}

/// How calls of an action merge into one HTTP exchange.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The members whose items are gathered from many calls. Everything else in the body is the
    /// envelope: calls merge only if theirs is equal and they use the same arrays.
    pub arrays: IndexMap<String, Array>,
    /// Most items over all arrays of one exchange.
    pub total: usize,
    /// For `v2` of the subscription endpoint: items are groups, which merge when these members are
    /// equal, and `total` counts distinct people.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// A call merges only if this member lists these words (an export must ask for the identifier
    /// by which the answer is taken apart).
    #[serde(default)]
    pub only_if: IndexMap<String, Vec<String>>,
}

/// One array of a batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Array {
    /// Most items of this array in one exchange.
    pub at_most: usize,
    /// Where an item names its person: member names in the order of precedence; empty when the item
    /// itself is the identifier.
    #[serde(default)]
    pub person: Vec<String>,
    /// What kind of identifier a plain item is: `external_id`, `email`, `phone`, `braze_id`,
    /// `user_alias`; so that the same person is the same lane over all actions.
    #[serde(default)]
    pub identifier: Option<String>,
}

/// How a reply is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Member of a reply that lists people, such as `users`; empty means nobody was found.
    #[serde(default)]
    pub people: Option<String>,
    /// For merged reads: which member of a listed person answers which array of the call.
    #[serde(default)]
    pub answers: IndexMap<String, String>,
    /// Members that only count what was queued; evidence, never a verdict, and no step output.
    #[serde(default)]
    pub counts: Vec<String>,
}
