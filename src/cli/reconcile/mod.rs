//! `privaflow reconcile WORKFLOW`: whether Braze holds what OneTrust says, and the repair of what it lost.

mod command;
mod repairs;
mod shown;

pub(super) use command::{Args, run};
