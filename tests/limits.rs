//! How well jobs keep within a service's limits: all of what is allowed is used, and nothing beyond it is
//! asked.
//!
//! The service counts requests on arrival in fixed windows of its own clock, which differs from ours,
//! and answers after a while, as a service far away does. `PRIVAFLOW_LONG=1` measures with the limits
//! that Braze documents; the suite does the same in small, with room for a busy machine.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "limits/counter.rs"]
mod counter;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/folder.rs"]
mod folder;
#[path = "limits/refused.rs"]
mod refused;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/server.rs"]
mod server;
#[path = "limits/shared.rs"]
mod shared;
#[path = "limits/told.rs"]
mod told;
#[path = "limits/used.rs"]
mod used;
