//! Hooks on real sockets: who is let in, what is taken, and what nonsense comes to.
//!
//! The store is a real one in a folder of its own, so "durable" is what a second look at it finds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "hooks/rig.rs"]
mod rig;

#[path = "hooks/events.rs"]
mod events;
#[path = "hooks/hostile.rs"]
mod hostile;
#[path = "hooks/limits.rs"]
mod limits;
#[path = "hooks/notify.rs"]
mod notify;
#[path = "hooks/proofs.rs"]
mod proofs;
#[path = "hooks/readme.rs"]
mod readme;
#[path = "hooks/records.rs"]
mod records;
