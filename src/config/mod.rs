//! The settings file, its profiles, and where credentials come from.
//!
//! `privaflow.yaml` is decoded once into typed values; all its mistakes are told at once, each with
//! its place. No secret stands in a file of ours: a profile says where its token is found, and
//! [`Token`] reads it there when it is needed. Talking to the service is the work of `wire`.

mod canary;
mod channel;
mod connection;
mod credential;
mod decode;
mod directory;
mod header;
mod hook;
mod hook_auth;
mod hooks;
mod host;
mod keys;
mod listed;
mod load;
mod notify;
mod profile;
mod retries;
mod section;
mod settings;
mod source;
mod token;

pub use canary::{CANARY_NAME, Canary};
pub use channel::{Address, AddressError, Channel, Smtp, Tls, Way, Webhook};
pub use connection::{Connection, ConnectionError};
pub use directory::{Directory, UserSource};
pub use header::{HeaderError, Headers};
pub use hook::{Auth, Encoding, Hmac, Hook, Shape, Signed};
pub use host::{Host, HostError, Scheme};
pub use keys::Keys;
pub use listed::Listed;
pub use load::{LoadError, Loaded, NAME};
pub use profile::{Credential, Limit, Profile, Reach, System, TokenForm};
pub use settings::{QUIET, Reading, Settings};
pub use source::{Presence, TokenSource};
pub use token::{Generation, Token, TokenError};

#[cfg(test)]
mod hook_tests;
#[cfg(test)]
mod tests;
