//! What a template can do with values, by name.
//!
//! A helper is a function of its arguments and of [`Extra`](super::Extra) alone: no clock, no randomness. Each one is
//! described in [`HELPERS`] with an example that is a test. A failure names the helper and what it was
//! given by path, never by value.

mod all;
mod call;
mod docs;
mod given;
mod logic;
mod page;
mod texts;
mod times;

pub(super) use all::{Helper, named, names};
pub(super) use call::call;
pub use docs::{HELPERS, HelperDoc};
