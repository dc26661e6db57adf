//! `privaflow actions list|show`: what workflows can call.

use std::process::ExitCode;

use serde_json::json;

use super::output::{self, Format};
use super::{Common, Failure};
use crate::catalogue::{self, Action, Composed, Effect};
use crate::source::closest;

/// Arguments of `actions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show all actions, a line each
    List,
    /// Show what one action takes, and its limits
    Show {
        /// As workflows write it, such as braze/users.delete
        action: String,
    },
}

/// Does what the subcommand says.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::List => {
            if common.output == Format::Json {
                catalogue::all().iter().try_for_each(|action| output::json(&facts(action)))?;
                catalogue::composed()
                    .iter()
                    .try_for_each(|action| output::json(&facts_of_composed(action)))?;
            } else {
                let rows = catalogue::all().iter().map(|action| {
                    vec![
                        action.name(),
                        effect(action).to_owned(),
                        action.permission.clone(),
                        action.summary.clone(),
                    ]
                });
                let composed = catalogue::composed().iter().map(|action| {
                    vec![
                        action.name(),
                        effect_of_composed(action).to_owned(),
                        permissions(action),
                        action.summary.to_owned(),
                    ]
                });
                let rows = rows.chain(composed);
                output::text(&output::table(&["ACTION", "EFFECT", "PERMISSION", "WHAT IT DOES"], rows))?;
            }
        }
        Command::Show { action: named } => {
            if let Some(composed) = catalogue::find_composed(named) {
                match common.output {
                    Format::Json => output::json(&facts_of_composed(composed))?,
                    Format::Text => output::text(&words_of_composed(composed))?,
                }
                return Ok(ExitCode::SUCCESS);
            }
            let composed = catalogue::composed().iter().map(Composed::name);
            let names: Vec<String> = catalogue::all().iter().map(Action::name).chain(composed).collect();
            let Some(action) = catalogue::find(named) else {
                let of_system = |name: &&String| name.split_once('/').is_some_and(|(_, id)| id == named);
                let whole = names.iter().find(of_system).map(String::as_str);
                let near = whole.or_else(|| closest(named, names.iter().map(String::as_str)));
                let hint = near.map_or_else(
                    || "; `privaflow actions list` shows them".to_owned(),
                    |near| format!("; did you mean `{near}`?"),
                );
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
        Effect::Report => "report",
        Effect::Set => "set",
        Effect::Irreversible => "irreversible",
    }
}

fn facts(action: &Action) -> serde_json::Value {
    json!({
        "action": action.name(), "summary": action.summary, "method": action.method.word(),
        "path": action.path, "permission": action.permission, "effect": effect(action),
        "repeatable": action.repeatable, "reread": action.reread.as_ref().map(|reread| &reread.action), "pool": action.pool,
        "limit": { "requests": action.limit.requests, "per_seconds": action.limit.per_seconds },
        "max_bytes": action.max_bytes, "fields": action.fields.keys().collect::<Vec<_>>(),
        "most_per_request": action.batch.as_ref().map(|batch| batch.total),
    })
}

fn words(action: &Action) -> String {
    let once: Vec<_> = action.once.iter().chain(&action.once_inside).map(String::as_str).collect();
    let repeat = match (action.repeatable, once.as_slice()) {
        (false, _) if let Some(reread) = &action.reread => {
            format!("when it is not known whether it arrived, {} is asked first", reread.action)
        }
        (true, []) => "sent again when it is not known whether it arrived".to_owned(),
        (true, once) => {
            format!("sent again when it is not known whether it arrived; never with {}", once.join(", "))
        }
        (false, _) => "never sent again by itself: twice would do more than once".to_owned(),
    };
    let limit = action.limit;
    let mut facts = vec![
        ("call", format!("{} {}", action.method.word(), action.path)),
        ("permission", action.permission.clone()),
        ("effect", effect(action).to_owned()),
        ("repeat", repeat),
        (
            "limit",
            format!("{} requests in {} s, in the pool {}", limit.requests, limit.per_seconds, action.pool),
        ),
    ];
    if let Some(batch) = &action.batch {
        facts
            .push(("batch", format!("up to {} in one request", output::counted(batch.total as u64, "item"))));
    }
    let mut text = format!("{}\n{}\n\n", action.name(), action.summary);
    for (word, fact) in facts {
        text.push_str(&format!("  {word:<10}  {fact}\n"));
    }
    let rows: Vec<Vec<String>> = action
        .fields
        .iter()
        .map(|(name, field)| {
            let mut rules = Vec::new();
            if field.required {
                rules.push("required".to_owned());
            }
            if let Some(most) = field.at_most {
                rules.push(format!("at most {most}"));
            }
            if !field.one_of.is_empty() {
                rules.push(format!("one of {}", field.one_of.join(", ")));
            }
            vec![format!("  {name}"), field.shape.phrase().to_owned(), rules.join("; ")]
        })
        .collect();
    text.push_str("\nIts `with`:\n");
    text + &output::table(&["  FIELD", "TYPE", "RULES"], rows)
}

/// The worst that a call of it does.
fn effect_of_composed(composed: &Composed) -> &'static str {
    if composed.may_erase() { "irreversible" } else { "read" }
}

fn permissions(composed: &Composed) -> String {
    composed.actions().map(|action| action.permission.as_str()).collect::<Vec<_>>().join(", ")
}

fn facts_of_composed(composed: &Composed) -> serde_json::Value {
    json!({
        "action": composed.name(), "summary": composed.summary, "effect": effect_of_composed(composed),
        "permission": permissions(composed), "calls": composed.calls, "output": composed.output,
        "fields": composed.options.iter().map(|option| option.name).collect::<Vec<_>>(),
    })
}

fn words_of_composed(composed: &Composed) -> String {
    let facts = [
        ("calls", composed.calls.join(", ")),
        ("permission", permissions(composed)),
        ("effect", effect_of_composed(composed).to_owned()),
        ("output", composed.output.join(", ")),
    ];
    let mut text = format!("{}\n{}\n\n", composed.name(), composed.summary);
    for (word, fact) in facts {
        text.push_str(&format!("  {word:<10}  {fact}\n"));
    }
    let rows = composed.options.iter().map(|option| {
        let rule = if option.required { "required; " } else { "" };
        vec![format!("  {}", option.name), option.shape.to_owned(), format!("{rule}{}", option.meaning)]
    });
    text.push_str("\nIts `with`:\n");
    text + &output::table(&["  FIELD", "TYPE", "MEANING"], rows)
}
