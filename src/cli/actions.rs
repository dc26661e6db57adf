//! `privaflow actions list|show`: what workflows can call.

use std::process::ExitCode;

use serde_json::json;

use super::output::{self, Format};
use super::{Common, Failure};
use crate::catalogue::{self, Action, Effect};
use crate::source::closest;

/// Arguments of `actions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All actions, a line each
    List,
    /// What one action takes, and its limits
    Show {
        /// Such as braze/users.delete
        action: String,
    },
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::List => {
            if common.output == Format::Json {
                catalogue::all().iter().try_for_each(|action| output::json(&facts(action)))?;
            } else {
                let rows = catalogue::all().iter().map(|action| {
                    vec![
                        action.name(),
                        effect(action).to_owned(),
                        action.permission.clone(),
                        action.summary.clone(),
                    ]
                });
                output::text(&output::table(&["ACTION", "EFFECT", "PERMISSION", "WHAT IT DOES"], rows))?;
            }
        }
        Command::Show { action: named } => {
            let names: Vec<String> = catalogue::all().iter().map(Action::name).collect();
            let Some(action) = catalogue::find(named) else {
                let near = closest(named, names.iter().map(String::as_str));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(Failure::Usage(format!("there is no action `{named}`{hint}")));
            };
            match common.output {
                Format::Json => output::json(&facts(action))?,
                Format::Text => output::text(&words(action))?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn effect(action: &Action) -> &'static str {
    match action.effect {
        Effect::Read => "read",
        Effect::Set => "set",
        Effect::Irreversible => "irreversible",
    }
}

fn facts(action: &Action) -> serde_json::Value {
    json!({
        "action": action.name(), "summary": action.summary, "method": action.method.word(),
        "path": action.path, "permission": action.permission, "effect": effect(action),
        "repeatable": action.repeatable, "pool": action.pool,
        "limit": { "requests": action.limit.requests, "per_seconds": action.limit.per_seconds },
        "max_bytes": action.max_bytes, "fields": action.fields.keys().collect::<Vec<_>>(),
        "most_per_request": action.batch.as_ref().map(|batch| batch.total),
    })
}

fn words(action: &Action) -> String {
    let repeat = if action.repeatable { "may be repeated" } else { "must not be repeated" };
    let mut text = format!(
        "{}\n  {}\n  {} {}\n  permission {}, {}, {repeat}\n  limit {} requests in {} s, pool {}, {} bytes at most\n",
        action.name(),
        action.summary,
        action.method.word(),
        action.path,
        action.permission,
        effect(action),
        action.limit.requests,
        action.limit.per_seconds,
        action.pool,
        action.max_bytes,
    );
    if let Some(batch) = &action.batch {
        text.push_str(&format!("  {} people in one request\n", batch.total));
    }
    let rows = action.fields.iter().map(|(name, field)| {
        let need = if field.required { "required" } else { "" };
        let most = field.at_most.map(|most| format!("at most {most}")).unwrap_or_default();
        vec![name.clone(), field.shape.phrase().to_owned(), need.to_owned(), most, field.one_of.join(", ")]
    });
    text + &output::table(&["FIELD", "TYPE", "", "", ""], rows)
}
