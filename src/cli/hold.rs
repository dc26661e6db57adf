//! `privaflow hold add|list|remove`: who must not be erased, and why.
//!
//! Asked before every erasure, in every workflow: a request that would erase somebody on the list waits, with
//! the reason, until they are taken off it. What is typed is hashed and never shown.

use std::process::ExitCode;

use serde_json::Value;

use super::gate::parse_moment;
use super::output::{self, Format};
use super::who::addressed;
use super::why::{Why, carried_out};
use super::{Common, Failure, pauses, setup, store};
use crate::host::{Command, HoldCommand};

/// Said where there is nobody to list.
const NOBODY: &str = "nobody is on the list";

/// Arguments of `hold`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Keep somebody from being erased
    Add {
        /// An id, an address, a number, or such as external_id=TEXT or alias=LABEL/NAME
        subject: String,
        #[command(flatten)]
        why: Why,
        /// Until this day or moment, such as 2027-01-31; without it, until `hold remove`
        #[arg(long, value_name = "DAY", value_parser = parse_moment)]
        until: Option<i64>,
    },
    /// Show every hold: its number, reason and end, never whom it is about
    List,
    /// Take every hold of somebody away; requests that waited for it go on
    Remove {
        /// As it was added, or another of the identifiers that were
        subject: String,
    },
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let command = match &args.command {
        Subcommand::Add { subject, why, until } => {
            let (reason, by) = why.decided()?;
            HoldCommand::Add { subject: addressed(subject)?, reason, until_ms: *until, by }
        }
        Subcommand::List if !store::is_listed(&loaded.settings.store, NOBODY)? => {
            return Ok(ExitCode::SUCCESS);
        }
        Subcommand::List => HoldCommand::List,
        Subcommand::Remove { subject } => {
            HoldCommand::Remove { subject: addressed(subject)?, by: pauses::who() }
        }
    };
    carried_out(&loaded, Command::Hold(command), |result| {
        match (&args.command, common.output) {
            (Subcommand::List, _) => list(common, &result),
            (Subcommand::Remove { .. }, _) if count(&result, "removed") == 0 => Err(Failure::Usage(
                "nobody who is known so is on the list, so nothing was changed: name them by an identifier that was typed \
                 when they were added, such as external_id=TEXT or alias=LABEL/NAME; `privaflow hold list` shows the \
                 numbers, reasons and ends of all holds"
                    .to_owned(),
            )),
            (_, Format::Json) => output::json(&result),
            (Subcommand::Add { .. }, Format::Text) => {
                output::text(&format!("hold {} is on the list\n", result["hold"]))
            }
            (Subcommand::Remove { .. }, Format::Text) => removed(&result),
        }?;
        Ok(ExitCode::SUCCESS)
    })
}

fn removed(result: &Value) -> Result<(), Failure> {
    output::text(&format!("{} removed\n", output::counted(count(result, "removed"), "hold")))?;
    if count(result, "let_go") > 0 {
        let waited = output::counted(count(result, "let_go"), "request");
        anstream::eprintln!("{waited} that waited may go on: `serve` does, or `privaflow jobs resume`");
    }
    Ok(())
}

fn count(result: &Value, name: &str) -> u64 {
    result[name].as_array().map_or(0, Vec::len) as u64
}

fn list(common: &Common, holds: &Value) -> Result<(), Failure> {
    let holds = holds.as_array().map_or(&[][..], Vec::as_slice);
    if common.output == Format::Json {
        return holds.iter().try_for_each(output::json);
    }
    if holds.is_empty() {
        anstream::eprintln!("{NOBODY}");
        return Ok(());
    }
    let text = |hold: &Value, name: &str| match &hold[name] {
        Value::String(text) => output::plain(text),
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    let names = ["hold", "since", "by", "until", "in_force", "reason"];
    let rows: Vec<Vec<String>> =
        holds.iter().map(|hold| names.iter().map(|name| text(hold, name)).collect()).collect();
    output::text(&output::table(&["HOLD", "SINCE", "BY", "UNTIL", "IN FORCE", "WHY"], rows))
}
