//! Which subcommand of `directory` the arguments name.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{activity, export, list, review, sync, test};
use crate::cli::run::parse_duration;
use crate::cli::{Common, Failure};

/// Arguments of `directory`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read users, groups, organisations and sign-ins of OneTrust; goes on where the last sync stopped
    Sync(Where),
    /// Ask what the credential may learn, and which scope is missing; reads nobody
    Test(Where),
    /// Show users as the last sync read them
    List {
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        at: Where,
    },
    /// Show what one user did: sign-ins of the last 365 days and changes of the profile, asked now
    Activity {
        /// Address, id, or a name that nobody else has
        user: String,
        /// Only what the last sync kept; asks OneTrust nothing
        #[arg(long)]
        stored: bool,
        #[command(flatten)]
        at: Where,
    },
    /// Show what an access review must look at: admins, who may touch privacy requests, who is dormant, approvers
    /// of workflows who may not approve any more
    Review {
        /// Who was not seen for so long is dormant [default: as the settings say, 90d]
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        dormant: Option<Duration>,
        #[command(flatten)]
        at: Where,
    },
    /// Write users to a private file: CSV, or JSON, one object a line
    Export {
        /// The new file: .csv, .json or .ndjson; - for standard output, with --format
        file: PathBuf,
        /// The form [default: as the file is called]
        #[arg(long, value_enum, value_name = "csv|json", hide_possible_values = true)]
        format: Option<Form>,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        at: Where,
    },
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// A table for spreadsheets.
    Csv,
    /// One object a line.
    Json,
}

/// Which tenant.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Where {
    /// The profile of OneTrust [default: those of `directory` in the settings, or all]
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Against a look-alike of OneTrust in this process, read into a throw-away store: needs no settings, no key
    #[arg(long)]
    pub sandbox: bool,
}

/// Which users; everything that is said must hold.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Whom {
    /// Who has this role, of their own or by a group; * stands for anything
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// Who is in this user group
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Who belongs to this organisation or one below it, or has a role there
    #[arg(long, visible_alias = "organization", value_name = "NAME")]
    pub organisation: Option<String>,
    /// Who may sign in
    #[arg(long, conflicts_with = "inactive")]
    pub active: bool,
    /// Who may not: disabled, or their access has ended
    #[arg(long)]
    pub inactive: bool,
    /// Who was not seen for so long: 90d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub not_seen_for: Option<Duration>,
    /// Who may touch privacy requests, by the roles of the settings
    #[arg(long)]
    pub touches_requests: bool,
    /// Who may approve what waits for approval
    #[arg(long)]
    pub can_approve: bool,
    /// Who is no longer in OneTrust, as long as they are remembered
    #[arg(long, conflicts_with_all = ["active", "inactive"])]
    pub gone: bool,
}

/// Does what the subcommand says.
pub(in crate::cli) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::Sync(at) => sync::run(common, at),
        Command::Test(at) => test::run(common, at),
        Command::List { whom, at } => list::run(common, whom, at),
        Command::Activity { user, stored, at } => activity::run(common, user, *stored, at),
        Command::Review { dormant, at } => review::run(common, *dormant, at),
        Command::Export { file, format, whom, at } => export::run(common, file, *format, whom, at),
    }
}
