//! Sorted, filtered segments: sets of fixed-size records that are written in bulk and asked one by one.
//!
//! New records go to a table in memory; when it is full it becomes a sorted segment in the database,
//! in one transaction with the watermark that says which events it covers. Segments are merged eight
//! to one in the background, in slices. What a record means is the caller's; which of two records
//! with one key stays is its [`Family`]'s. Random keys in a B-tree would write a page for each; a
//! segment writes each record once per tier.
//!
//! The rule that keeps it right: everything here can be made again from events, so a crash may lose
//! any unfinished segment, and nothing is visible before its transaction is on the disk.

mod block;
mod filter;
mod keeper;
mod merge;
mod segment;
mod sorted;

pub(super) use keeper::{Keeper, RECENT_RECORDS};
pub(super) use sorted::Sorted;

/// The key of a record. Digests, so that keys spread evenly; nothing breaks when they do not.
pub(super) type Key = u128;

/// What a record says, as its family lays it out.
pub(super) type Value = [u8; 16];

/// A set of records with a meaning of its own. Numbers are never reused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// Number in the database.
    pub number: u8,
    /// Which of two values of one key stays.
    pub keep: fn(older: Value, newer: Value) -> Value,
}

#[cfg(test)]
mod tests;
