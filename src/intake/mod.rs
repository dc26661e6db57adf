//! Files of requests into raw records: opened, digested, decompressed, decoded, cut.
//!
//! ```text
//! file ─ digest ─┬─ gzip ─ encoding ─┬─ lines ─┬─ chunks of raw records
//! standard input ┘ (spooled first)   └─ table ─┘
//! ```
//!
//! Reading costs constant memory whatever the file holds. A line that is no record is a record with
//! a [`crate::request::Problem`], and the next line is read; only what spoils the whole file is an
//! [`InputError`]. What a record says is the work of `request`.

mod chosen;
mod chunk;
mod columns;
mod decoded;
mod error;
mod format;
mod input;
mod lines;
mod quotes;
mod records;
mod table;
#[cfg(test)]
mod tests;

pub use chosen::Chosen;
pub use chunk::{Chunk, RawRecord};
pub use columns::Columns;
pub use error::InputError;
pub use input::{Input, REQUESTS, Reading};
pub use lines::MOST_LINE_BYTES;
pub use records::Records;
