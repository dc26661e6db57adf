//! What comes in: requests, how far their source was read, and what was looked at and left.

use std::fmt;

/// Rows that an inbox holds at most. Whoever brings more is told to come again: 250,000 changes a day
/// fill it in four days in which nothing can be sent.
pub(in crate::journal) const MOST_ROWS: u64 = 1_000_000;
/// Bytes of sealed records that an inbox holds at most.
pub(in crate::journal) const MOST_BYTES: u64 = 2 << 30;
/// Bytes of one record at most. A request for one person is some kilobytes.
pub const MOST_RECORD_BYTES: usize = 1 << 20;

/// One request for one workflow, as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Name of the workflow.
    pub workflow: String,
    /// Where it came from: `hook:NAME`, `subtask:PROFILE`, `consent:PROFILE`, `schedule`.
    pub origin: String,
    /// A digest that names the event; a second one of the same workflow starts nothing.
    pub key: [u8; 32],
    /// Its place in a sequence of events.
    pub turn: Option<Turn>,
    /// When it must be carried out, in Unix milliseconds.
    pub due_ms: Option<i64>,
    /// Unix milliseconds.
    pub received_ms: i64,
    /// The request record as one line of JSON, without a line end.
    pub record: Vec<u8>,
}

// The record is about a person.
impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("workflow", &self.workflow)
            .field("origin", &self.origin)
            .field("due_ms", &self.due_ms)
            .field("record_bytes", &self.record.len())
            .finish_non_exhaustive()
    }
}

/// A place in a sequence of events about the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// A digest that names the sequence.
    pub lane: [u8; 32],
    /// Grows with time. Events of the same number are all taken.
    pub number: i64,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the inbox, on the disk.
    New,
    /// The same event was taken before.
    Repeated,
    /// A newer event of its sequence was taken before.
    Outdated,
}

/// How far something was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which one.
    pub name: String,
    /// In the words of who reads; never personal data.
    pub value: String,
}

/// Something that was looked at and starts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Name of the workflow.
    pub workflow: String,
    /// As in [`Arrival::origin`].
    pub origin: String,
    /// A digest that names what was looked at.
    pub key: [u8; 32],
    /// Why: one word, such as `paused`.
    pub reason: &'static str,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// How often something was skipped for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipCount {
    /// Name of the workflow.
    pub workflow: String,
    /// As in [`Arrival::origin`].
    pub origin: String,
    /// Why.
    pub reason: String,
    /// Different events.
    pub count: u64,
    /// When the last of them was looked at, in Unix milliseconds.
    pub last_ms: i64,
}
