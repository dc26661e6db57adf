//! `privaflow workflows list|approve`: what `serve` may start by itself.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;

use super::output::{self, Format};
use super::place::{self, Home};
use super::{Common, Failure, pauses, run as run_command, setup};
use crate::clock::{Clock, SystemClock};
use crate::host::{Command, approvers_of_nobody};
use crate::journal::{Queued, Reader, StoreError};
use crate::server::{Idle, Placed, Shelf, Standing, standing};
use crate::source::closest;

/// Arguments of `workflows`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Show the workflows on the disk, whether `serve` may start them, and what waits for them
    List,
    /// Let a workflow that was changed start by itself although it writes what cannot be undone
    Approve {
        /// Its name [default: all that wait for it]
        name: Option<String>,
    },
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let home = Home::of(&loaded);
    let reader = match Reader::open(&home.settings.store) {
        Ok(reader) => Some(reader),
        Err(StoreError::Missing { .. }) => None,
        Err(error) => return Err(Failure::wrong(error)),
    };
    let (folder, known) = (&home.settings.workflows, home.known.clone());
    let shelf = match &reader {
        Some(reader) => Shelf::of_store(folder, known, reader).map_err(Failure::wrong)?,
        None => Shelf::of(folder, known),
    };
    if let Some(why) = &shelf.shown().unreadable {
        return Err(Failure::Usage(why.clone()));
    }
    match &args.command {
        Subcommand::List => list(common, &home, &shelf, reader.as_ref()),
        Subcommand::Approve { name } => approve(common, &home, &shelf, reader.as_ref(), name.as_deref()),
    }
}

/// How a workflow stands, in one word.
fn word(reader: Option<&Reader>, placed: &Placed) -> Result<&'static str, StoreError> {
    let is_served = match reader {
        Some(reader) => reader.was_served()?,
        None => false,
    };
    let standing = match reader {
        Some(reader) if is_served => standing(reader, &placed.workflow)?,
        // The first start approves what it finds.
        Some(_) | None if placed.workflow.enabled => Standing::Ready,
        Some(_) | None => Standing::Disabled,
    };
    Ok(match standing {
        _ if placed.is_broken => "broken",
        Standing::Ready => "ready",
        Standing::Disabled => "disabled",
        Standing::Unapproved => "waiting_for_approval",
    })
}

