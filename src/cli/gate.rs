//! `privaflow gate list|release`: who is kept from coming back after an erasure, and who is let through.
//!
//! What is typed is hashed and never shown. What changes is written down by whoever owns the store, with who
//! and why.

use std::process::ExitCode;

use serde_json::Value;

use super::output::{self, Format};
use super::place::{self, Home};
use super::{Common, Failure, pauses, run, setup};
use crate::config::{Loaded, System};
use crate::host::{Answer, Command, GateCommand, Typed};
use crate::job::Reason;

/// Arguments of `gate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Show what the gate keeps: digests, workspaces and moments; newest erasures first
    List {
        /// Of somebody: an id, an address, a number, or such as external_id=TEXT or alias=LABEL/NAME
        #[arg(long, value_name = "WHO")]
        subject: Option<String>,
        /// Of one workspace
        #[arg(long, value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// Erased on this day or later, such as 2026-11-22, or at a moment
        #[arg(long, value_name = "DAY", value_parser = parse_moment)]
        since: Option<i64>,
        /// Erased before this day or moment
        #[arg(long, value_name = "DAY", value_parser = parse_moment)]
        before: Option<i64>,
        /// Show at most so many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Let somebody through: changes from before their erasure are carried out again
    Release {
        /// An id, an address, a number, or such as external_id=TEXT or alias=LABEL/NAME
        subject: String,
        /// In one workspace
        #[arg(long, value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// Why, for those who ask later: it is kept with who decided it, so name nobody
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    match &args.command {
        Subcommand::List { subject, workspace, since, before, limit } => {
            let command = GateCommand::List {
                subject: subject.clone().map(Typed),
                workspaces: workspaces(&loaded, workspace.as_deref())?,
                since_ms: *since,
                before_ms: *before,
                limit: *limit,
            };
            carried_out(&loaded, Command::Gate(command), |entries| list(common, &entries))
        }
        Subcommand::Release { subject, workspace, reason } => {
            let command = GateCommand::Release {
                subject: Typed(subject.clone()),
                workspaces: workspaces(&loaded, workspace.as_deref())?,
                reason: reason_of(reason)?,
                by: pauses::who(),
            };
            carried_out(&loaded, Command::Gate(command), |result| match common.output {
                Format::Json => output::json(&result),
                Format::Text => output::text(&match result["released"].as_u64() {
                    Some(0) | None => {
                        "the gate keeps nothing of this person that is not released\n".to_owned()
                    }
                    Some(count) => format!("{} released\n", output::counted(count, "identifier")),
                }),
            })
        }
    }
}

fn list(common: &Common, entries: &Value) -> Result<(), Failure> {
    let entries = entries.as_array().map_or(&[][..], Vec::as_slice);
    if common.output == Format::Json {
        return entries.iter().try_for_each(output::json);
    }
    if entries.is_empty() {
        anstream::eprintln!("the gate keeps nothing of that");
        return Ok(());
    }
    let text = |entry: &Value, name: &str| entry[name].as_str().map_or_else(|| "-".to_owned(), output::plain);
    let names = ["key", "workspace", "erased_at", "refuses_until", "released_at", "released_by", "reason"];
    let rows: Vec<Vec<String>> =
        entries.iter().map(|entry| names.iter().map(|name| text(entry, name)).collect()).collect();
    let head = ["KEY", "WORKSPACE", "ERASED", "REFUSES CHANGES UNTIL", "RELEASED", "BY", "WHY"];
    output::text(&output::table(&head, rows))
}

/// The workspaces of Braze that the settings have, or the one that was named.
fn workspaces(loaded: &Loaded, named: Option<&str>) -> Result<Vec<String>, Failure> {
    let braze = loaded.settings.profiles.values().filter(|profile| profile.system == System::Braze);
    let mut known: Vec<String> = braze.map(|profile| profile.workspace.clone()).collect();
    known.sort();
    known.dedup();
    let Some(named) = named else { return Ok(known) };
    if !known.iter().any(|known| known == named) {
        let hint = crate::source::closest(named, known.iter().map(String::as_str));
        let hint = hint.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::Usage(format!("no profile of the settings has the workspace `{named}`{hint}")));
    }
    Ok(vec![named.to_owned()])
}

/// A reason that may be kept.
pub(super) fn reason_of(text: &str) -> Result<Reason, Failure> {
    Reason::parse(text).map_err(|why| Failure::Usage(why.to_string()))
}

/// A day (UTC), or a moment, in Unix milliseconds.
pub(super) fn parse_moment(text: &str) -> Result<i64, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    let at = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    at.map(|at| at.timestamp().as_millisecond())
        .ok_or_else(|| "write a day such as 2026-11-22, or a moment such as 2026-11-22T10:00:00Z".to_owned())
}

/// Has something done in the store, by whoever owns it.
pub(super) fn carried_out(
    loaded: &Loaded,
    command: Command,
    show: impl FnOnce(Value) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    let home = Home::of(loaded);
    run::runtime()?.block_on(async {
        let stop = run::stop_on_signal();
        let show = |answer, _| {
            if let Answer::Result(result) = answer {
                show(result)?;
            }
            Ok(ExitCode::SUCCESS)
        };
        place::execute(&home, command, Vec::new(), 0, stop, show).await
    })
}
