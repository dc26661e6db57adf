//! `privaflow gate list|release`: who is kept from coming back after an erasure, and who is let through.
//!
//! What is typed is hashed and never shown. What changes is written down by whoever owns the store, with who
//! and why.

use std::process::ExitCode;

use serde_json::Value;

use super::output::{self, Format};
use super::who::addressed;
use super::why::{Why, carried_out};
use super::{Common, Failure, setup, store};
use crate::config::{Loaded, System};
use crate::host::{Command, GateCommand};

/// Said where there is nothing to list.
const NOTHING: &str = "the gate keeps nothing of that";

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
    /// Let people through: changes from before their erasure are carried out again
    ///
    /// Somebody who is named by one identifier is let through by every other that the same request erased.
    Release {
        /// An id, an address, a number, or such as external_id=TEXT or alias=LABEL/NAME
        #[arg(required = true, value_name = "SUBJECT")]
        subjects: Vec<String>,
        /// In one workspace
        #[arg(long, value_name = "WORKSPACE")]
        workspace: Option<String>,
        #[command(flatten)]
        why: Why,
    },
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    match &args.command {
        Subcommand::List { subject, workspace, since, before, limit } => {
            if !store::is_listed(&loaded.settings.store, NOTHING)? {
                return Ok(ExitCode::SUCCESS);
            }
            let command = GateCommand::List {
                subject: subject.as_deref().map(addressed).transpose()?,
                workspaces: workspaces(&loaded, workspace.as_deref())?,
                since_ms: *since,
                before_ms: *before,
                limit: *limit,
            };
            carried_out(&loaded, Command::Gate(command), |entries| list(common, &entries))
        }
        Subcommand::Release { subjects, workspace, why } => {
            let (reason, by) = why.decided()?;
            let command = GateCommand::Release {
                subjects: subjects.iter().map(|typed| addressed(typed)).collect::<Result<_, _>>()?,
                workspaces: workspaces(&loaded, workspace.as_deref())?,
                reason,
                by,
            };
            carried_out(&loaded, Command::Gate(command), |result| released(common, subjects.len(), &result))
        }
    }
}

/// Says what was let through, and what was not.
fn released(common: &Common, named: usize, result: &Value) -> Result<ExitCode, Failure> {
    let count = |name: &str| result[name].as_u64().unwrap_or_default();
    let unknown: Vec<u64> =
        result["unknown"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    if unknown.len() == named {
        return Err(Failure::Usage(
            "the gate keeps nothing of that: nobody who is known so was erased in these workspaces; `privaflow gate \
             list` shows what it keeps, and a subject such as external_id=TEXT names one kind of identifier"
                .to_owned(),
        ));
    }
    match common.output {
        Format::Json => output::json(result)?,
        Format::Text if count("released") == 0 => {
            output::text("all that the gate keeps of this was released before\n")?;
        }
        Format::Text => {
            let of = match count("erasures") {
                0 => String::new(),
                erasures => format!(", all that {} covered", output::counted(erasures, "erasure")),
            };
            output::text(&format!("{} released{of}\n", output::counted(count("released"), "identifier")))?;
        }
    }
    if count("alone") > 0 {
        anstream::eprintln!(
            "{} of them an earlier release of privaflow wrote: what else was erased with them is not known, so name the person's \
             other identifiers, too, which the gate still refuses",
            output::counted(count("alone"), "identifier")
        );
    }
    if unknown.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let places: Vec<String> = unknown.iter().map(|place| format!("{}.", place + 1)).collect();
    anstream::eprintln!("error: of the {} subject named, the gate keeps nothing", places.join(", "));
    Ok(ExitCode::from(1))
}

fn list(common: &Common, entries: &Value) -> Result<ExitCode, Failure> {
    let entries = entries.as_array().map_or(&[][..], Vec::as_slice);
    if common.output == Format::Json {
        entries.iter().try_for_each(output::json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if entries.is_empty() {
        anstream::eprintln!("{NOTHING}");
        return Ok(ExitCode::SUCCESS);
    }
    let text = |entry: &Value, name: &str| entry[name].as_str().map_or_else(|| "-".to_owned(), output::plain);
    let names = ["key", "workspace", "erased_at", "refuses_until", "released_at", "released_by", "reason"];
    let rows: Vec<Vec<String>> =
        entries.iter().map(|entry| names.iter().map(|name| text(entry, name)).collect()).collect();
    let head = ["KEY", "WORKSPACE", "ERASED", "REFUSES CHANGES UNTIL", "RELEASED", "BY", "WHY"];
    output::text(&output::table(&head, rows))?;
    Ok(ExitCode::SUCCESS)
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
