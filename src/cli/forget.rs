//! `privaflow forget SUBJECT`: a person's data that waits here, destroyed now.
//!
//! What was typed is turned into digests at once, and never written down or handed to another process. What is
//! destroyed is the work of `host` and `journal`.

use std::process::ExitCode;

use super::output::{self, Format, counted};
use super::place::{self, Home};
use super::{Common, Failure, pauses, run, setup};
use crate::host::{Answer, Command};
use crate::journal::Reader;
use crate::request::identifiers_like;

/// Arguments of `forget`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An e-mail address, phone number, external id, alias or braze_id of the person; `-` reads it from
    /// standard input
    subject: String,
}

/// Forgets somebody.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    Reader::must_be_there(&loaded.settings.store)?;
    let typed = match args.subject.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).map_err(Failure::wrong)?,
        typed => typed.to_owned(),
    };
    if typed.trim().is_empty() {
        return Err(Failure::Usage("name somebody: an e-mail address, a phone number, an id".to_owned()));
    }
    let like = identifiers_like(typed.trim()).into_iter().map(|digest| format!("{digest:032x}")).collect();
    let command = Command::Forget { like, by: pauses::who() };
    let home = Home::of(&loaded);
    run::runtime()?.block_on(async {
        let show = |answer, _| {
            if let Answer::Result(result) = answer {
                show(common, &result)?;
            }
            Ok(ExitCode::SUCCESS)
        };
        place::execute(&home, command, Vec::new(), 0, run::stop_on_signal(), show).await
    })
}

fn show(common: &Common, result: &serde_json::Value) -> Result<(), Failure> {
    let count = |name: &str| result[name].as_u64().unwrap_or_default();
    match common.output {
        Format::Json => output::json(result)?,
        Format::Text => output::text(&format!(
            "{} ended as forgotten, {} that came in removed, {} destroyed\n",
            counted(count("runs"), "open request"),
            counted(count("records"), "record"),
            counted(count("keys"), "key"),
        ))?,
    }
    for file in result["files"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str) {
        anstream::eprintln!("note: they still stand in {file}, which is yours to remove");
    }
    for job in result["not_looked_at"].as_array().into_iter().flatten() {
        let text = |name: &str| job[name].as_str().unwrap_or_default();
        anstream::eprintln!(
            "warning: whether they are in {} is known only as far as requests of it failed or wait: {}",
            text("job"),
            text("why")
        );
    }
    anstream::eprintln!(
        "note: digests stay, so that what was finished, set or erased is not done again; copies of the folder \
         `keys` made before can still open backups made before"
    );
    Ok(())
}
