//! Which command the arguments name, and what every command is told.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::output::Format;
use super::{actions, init, jobs, logs, plan, profiles, run, sandbox, validate};

/// Carries privacy requests and consent changes out in Braze, and writes down what became of each.
#[derive(Debug, Parser)]
#[command(name = "privaflow", version, arg_required_else_help = true)]
struct Cli {
    /// Settings file [default: privaflow.yaml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value = "text")]
    output: Format,
    /// How the log is written to standard error
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: logs::LogFormat,
    /// What is logged: error, warn, info, debug, or a filter such as privaflow=debug
    #[arg(long, global = true, env = "PRIVAFLOW_LOG", default_value = "warn", value_name = "FILTER")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carry out a workflow for every request of a file
    Run(run::Args),
    /// Show the calls that would be made, and make none
    Plan(plan::Args),
    /// Check workflows and show every mistake
    Validate(validate::Args),
    /// Look at jobs and decide about them
    Jobs(jobs::Args),
    /// Look at the profiles of the settings
    Profiles(profiles::Args),
    /// Look at what workflows can call
    Actions(actions::Args),
    /// Start a look-alike of Braze on this machine
    Sandbox(sandbox::Args),
    /// Write settings and workflows to start from
    Init(init::Args),
}

/// What every command is told.
#[derive(Debug)]
pub(super) struct Common {
    pub config: Option<PathBuf>,
    pub output: Format,
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
    let common = Common { config: cli.config, output: cli.output };
    let result = logs::start(&cli.log, cli.log_format).and_then(|()| match cli.command {
        Command::Run(args) => run::run(&common, &args),
        Command::Plan(args) => plan::run(&common, &args),
        Command::Validate(args) => validate::run(&common, &args),
        Command::Jobs(args) => jobs::run(&common, &args),
        Command::Profiles(args) => profiles::run(&common, &args),
        Command::Actions(args) => actions::run(&common, &args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Init(args) => init::run(&args),
    });
    match result {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            failure.code()
        }
    }
}
