//! `privaflow canary run|show`: whether a person who does not exist comes through the pipe.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::failure::NOT_ALL_WELL;
use super::output::{self, Format};
use super::place::{self, Home};
use super::{Common, Failure, run as run_command, setup};
use crate::config::Canary;
use crate::host::{Answer, Beat, CanaryState, Command, explain};
use crate::journal::{Reader, StoreError};

/// Arguments of `canary`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Send one now: make the person, carry the workflow out, look that they are gone
    Run,
    /// Show when the last good one was, and what became of the last ones
    Show,
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let Some(canary) = loaded.settings.canary.clone() else {
        let why = "the settings have no `canary`: add one with a workflow, a profile and a subject";
        return Err(Failure::Usage(why.to_owned()));
    };
    match &args.command {
        Subcommand::Show => show(common, &loaded.settings.store, &canary),
        Subcommand::Run => {
            if common.shadow {
                return Err(Failure::Usage("a canary writes, and in the shadow nothing does".to_owned()));
            }
            let home = Home::of(&loaded);
            let file = setup::find_workflow(&home.settings, &canary.workflow)?;
            let source = setup::read(&file)?;
            let command = Command::Canary { workflow_name: source.name.clone(), workflow_text: source.text };
            run_command::runtime()?.block_on(async {
                let stop = run_command::stop_on_signal();
                let show = |answer, _| match answer {
                    Answer::Result(beat) => show_one(common, &beat),
                    Answer::Job(_) | Answer::Summary(_) => Ok(ExitCode::SUCCESS),
                };
                place::execute(&home, command, Vec::new(), 0, stop, show).await
            })
        }
    }
}

fn show_one(common: &Common, beat: &Value) -> Result<ExitCode, Failure> {
    let is_good = beat["good"] == true;
    match common.output {
        Format::Json => output::json(beat)?,
        Format::Text => {
            let took = beat["took_ms"].as_i64().unwrap_or_default();
            output::text(&match (is_good, beat["why"].as_str(), beat["step"].as_str()) {
                (true, _, _) => format!("good: made, erased and gone after {took} ms\n"),
                (false, why, step) => {
                    let said = explain(beat["why"].as_str(), beat["cleaned_up"].as_bool());
                    format!("failed at {}: {}{said}\n", step.unwrap_or_default(), why.unwrap_or_default())
                }
            })?;
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_WELL) })
}

fn show(common: &Common, store: &Path, canary: &Canary) -> Result<ExitCode, Failure> {
    let state = match Reader::open(store) {
        Ok(reader) => CanaryState::of(&reader).map_err(Failure::wrong)?,
        Err(StoreError::Missing { .. }) => CanaryState::default(),
        Err(error) => return Err(Failure::wrong(error)),
    };
    let beats: Vec<Value> = state.last.iter().map(Beat::json).collect();
    let moment = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let (good, begun) = (state.good_ms.map(moment), state.under_way.as_ref().map(|one| moment(one.began_ms)));
    match common.output {
        Format::Json => output::json(&json!({
            "workflow": canary.workflow, "profile": canary.profile, "last_good_at": good, "under_way_since": begun,
            "last": beats,
        }))?,
        Format::Text => {
            let good = good.unwrap_or_else(|| "never".to_owned());
            anstream::eprintln!("workflow {}, last good: {good}", canary.workflow);
            if let Some(begun) = begun {
                anstream::eprintln!("one is under way since {begun}");
            }
            let cell = |beat: &Value, key: &str| match &beat[key] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let row = |beat: &Value| {
                ["began_at", "good", "step", "why", "took_ms", "job"].map(|key| cell(beat, key)).to_vec()
            };
            let head = ["BEGAN", "GOOD", "STEP", "WHY", "MS", "JOB"];
            output::text(&output::table(&head, beats.iter().map(row)))?;
        }
    }
    let is_well = state.last.first().is_none_or(|beat| beat.is_good);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_WELL) })
}
