//! OneTrust over real sockets: how tokens are asked for and kept, what a request looks like on the
//! wire, what answers come to, and how the limits are held.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "onetrust/api.rs"]
mod api;
#[path = "onetrust/fake.rs"]
mod fake;
#[path = "onetrust/probe.rs"]
mod probe;
#[path = "onetrust/token.rs"]
mod token;
