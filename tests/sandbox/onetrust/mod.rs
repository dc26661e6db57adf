//! The OneTrust look-alike over real HTTP: each documented rule, and each trap, is a sentence here.

mod access;
mod client;
mod command;
mod consents;
mod contract;
mod documents;
mod requests;
