//! OneTrust over real sockets: how tokens are asked for and kept, what a request looks like on the
//! wire, what answers come to, how the limits are held, and how the staff of a tenant is read.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "onetrust/api.rs"]
mod api;
#[path = "onetrust/desk.rs"]
mod desk;
#[path = "onetrust/directory.rs"]
mod directory;
#[path = "onetrust/directory_command.rs"]
mod directory_command;
#[path = "onetrust/fake.rs"]
mod fake;
#[path = "onetrust/probe.rs"]
mod probe;
#[path = "onetrust/token.rs"]
mod token;
