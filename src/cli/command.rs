//! Which command the arguments name, and what every command is told.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::output::Format;
use super::{
    actions, backfill, canary, directory, forget, gate, hold, init, jobs, keys, ledger, logs, pauses, plan,
    profiles, reconcile, run, runs, sandbox, serve, store, validate, watch, workflows,
};

/// What stands under the help of the program.
const START_HERE: &str = "\
Try it without settings or a key (`privaflow init` writes these files):
  privaflow run workflows/user-deletion.yaml --input examples/deletion-requests.ndjson --sandbox

Exit codes:
  0    all done or skipped
  1    finished, but something failed or waits for a human
  2    usage, settings, workflow or input is wrong; nothing was done
  3    a service refused the credentials or cannot be reached
  130  interrupted; the same command goes on";

/// The heading of the options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Carries privacy requests and consent changes out in Braze, and writes down what became of each.
#[derive(Debug, Parser)]
#[command(name = "privaflow", version, arg_required_else_help = true, after_help = START_HERE)]
struct Cli {
    /// Settings [default: privaflow.yaml in this folder, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// How results are written: text for people, or json, one object a line
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "text|json")]
    #[arg(help_heading = EVERYWHERE, hide_possible_values = true, hide_default_value = true)]
    output: Format,
    /// How the log is written to standard error: text or json
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "text|json")]
    #[arg(help_heading = EVERYWHERE, hide_possible_values = true, hide_default_value = true)]
    log_format: logs::LogFormat,
    /// What is logged: error, warn, info, debug, or a filter such as privaflow=debug [default: warn, of `serve` info]
    #[arg(long, global = true, env = "PRIVAFLOW_LOG", value_name = "LEVEL")]
    #[arg(help_heading = EVERYWHERE, hide_env_values = true)]
    log: Option<String>,
    /// Only look: read, plan and write down, and send nothing that changes anything. In a store beside the real
    /// one, which the other commands see with the same word
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    shadow: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write settings, workflows and examples to start from
    Init(init::Args),
    /// Check workflows and show every mistake
    Validate(validate::Args),
    /// Show the calls that would be made, and make none
    Plan(plan::Args),
    /// Carry out a workflow for every request of a file
    Run(run::Args),
    /// Compare what Braze holds with what OneTrust says, and repair what was lost
    Reconcile(reconcile::Args),
    /// Get everybody's consents out of OneTrust at once, as records for `reconcile` and `run`
    Backfill(backfill::Args),
    /// Take requests in as they come, and carry them out, until it is stopped
    Serve(serve::Args),
    /// See the workflows that `serve` may start, and approve those that were changed
    Workflows(workflows::Args),
    /// See how jobs stand; resume, cancel or approve one
    Jobs(jobs::Args),
    /// See what became of single requests; try one again, or give it up
    Runs(runs::Args),
    /// See who is kept from coming back after an erasure; let somebody through
    Gate(gate::Args),
    /// Keep people from being erased: add, see, remove
    Hold(hold::Args),
    /// See whether erased people are still gone; look now
    Watch(watch::Args),
    /// Take a person who does not exist through a workflow, to see whether the pipe works
    Canary(canary::Args),
    /// Emergency stop: hold back everything, or one profile, until `resume`
    Pause(pauses::PauseArgs),
    /// Let go what `pause` holds back
    Resume(pauses::ResumeArgs),
    /// Copy the store, put a copy back, or remove what is old
    Store(store::Args),
    /// Destroy what is kept here of a person, now
    ///
    /// Requests of theirs that are not over end as failed (`forgotten`); records that came in, and what steps
    /// answered, cannot be read any more, in backups made before neither. Files that you ran are yours.
    Forget(forget::Args),
    /// Change the master key that wraps the keys of what waits
    Keys(keys::Args),
    /// Write out what was done, so that others can check it; check it; prove it for one person
    Ledger(ledger::Args),
    /// See the profiles of the settings; ask their services whether they work
    Profiles(profiles::Args),
    /// See who may act in OneTrust, and who does: read its users, list them, review their access
    Directory(directory::Args),
    /// See the actions that workflows can call
    Actions(actions::Args),
    /// Start look-alikes of Braze and OneTrust on this machine
    Sandbox(sandbox::Args),
}

/// What every command is told.
#[derive(Debug)]
pub(super) struct Common {
    pub config: Option<PathBuf>,
    pub output: Format,
    /// Nothing is written outside.
    pub shadow: bool,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; anything else is a mistake of usage.
            let code = if error.use_stderr() { 2 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(2),
            };
        }
    };
    let common = Common { config: cli.config, output: cli.output, shadow: cli.shadow };
    let stays = matches!(cli.command, Command::Serve(_));
    let filter = cli.log.unwrap_or_else(|| if stays { logs::OF_SERVE } else { logs::USUAL }.to_owned());
    let result = logs::start(&filter, cli.log_format).and_then(|()| match cli.command {
        Command::Run(args) => run::run(&common, &args),
        Command::Backfill(args) => backfill::run(&common, &args),
        Command::Reconcile(args) => reconcile::run(&common, &args),
        Command::Plan(args) => plan::run(&common, &args),
        Command::Validate(args) => validate::run(&common, &args),
        Command::Serve(args) => serve::run(&common, &args),
        Command::Workflows(args) => workflows::run(&common, &args),
        Command::Jobs(args) => jobs::run(&common, &args),
        Command::Runs(args) => runs::run(&common, &args),
        Command::Gate(args) => gate::run(&common, &args),
        Command::Hold(args) => hold::run(&common, &args),
        Command::Watch(args) => watch::run(&common, &args),
        Command::Canary(args) => canary::run(&common, &args),
        Command::Pause(args) => pauses::pause(&common, &args),
        Command::Resume(args) => pauses::resume(&common, &args),
        Command::Store(args) => store::run(&common, &args),
        Command::Forget(args) => forget::run(&common, &args),
        Command::Keys(args) => keys::run(&common, &args),
        Command::Ledger(args) => ledger::run(&common, &args),
        Command::Profiles(args) => profiles::run(&common, &args),
        Command::Directory(args) => directory::run(&common, &args),
        Command::Actions(args) => actions::run(&common, &args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Init(args) => init::run(&common, &args),
    });
    match result {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            failure.code()
        }
    }
}
