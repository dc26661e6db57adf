//! `privaflow forget SUBJECT`: a person's data that waits here, destroyed now.
//!
//! What was typed is turned into digests at once, and never written down or handed to another process. What is
//! destroyed is the work of `host` and `journal`.

use std::process::ExitCode;

use super::output::{self, Format, counted};
use super::place::{self, Home};
use super::who::named;
use super::{Common, Failure, pauses, run, setup};
use crate::host::{Answer, Command};
use crate::journal::Reader;

/// Arguments of `forget`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An id, an address, a number, or such as external_id=TEXT, device_id=TEXT or alias=LABEL/NAME; `-` reads it
    /// from standard input
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
    let like = named(&typed)?.identifiers().into_iter().map(|digest| format!("{digest:032x}")).collect();
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
    let runs = |list: &str, member: &str, word: &str| -> Vec<String> {
        let all = result[list].as_array().into_iter().flatten().filter(|run| run[member] == word);
        all.filter_map(|run| Some(run["run"].as_str()?.to_owned())).collect()
    };
    for (by, how) in [("revealed", "what look-ups showed of their person"), ("sought", "what looks ask for")]
    {
        let found = runs("found", "by", by);
        if !found.is_empty() {
            anstream::eprintln!(
                "note: found by {how}, which the request does not name: {}",
                found.join(", ")
            );
        }
    }
    let unwatched: Vec<&str> =
        result["unwatched"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    if !unwatched.is_empty() {
        anstream::eprintln!(
            "warning: nobody will look whether they are gone at the service, or come back: what is needed for that was \
             destroyed with the rest. Their erasure was accepted, or may have been made, and counts as no more than \
             that: {}; look at the service yourself",
            unwatched.join(", ")
        );
    }
    let shared = runs("left", "why", "shared");
    if !shared.is_empty() {
        anstream::eprintln!(
            "warning: left as they are, since look-ups showed this on a profile of somebody else, too: {}; if one is \
             theirs, forget them by what only they have, such as external_id=TEXT",
            shared.join(", ")
        );
    }
    let another = runs("left", "why", "another");
    if !another.is_empty() {
        anstream::eprintln!(
            "note: left as they are, since they are about somebody else, whose look-ups showed this person's profile \
             beside theirs: {}; what they remember of it goes with their end",
            another.join(", ")
        );
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
