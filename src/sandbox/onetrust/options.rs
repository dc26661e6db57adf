//! What the OneTrust look-alike can be told when it starts, and what can be changed while it runs.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::limits::Limits;
use super::page::Envelope;
use super::reply::ErrorBody;
use crate::clock::{SharedClock, SystemClock};
use crate::sandbox::Faults;

/// The scopes of a credential that may do everything the look-alike knows.
pub const ALL_SCOPES: [&str; 10] = [
    "ATTACHMENT",
    "BULK_EXPORT",
    "CONSENT",
    "CONSENT_READ",
    "DSAR",
    "DSAR_READ",
    "DSAR_WRITE",
    "ORGANIZATION",
    "SCIM",
    "USER",
];

/// How long a token lives when a credential does not say (one of OneTrust's choices: an hour).
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// How the look-alike behaves.
#[derive(Clone)]
pub struct Options {
    /// Everything that looks random follows from it: ids, references, tokens, the default credential.
    pub seed: u64,
    /// Tokens, limits and dates go by this clock.
    pub clock: SharedClock,
    /// Where to listen; loopback only. Default 127.0.0.1 and a free port.
    pub listen: SocketAddr,
    /// The credentials that exist; one with all scopes, which follows from the seed, when empty.
    pub credentials: Vec<Credential>,
    /// Keys that are ready tokens, with their scopes; one with all scopes when empty.
    pub api_keys: Vec<(String, Vec<String>)>,
    /// Rate limits; the documented ones by default.
    pub limits: Limits,
    /// What goes wrong; nothing by default. A path of a fault is that of OneTrust's OpenAPI, with its
    /// `{names}`.
    pub faults: Faults,
    /// What can also be changed while it runs.
    pub manner: Manner,
    /// How many people work in the tenant.
    pub staff: usize,
}

/// How many people work in a tenant that nobody described otherwise.
const STAFF: usize = 300;

/// A pair for the token endpoint.
#[derive(Clone)]
pub struct Credential {
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: String,
    /// What its tokens may do.
    pub scopes: Vec<String>,
    /// How long its tokens live.
    pub lifetime: Duration,
}

impl Credential {
    /// A pair with these scopes whose tokens live an hour.
    pub fn new(client_id: &str, client_secret: &str, scopes: &[&str]) -> Credential {
        Credential {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            lifetime: LIFETIME,
        }
    }
}

/// What the documents leave open, and real tenants may do in either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manner {
    /// How lists of requests, subtasks and resolutions are wrapped.
    pub envelope: Envelope,
    /// The bodies of refusals.
    pub errors: ErrorBody,
    /// How lists spell the status of a subtask.
    pub statuses: Spelling,
    /// Where a request keeps its custom fields.
    pub fields: FieldsIn,
    /// Whether the consent endpoints of version 4 are enabled for the tenant.
    pub v4: bool,
    /// Whether subtasks can be searched at all: `false` answers 403 whatever the scopes.
    pub subtask_search: bool,
    /// Whether the older endpoints of SCIM are there.
    pub scim_v2: bool,
    /// Whether the newer ones are.
    pub scim_v3: bool,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            envelope: Envelope::default(),
            errors: ErrorBody::default(),
            statuses: Spelling::default(),
            fields: FieldsIn::default(),
            v4: true,
            subtask_search: true,
            scim_v2: true,
            scim_v3: true,
        }
    }
}

/// How lists spell a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// `IN_PROGRESS`, as OneTrust's OpenAPI says.
    #[default]
    Codes,
    /// `In Progress`, as a client in the open compares with.
    Words,
}

/// Where custom fields stand in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldsIn {
    /// In `requestAdditionalData`, and as a text in `additionalData`.
    #[default]
    Both,
    /// Only as JSON text in `additionalData`.
    Text,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 0,
            clock: Arc::new(SystemClock),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            credentials: Vec::new(),
            api_keys: Vec::new(),
            limits: Limits::documented(),
            faults: Faults::default(),
            manner: Manner::default(),
            staff: STAFF,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("seed", &self.seed)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
