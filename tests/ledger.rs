//! The ledger as auditors and privacy officers meet it: exports, proofs and certificates of the real program,
//! checked by the real program without its store.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop at the first surprise, like the test"
)]

#[path = "ledger/certificate.rs"]
mod certificate;
#[path = "ledger/export.rs"]
mod export;
#[path = "ledger/flips.rs"]
mod flips;
#[path = "jobs/folder.rs"]
#[expect(dead_code, reason = "shared with the tests of jobs, which use all of it")]
mod folder;
#[path = "report/portal.rs"]
#[expect(dead_code, reason = "shared with the tests of what is reported, which use all of it")]
mod portal;
#[path = "ledger/proof.rs"]
mod proof;
#[path = "jobs/server.rs"]
#[expect(dead_code, reason = "shared with the tests of jobs, which use all of it")]
mod server;
#[path = "ledger/store.rs"]
mod store;
