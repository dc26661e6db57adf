//! `reconcile` whole: the real program between a Braze and a OneTrust that hold different things.
//!
//! What Braze holds is put there by the same program with another store, as another system would, so that
//! nothing but reading can find the difference.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "reconcile/drift.rs"]
mod drift;
#[path = "jobs/folder.rs"]
#[expect(dead_code, reason = "shared with the tests of jobs, which use all of it")]
mod folder;
#[path = "reconcile/limits.rs"]
mod limits;
#[path = "reconcile/onetrust.rs"]
mod onetrust;
#[path = "reconcile/people.rs"]
mod people;
#[path = "reconcile/repair.rs"]
mod repair;
#[expect(dead_code, reason = "shared with the tests of hosts, which use all of it")]
#[path = "host/running.rs"]
mod running;
#[path = "jobs/server.rs"]
#[expect(dead_code, reason = "shared with the tests of jobs, which use all of it")]
mod server;
