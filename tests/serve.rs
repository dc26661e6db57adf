//! `serve` whole: the real program, what it takes in, what arrives at the service, and kills in between.
//!
//! What came in is put into the store by the library before the program owns it; everything else is what
//! people, services and machines see. Nothing waits for time to pass; every wait is for a fact.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "serve/approval.rs"]
mod approval;
#[path = "serve/approvers.rs"]
mod approvers;
#[path = "serve/both.rs"]
mod both;
#[path = "serve/canary.rs"]
mod canary;
#[path = "serve/chosen.rs"]
mod chosen;
#[path = "serve/crash.rs"]
mod crash;
#[path = "serve/deploy.rs"]
mod deploy;
#[path = "serve/due.rs"]
mod due;
#[path = "serve/first_pages.rs"]
mod first_pages;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/folder.rs"]
mod folder;
#[path = "serve/forget.rs"]
mod forget;
#[path = "serve/given_up.rs"]
mod given_up;
#[path = "serve/health.rs"]
mod health;
#[path = "serve/hooks.rs"]
mod hooks;
#[path = "serve/left.rs"]
mod left;
#[path = "serve/lost.rs"]
mod lost;
#[path = "serve/markers.rs"]
mod markers;
#[path = "serve/reopened.rs"]
mod reopened;
#[path = "serve/restored.rs"]
mod restored;
#[expect(dead_code, reason = "shared with the tests of jobs and of hosts, which need more of it")]
#[path = "host/running.rs"]
mod running;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/server.rs"]
mod server;
#[path = "serve/serving.rs"]
mod serving;
#[path = "serve/shadow.rs"]
mod shadow;
#[path = "serve/shown.rs"]
mod shown;
#[path = "serve/somebody_else.rs"]
mod somebody_else;
#[path = "serve/sought.rs"]
mod sought;
#[path = "serve/watching.rs"]
mod watching;
#[path = "serve/whole.rs"]
mod whole;
#[path = "serve/windows.rs"]
mod windows;
