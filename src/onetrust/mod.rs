//! What OneTrust's answers mean.
//!
//! The catalogue of its endpoints stands beside this file as data. A reply is read as a value: nothing
//! here waits, sends or stores. No text of a reply is passed on: it can hold personal data.

mod read;

pub use read::read;

#[cfg(test)]
mod read_tests;
