//! Strings and bodies of a workflow: Handlebars, compiled once, rendered as typed trees.
//!
//! The `handlebars` crate says what a template means as text; what it means for a person's data is
//! decided here: a leaf that is one expression keeps its JSON type, data never becomes template, and
//! a missing value is an error. Rendering has no clock, no randomness and no I/O.

mod compile;
mod error;
mod expression;
mod extra;
mod helper;
mod leaf;
mod limits;
mod name;
mod places;
mod redact;
mod scope;
mod text;
mod tree;

#[cfg(test)]
mod tests;

pub use error::RenderError;
pub use extra::Extra;
pub use helper::{HELPERS, HelperDoc};
pub use leaf::Leaf;
pub use name::Name;
pub(crate) use places::offset;
pub use scope::Scope;
pub(crate) use scope::member;
pub use tree::{Node, PathSeg, Tree};
