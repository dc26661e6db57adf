//! The command line: arguments in, results on stdout, talk on stderr, an exit code out.
//!
//! A command is a file with its arguments and a `run`. What commands decide stands in the modules
//! below; here it is only asked for and shown. [`Failure`] is the only place that knows exit codes.

mod actions;
mod backfill;
mod canary;
mod command;
mod directory;
mod failure;
mod forget;
mod gate;
mod hold;
mod init;
mod jobs;
mod keys;
mod ledger;
mod logs;
mod output;
mod pauses;
mod place;
mod plan;
mod profiles;
mod progress;
mod reconcile;
mod run;
mod runs;
mod sandbox;
mod serve;
mod setup;
mod show;
mod store;
mod story;
mod trial;
mod trigger;
mod unfinished;
mod validate;
mod watch;
mod who;
mod why;
mod workflows;

use command::Common;

pub use command::main;
pub use failure::Failure;
