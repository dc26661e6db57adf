//! What a record is: a key, a value, and which of two values stays.
//!
//! What they mean is the caller's.

/// The key of a record. Digests, so that keys spread evenly; nothing breaks when they do not.
pub(in crate::journal) type Key = u128;

/// What a record says, as its family lays it out.
pub(in crate::journal) type Value = [u8; 16];

/// A set of records with a meaning of its own. Numbers are never reused.
#[derive(Debug, Clone, Copy)]
pub(in crate::journal) struct Family {
    /// Number in the database.
    pub number: u8,
    /// Which of two values of one key stays.
    pub keep: fn(older: Value, newer: Value) -> Value,
}
