//! What a run tells OneTrust about the subtask it came from, over real sockets and with the real program:
//! completed never before it is verified, and never twice, whatever is lost or killed on the way.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "report/actions.rs"]
mod actions;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/folder.rs"]
mod folder;
#[path = "report/lost.rs"]
mod lost;
#[path = "report/portal.rs"]
mod portal;
#[path = "report/said.rs"]
mod said;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/server.rs"]
mod server;
