//! What Braze's answers mean.
//!
//! The catalogue of its endpoints stands beside this file as data. A reply is read as a value: nothing
//! here waits, sends or stores. `success` means accepted and queued, never that a profile existed or
//! changed. No text of a reply is passed on unless it is a sentence known beforehand: a reply can hold
//! personal data, and the one to a bad key holds the key.

mod parsed;
mod people;
mod read;
mod sentences;

pub use read::read;

#[cfg(test)]
mod read_tests;
