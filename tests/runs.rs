//! Single requests: found, told, tried again and given up, by the real program.
//!
//! As in `jobs`, each test has a folder of its own and looks at nothing but what a person or a service
//! would see.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "runs/approve.rs"]
mod approve;
#[path = "runs/cancel.rs"]
mod cancel;
#[path = "runs/change.rs"]
mod change;
#[path = "jobs/folder.rs"]
#[expect(dead_code, reason = "shared with the tests of jobs, which use all of it")]
mod folder;
#[path = "runs/list.rs"]
mod list;
#[path = "runs/proof.rs"]
mod proof;
#[path = "jobs/server.rs"]
#[expect(dead_code, reason = "shared with the tests of jobs, which use all of it")]
mod server;
#[path = "runs/show.rs"]
mod show;
#[path = "runs/subject.rs"]
mod subject;
