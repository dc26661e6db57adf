//! Tells people, in channels of the settings, what failed, what waits for them and what will be late.
//!
//! ```text
//! how a job stands ─ what of it nobody was told ─ one message a window ─ the channel ─ told
//! ```
//!
//! Nothing here can name a person: a message is made of names of workflows and jobs, words of our own,
//! numbers, and digests of request ids. Whoever notes something never waits: a channel that is dead keeps
//! what it has to tell, also over a restart, and tells it together once it lives.

mod book;
mod error;
mod http;
mod message;
mod notifier;
mod pace;
mod smtp;
mod standing;
mod way;
mod word;

pub use error::{Memory, NotifyError};
pub use notifier::Notifier;
pub use standing::{Counts, Late, Standing};
pub use word::Word;
