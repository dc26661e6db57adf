//! One operation of a system, as the catalogue states it.
//!
//! An entry holds facts about an endpoint and nothing about a workflow, a profile or a person.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{Batch, Field, Multipart, Reply, Reread, Targets};

/// One operation of a system, such as `braze/users.delete`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `users.delete`; written `braze/users.delete` in a workflow.
    pub id: String,
    /// Whose action it is: `braze`, `onetrust`, `folder`.
    pub system: String,
    /// One line for people.
    pub summary: String,
    /// HTTP method.
    pub method: Method,
    /// Path without host, no trailing slash. `{name}` stands for the field of that name.
    pub path: String,
    /// The permission that the API key needs (Braze docs, "API key permissions"), or the scopes of the
    /// credential of which one is needed (OneTrust docs, "OAuth 2.0 scopes").
    pub permission: String,
    /// What a call does to the person.
    pub effect: Effect,
    /// Whether the same call may be sent again after an unknown outcome, as far as the endpoint
    /// decides; see `once` and `once_inside` for what in a body forbids it.
    pub repeatable: bool,
    /// Members whose presence makes a call unsafe to repeat (`events`, `purchases`).
    #[serde(default)]
    pub once: Vec<String>,
    /// Members at any depth inside an item that make a call unsafe to repeat (`inc`, `$add`).
    #[serde(default)]
    pub once_inside: Vec<String>,
    /// Name of the pool of the rate limit; actions with the same pool share it.
    pub pool: String,
    /// The documented limit of that pool.
    pub limit: Limit,
    /// Other limits that the service documents for some calls or customers. Which one holds is known
    /// only from the answers.
    #[serde(default)]
    pub limit_variants: Vec<Limit>,
    /// Largest body, or longest path with query of a call without one, in bytes.
    pub max_bytes: usize,
    /// What `with` may hold, by name. Body, query and path are made of these members and no others.
    pub fields: IndexMap<String, Field>,
    /// Members of every body that no workflow writes, by their names on the wire.
    #[serde(default)]
    pub fixed: IndexMap<String, serde_json::Value>,
    /// The body is a form that carries a file.
    #[serde(default)]
    pub multipart: Option<Multipart>,
    /// How to find out whether a call took effect whose answer never came; such a call is sent again
    /// only when it did not.
    #[serde(default)]
    pub reread: Option<Reread>,
    /// Exactly one of these members must stand.
    #[serde(default)]
    pub exactly_one_of: Vec<String>,
    /// At least one of these members must stand.
    #[serde(default)]
    pub at_least_one_of: Vec<String>,
    /// Members that exclude each other, pairwise.
    #[serde(default)]
    pub not_together: Vec<[String; 2]>,
    /// How calls merge; `None` when every call is its own exchange.
    #[serde(default)]
    pub batch: Option<Batch>,
    /// What its calls set; `None` when that is no state that a newer one replaces.
    #[serde(default)]
    pub targets: Option<Targets>,
    /// How the reply is read.
    pub reply: Reply,
}

impl Action {
    /// Whether its calls set states of whoever is there, and can make nobody.
    pub fn sets_states_only(&self) -> bool {
        matches!(self.targets, Some(Targets::State(_)))
    }

    /// As a workflow writes it: `braze/users.delete`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.system, self.id)
    }
}

/// HTTP method of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Arguments travel in the query.
    Get,
    /// Arguments travel in a body.
    Post,
    /// Arguments travel in a body.
    Put,
    /// Arguments travel in the query.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    /// Whether its arguments travel in a body.
    pub fn has_body(self) -> bool {
        match self {
            Method::Post | Method::Put => true,
            Method::Get | Method::Delete => false,
        }
    }
}

/// What a call does to the person it addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Tells the portal of the request how far it is, or hands over what was asked for. It changes nothing of
    /// the person, so a run that did nothing else has written nothing.
    Report,
    /// Sets a state; the same call again changes nothing more.
    Set,
    /// Cannot be undone.
    Irreversible,
}

impl Effect {
    /// Whether the person, or what is kept of them, is another one afterwards.
    pub fn writes(self) -> bool {
        match self {
            Effect::Set | Effect::Irreversible => true,
            Effect::Read | Effect::Report => false,
        }
    }
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
