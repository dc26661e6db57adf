//! One process owns a store, and others hand over to it: the real program, several at a time.
//!
//! What is looked at is what people and the service see: exit codes, summaries, words on standard
//! error, and the requests that arrived. Nothing waits for time to pass; every wait is for a fact.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "host/behind.rs"]
mod behind;
#[path = "host/crash.rs"]
mod crash;
#[path = "host/decisions.rs"]
mod decisions;
#[path = "host/declined.rs"]
mod declined;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/folder.rs"]
mod folder;
#[path = "host/hanging.rs"]
mod hanging;
#[path = "host/pause.rs"]
mod pause;
#[path = "host/priority.rs"]
mod priority;
#[path = "host/running.rs"]
mod running;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/server.rs"]
mod server;
#[path = "host/settling.rs"]
mod settling;
#[path = "host/socket.rs"]
mod socket;
#[path = "host/together.rs"]
mod together;
