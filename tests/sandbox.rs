//! The look-alikes of Braze and OneTrust over real HTTP: each documented rule is a sentence here.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "sandbox/client.rs"]
mod client;
#[path = "sandbox/delete.rs"]
mod delete;
#[path = "sandbox/export.rs"]
mod export;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/onetrust/mod.rs"]
mod onetrust;
#[path = "sandbox/scene.rs"]
mod scene;
#[path = "sandbox/subscription.rs"]
mod subscription;
#[path = "sandbox/track.rs"]
mod track;
#[path = "sandbox/wire.rs"]
mod wire;
