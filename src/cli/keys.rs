//! `privaflow keys rotate`: other master key, same keys.
//!
//! Which keys there are and what wraps them is the work of `journal`; it is done by whoever owns the store.

use std::process::ExitCode;

use super::output::{self, Format, counted};
use super::place::{self, Home};
use super::{Common, Failure, run, setup};
use crate::host::{Answer, Command};
use crate::journal::Reader;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Wrap the keys of the store with another master key
    ///
    /// With `keys.master` in the settings: the one that stands there now, while `keys.previous` still says where
    /// the one before is. Without it: a new one, in the place of the file `keys/master.key` of the store.
    Rotate,
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let Subcommand::Rotate = args.command;
    let loaded = setup::settings(common)?;
    Reader::must_be_there(&loaded.settings.store)?;
    let home = Home::of(&loaded);
    run::runtime()?.block_on(async {
        let show = |answer, _| {
            if let Answer::Result(result) = answer {
                match common.output {
                    Format::Json => output::json(&result)?,
                    Format::Text => {
                        let keys = counted(result["keys"].as_u64().unwrap_or_default(), "key");
                        let to = result["master"].as_str().unwrap_or("a new keys/master.key");
                        output::text(&format!("{keys} wrapped anew with {to}\n"))?;
                    }
                }
            }
            Ok(ExitCode::SUCCESS)
        };
        place::execute(&home, Command::RotateKeys, Vec::new(), 0, run::stop_on_signal(), show).await
    })
}
