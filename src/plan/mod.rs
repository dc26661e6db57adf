//! From a rendered `with` to bytes on their way: one call, and how calls become one body.
//!
//! A [`Call`] is taken apart and written as JSON once, when it is made; merging copies those bytes and
//! parses nothing. The rules come from the catalogue. When a body is sent, how long a call waits for
//! others, and what the answer means is decided elsewhere. Everything here holds personal data, so
//! nothing here prints it.

mod body;
mod call;
mod envelope;
mod erased;
mod look;
mod mold;
mod mold_parts;
mod own;
mod person;
mod query;
mod reach;
mod room;
mod setting;
mod spelled;
mod split;
mod target;

pub use body::{body, content_type, owner, path_and_query};
pub use call::{Call, Item};
pub use envelope::Envelope;
pub use erased::LeftOfErased;
pub use look::Look;
pub use mold::Mold;
pub use person::{KnownBy, NORMALISATION, PersonKey};
pub use query::encode;
pub use reach::SharedWith;
pub use room::Room;
pub use setting::{Setting, What, Who};
pub use target::Target;

#[cfg(test)]
mod call_tests;
#[cfg(test)]
mod erased_tests;
#[cfg(test)]
mod merge_tests;
#[cfg(test)]
mod mold_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod target_tests;
