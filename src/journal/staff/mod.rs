//! Who works in the tenants of OneTrust, as the last sync read it: sealed, and forgotten in time.
//!
//! One key seals all of it, wrapped and kept as the keys of requests are, outside what is backed up. Whenever
//! somebody is removed the key is replaced and destroyed, so that no old backup tells of them. The rule that keeps it
//! right: a page of rows and how far was read are one transaction, so that a sync that was killed goes on, and
//! nobody counts as gone who was only not read yet. What a record says is the work of `directory`.

mod key;
mod read;
mod retention;
mod syncs;
mod write;

pub(super) use key::number as key_number;
pub use read::StaffRecord;
pub use retention::StaffRemoved;
pub use syncs::StaffSync;
pub use write::{StaffKind, StaffRow, StaffWritten};

#[cfg(test)]
mod tests;
