//! Events as bytes, and back.
//!
//! A body is the number of its kind, the version of that kind's format, and the rest. The kinds that
//! come by the batch are packed ([`bulk`]), the rare ones are JSON ([`rare`]). What is written never
//! changes: a new format of a kind gets a new version, and a reader refuses what it does not know.
//! Events of jobs that are over are compacted: their ids and marks are in the indexes by then, and outputs of
//! steps that nobody can open any more are left out; then many are put together ([`bundle`]). Entries of the
//! ledger are texts; here is how many are packed together ([`texts`]).
//! No input makes it panic or take more memory than the body justifies.

mod attempted;
mod bulk;
mod bundle;
mod bytes;
mod ended;
mod error;
mod event;
mod form;
mod identified;
mod marks;
mod pack;
mod rare;
mod texts;

pub(super) use bundle::{bundle, events_in, may_be_bundled, unbundle};
pub use error::CodecError;
pub(super) use event::{compact, kind, kind_of};
pub use event::{decode, encode};
pub(super) use pack::Packed;
pub(super) use texts::{pack_texts, unpack_texts};

#[cfg(test)]
mod tests;
