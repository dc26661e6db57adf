//! Jobs whole: the real program against the sandbox, and against servers that say what it never says.
//!
//! Each test starts the program in a folder of its own, with its own settings, store and service, and
//! looks at nothing but what a person or a service would see: the exit code, what was printed, the
//! files that are left, and the requests that arrived.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "jobs/bad_input.rs"]
mod bad_input;
#[path = "jobs/batches.rs"]
mod batches;
#[path = "jobs/credentials.rs"]
mod credentials;
#[path = "jobs/endurance.rs"]
mod endurance;
#[path = "jobs/folder.rs"]
mod folder;
#[path = "jobs/formats.rs"]
mod formats;
#[path = "jobs/fresh.rs"]
mod fresh;
#[path = "jobs/gated.rs"]
mod gated;
#[path = "jobs/guard.rs"]
mod guard;
#[path = "jobs/holds.rs"]
mod holds;
#[path = "jobs/hostile.rs"]
mod hostile;
#[path = "jobs/order.rs"]
mod order;
#[path = "jobs/plan.rs"]
mod plan;
#[path = "jobs/results.rs"]
mod results;
#[path = "jobs/resume.rs"]
mod resume;
#[path = "jobs/server.rs"]
mod server;
#[path = "jobs/steps.rs"]
mod steps;
#[path = "jobs/summary.rs"]
mod summary;
#[path = "jobs/telemetry.rs"]
mod telemetry;
