//! What is left when everything goes wrong at once: journals cut short, killed processes, lost answers,
//! full disks.
//!
//! Every test ends with the same questions: is each person in the right final state, was anything lost,
//! was anything that must not be repeated sent twice, and does the summary say what happened? Chance
//! comes from a seed that a failing test names; `PRIVAFLOW_SEED` sets it, `PRIVAFLOW_LONG=1` asks for
//! the long mode.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "faults/abandoned.rs"]
mod abandoned;
#[path = "faults/between.rs"]
mod between;
#[path = "faults/chance.rs"]
mod chance;
#[path = "faults/cuts.rs"]
mod cuts;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/erased.rs"]
mod erased;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/folder.rs"]
mod folder;
#[path = "faults/fresh.rs"]
mod fresh;
#[path = "faults/gate.rs"]
mod gate;
#[path = "faults/held.rs"]
mod held;
#[path = "faults/jumps.rs"]
mod jumps;
#[path = "faults/kills.rs"]
mod kills;
#[path = "faults/newest.rs"]
mod newest;
#[path = "faults/once.rs"]
mod once;
#[path = "faults/rig.rs"]
mod rig;
#[expect(dead_code, reason = "shared with the tests of jobs, which need more of it")]
#[path = "jobs/server.rs"]
mod server;
#[path = "faults/service.rs"]
mod service;
#[path = "faults/steps.rs"]
mod steps;
#[path = "faults/torn.rs"]
mod torn;
#[path = "faults/unreadable.rs"]
mod unreadable;
#[path = "faults/untold.rs"]
mod untold;
#[path = "faults/wal.rs"]
mod wal;
#[path = "faults/watched.rs"]
mod watched;
