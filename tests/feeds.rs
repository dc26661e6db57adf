//! Pollers against a stand-in for OneTrust on a real socket, and a real store: pages that change while
//! they are read, rows that come late, kills in the middle, refusals, clocks that are wrong.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "feeds/consents.rs"]
mod consents;
#[path = "feeds/contract.rs"]
mod contract;
#[path = "feeds/requests.rs"]
mod requests;
#[path = "feeds/sandbox.rs"]
mod sandbox;
#[path = "feeds/standin.rs"]
mod standin;
#[path = "feeds/subtasks.rs"]
mod subtasks;
