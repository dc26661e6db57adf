//! Who decides something about a person, and why: what every such command asks, and the ledger keeps.

use std::process::ExitCode;

use serde_json::Value;

use super::place::{self, Home};
use super::{Failure, pauses, run};
use crate::config::Loaded;
use crate::host::{Answer, Command};
use crate::job::Reason;

/// Why.
#[derive(Debug, clap::Args)]
pub(super) struct Why {
    /// Why, for those who ask later: it is shown and kept with who decided it, so name nobody
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Why {
    /// A reason that may be kept, and who gave it as the system knows them.
    pub(super) fn decided(&self) -> Result<(Reason, String), Failure> {
        let reason = Reason::parse(&self.reason).map_err(|why| Failure::Usage(why.to_string()))?;
        Ok((reason, pauses::who()))
    }
}

/// Has something done in the store, by whoever owns it; `show` says with which code the command ends.
pub(super) fn carried_out(
    loaded: &Loaded,
    command: Command,
    show: impl FnOnce(Value) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let home = Home::of(loaded);
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let show = |answer, _| match answer {
            Answer::Result(result) => show(result),
            Answer::Job(_) | Answer::Summary(_) => Ok(ExitCode::SUCCESS),
        };
        place::execute(&home, command, Vec::new(), 0, stop, show).await
    })
}
