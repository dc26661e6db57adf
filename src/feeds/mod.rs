//! Work that OneTrust does not bring, looked for again and again: open subtasks, changed consents.
//!
//! ```text
//! ask for a page ─ judge what is on it (onetrust) ─ into the inbox ─ with the last page, move the cursor
//! ```
//!
//! A [`Poller`] is one trigger of one workflow. What a record says is decided in `onetrust`, what becomes
//! of it in the inbox and behind it. The rule that keeps it right: a cursor moves only in the transaction
//! of the last thing it covers, and only to moments that OneTrust's own clock has seen, so that neither a
//! kill nor a wrong clock of ours loses anything; what is read twice is known by its key.

mod ask;
mod consents;
mod error;
mod everyone;
mod export;
mod inbox;
mod look;
mod look_back;
mod pace;
mod patient;
mod place;
mod poller;
mod requests;
mod rows;
mod search;
mod subtasks;

pub use error::FeedError;
pub use everyone::{BEGINNING, Everyone};
pub use export::{Export, ExportError};
pub use look::look;
pub use pace::{Standing, keep_looking};
pub use patient::{Patience, ask_patiently};
pub use poller::{Polled, Poller};
pub use rows::{RowsError, each_person};
