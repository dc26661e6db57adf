//! `privaflow directory sync|test|list|activity|review|export`.

mod activity;
mod command;
mod export;
mod list;
mod place;
mod review;
mod shown;
mod sync;
mod test;

pub(super) use command::{Args, run};