fn list(common: &Common, home: &Home, shelf: &Shelf, reader: Option<&Reader>) -> Result<ExitCode, Failure> {
    let shown = shelf.shown();
    // Without settings nobody says which profiles there are.
    let has_settings = home.known.profiles.is_some();
    let queue = reader.map(Reader::queue).transpose()?.unwrap_or_default();
    let mut queue: BTreeMap<String, Queued> =
        queue.into_iter().map(|queued| (queued.workflow.clone(), queued)).collect();
    let mut rows = Vec::new();
    for (name, placed) in &shown.workflows {
        let queued = queue.remove(name);
        let state = word(reader, placed)?;
        let approval = reader.map(|reader| reader.approval(name, &placed.workflow.digest)).transpose()?;
        let approval = approval.flatten();
        let file = placed.file.display().to_string();
        let digest: String = placed.workflow.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let waiting = queued.as_ref().map_or(0, |queued| queued.rows);
        let due = queued.and_then(|queued| queued.due_ms).map(moment);
        let idle = match has_settings {
            true if placed.workflow.enabled => Idle::of(&placed.workflow, &home.settings),
            true | false => Vec::new(),
        };
        for Idle { workflow, trigger, profile, .. } in &idle {
            anstream::eprintln!(
                "`{trigger}` of {workflow} starts nothing: there is no profile {profile} of OneTrust in the settings"
            );
        }
        match common.output {
            Format::Json => output::json(&json!({
                "workflow": name, "state": state, "enabled": placed.workflow.enabled,
                "irreversible": placed.workflow.irreversible, "file": file, "digest": digest,
                "approved_by": approval.as_ref().map(|approval| &approval.by),
                "approved_at": approval.as_ref().map(|approval| moment(approval.at_ms)),
                "queued": waiting, "due_at": due,
                "idle_triggers": idle.iter().map(Idle::json).collect::<Vec<_>>(),
            }))?,
            Format::Text => rows.push(vec![
                name.clone(),
                state.to_owned(),
                approval.map_or_else(|| "-".to_owned(), |approval| output::plain(&approval.by)),
                waiting.to_string(),
                due.unwrap_or_else(|| "-".to_owned()),
                file,
            ]),
        }
    }
    // What came in for a workflow that is gone is not lost, and must be seen.
    for (name, queued) in queue {
        let due = queued.due_ms.map(moment);
        match common.output {
            Format::Json => output::json(&json!({
                "workflow": name, "state": "missing", "queued": queued.rows, "due_at": due,
            }))?,
            Format::Text => rows.push(vec![
                name,
                "missing".to_owned(),
                "-".to_owned(),
                queued.rows.to_string(),
                due.unwrap_or_else(|| "-".to_owned()),
                "-".to_owned(),
            ]),
        }
    }
    if common.output == Format::Text {
        let head = ["WORKFLOW", "STATE", "APPROVED BY", "WAITING", "FIRST DUE", "FILE"];
        output::text(&output::table(&head, rows))?;
    }
    let is_new = |file: &&std::path::PathBuf| !shown.workflows.values().any(|placed| placed.file == **file);
    for file in shown.broken.iter().filter(is_new) {
        anstream::eprintln!("{} cannot be used: `privaflow validate` shows why", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn approve(
    common: &Common,
    home: &Home,
    shelf: &Shelf,
    reader: Option<&Reader>,
    name: Option<&str>,
) -> Result<ExitCode, Failure> {
    let shown = shelf.shown();
    if let Some(name) = name
        && !shown.workflows.contains_key(name)
    {
        let near = closest(name, shown.workflows.keys().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let folder = shelf.folder().display();
        return Err(Failure::Usage(format!("there is no workflow `{name}` in {folder}{hint}")));
    }
    let mut chosen = Vec::new();
    for (own, placed) in &shown.workflows {
        let is_meant = name.is_none_or(|name| name == own);
        if is_meant && word(reader, placed)? == "waiting_for_approval" {
            check_approvers(home, reader, placed)?;
            chosen.push((own.clone(), placed.workflow.digest));
        }
    }
    if chosen.is_empty() {
        anstream::eprintln!(
            "nothing waits for approval: `privaflow workflows list` shows how workflows stand"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<String> = chosen.iter().map(|(name, _)| name.clone()).collect();
    let by = pauses::who();
    run_command::runtime()?.block_on(async {
        let stop = run_command::stop_on_signal();
        let show = |_, _| {
            for name in &names {
                match common.output {
                    Format::Json => output::json(&json!({ "workflow": name, "approved_by": by }))?,
                    Format::Text => output::text(&format!("{name} is approved\n"))?,
                }
            }
            Ok(ExitCode::SUCCESS)
        };
        let command = Command::ApproveWorkflows { workflows: chosen, by: by.clone() };
        place::execute(home, command, Vec::new(), 0, stop, show).await
    })
}

/// A workflow that asks people of OneTrust comes into force only if somebody of each could answer.
fn check_approvers(home: &Home, reader: Option<&Reader>, placed: &Placed) -> Result<(), Failure> {
    let Some(reader) = reader else { return Ok(()) };
    let now = jiff::Timestamp::from_millisecond(SystemClock.now_ms()).unwrap_or_default();
    let nobody = approvers_of_nobody(reader, &home.settings, &placed.workflow, now)?;
    match nobody.is_empty() {
        true => Ok(()),
        false => Err(Failure::Usage(format!(
            "workflow `{}` asks {}, and nobody in OneTrust who may sign in is meant by it; \
             `privaflow directory review` shows who was, `directory sync` reads them anew",
            placed.workflow.name,
            nobody.join(", ")
        ))),
    }
}

fn moment(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
