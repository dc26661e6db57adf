//! `privaflow runs list|show|retry|cancel|approve|reject`: single requests, found by what became of them.

mod answer;
mod change;
mod command;
mod due;
mod filter;
mod list;
mod show;

pub(super) use change::{How, retry_failed};
pub(super) use command::{Args, run};
