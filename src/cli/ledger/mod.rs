//! `privaflow ledger`: the exports that others check, the check itself, the key, proofs and certificates.
//!
//! Checking needs no store, no settings and no network.

mod certificate;
mod command;
mod export;
mod proof;
mod verify;

pub(super) use command::{Args, run};
