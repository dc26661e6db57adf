//! A folder of this machine as a system that workflows hand files over to.
//!
//! The catalogue of what can be done there stands beside this file as data. It answers as a service does,
//! so that a file is written with the same care as a call: its intent is in the journal first, and what
//! became of it is known after a crash. Who may read the folder is for whoever owns it.

mod files;
mod read;

pub use files::{Files, Told};
pub use read::read;
