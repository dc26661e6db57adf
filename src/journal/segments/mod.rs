//! Sorted, filtered segments: sets of records of one size that are written in bulk and asked one by one.
//!
//! New records go to a table in memory; when it is full it becomes a sorted segment in the database,
//! in one transaction with the watermark that says which events it covers. Segments are merged eight
//! to one in the background, in slices. What a record means is the caller's; which of two records
//! with one key stays is its [`Family`]'s. Random keys in a B-tree would write a page for each; a
//! segment writes each record once per tier.
//!
//! The rule that keeps it right: what no finished segment covers can be made again from events, so a
//! crash may lose any unfinished one, and nothing is visible before its transaction is on the disk.

mod block;
mod family;
mod filter;
mod keeper;
mod keepers;
mod merge;
mod packed;
mod segment;
mod sorted;
mod verify;

pub(super) use family::{Family, Key, Value};
pub(super) use keepers::{Keepers, RECENT_RECORDS};
pub(super) use sorted::{Looked, Sorted};
pub(super) use verify::verify;

#[cfg(test)]
mod tests;
