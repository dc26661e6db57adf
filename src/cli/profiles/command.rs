//! Which subcommand of `profiles` the arguments name.

use std::process::ExitCode;

use super::{list, test};
use crate::cli::{Common, Failure};

/// Arguments of `profiles`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show each profile, where its credential is looked up and whether it is there; never the credential
    List,
    /// Ask each service whether the profile works, and say what is wrong; touches no person
    Test(test::Args),
}

/// Does what the subcommand says.
pub(in crate::cli) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::List => list::run(common),
        Command::Test(args) => test::run(common, args),
    }
}
