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

#[path = "jobs/folder.rs"]
mod folder;
#[path = "jobs/results.rs"]
mod results;
#[path = "jobs/server.rs"]
mod server;
#[path = "jobs/summary.rs"]
mod summary;
