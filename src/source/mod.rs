//! The text of a person's file, places in it, and what is wrong there.
//!
//! Rules that read a file answer with [`Mistake`]s, all of them at once; only the edges print them.
//! A mistake never carries personal data: it speaks of the file its author wrote.
//!
//! [`yaml::read`] turns a text into a tree of located [`Node`]s, so that whoever decodes it can
//! point at every key and value; [`render`] and [`json`] are the two ways mistakes are shown.

mod duration;
mod events;
mod meaning;
mod mistake;
mod node;
mod render;
mod safe_id;
mod scalar;
mod text;
mod wording;
pub mod yaml;

pub use duration::{duration, duration_word};
pub use mistake::{MOST_MISTAKES, Mistake, Severity, closest};
pub use node::{Content, Entry, Node, Style};
pub use render::{Colour, json, render};
pub use safe_id::safe_id;
pub use text::{Source, Span, line_of};
