//! `privaflow profiles list|test`.

mod command;
mod list;
mod test;

pub(super) use command::{Args, run};
