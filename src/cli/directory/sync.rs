//! `directory sync`: reads who works in OneTrust.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::command::Where;
use super::place::{profiles, read_into, sandbox};
use crate::cli::output::{self, Format, counted};
use crate::cli::place::{self, Home};
use crate::cli::{Common, Failure, run as run_command, setup};
use crate::config;
use crate::directory::Told;
use crate::host::{Answer, Command};
use crate::journal::Store;

pub(super) fn run(common: &Common, at: &Where) -> Result<ExitCode, Failure> {
    run_command::runtime()?.block_on(async {
        let stop = run_command::stop_on_signal();
        if at.sandbox {
            return in_the_sandbox(common).await;
        }
        let home = Home::of(&setup::settings(common)?);
        let profiles: Vec<String> =
            profiles(&home.settings, at)?.into_iter().map(|profile| profile.name.clone()).collect();
        let command = Command::SyncDirectory { profiles: profiles.clone() };
        let show = |answer: Answer, _| match answer {
            Answer::Result(Value::Array(all)) => {
                all.iter().try_for_each(|synced| shown(common, synced))?;
                Ok(ExitCode::SUCCESS)
            }
            _ => Err(Failure::Usage("the owner of the store answered something else".to_owned())),
        };
        place::execute(&home, command, profiles, 0, stop, show).await
    })
}

async fn in_the_sandbox(common: &Common) -> Result<ExitCode, Failure> {
    let (onetrust, home) = sandbox().await?;
    let store = std::sync::Arc::new(Store::temporary().map_err(Failure::wrong)?);
    for profile in home.settings.profiles.values() {
        let say = |word: &str| anstream::eprintln!("{word}");
        let synced = read_into(&store, &home, profile, &config::Directory::default(), &say).await?;
        shown(
            common,
            &json!({ "tenant": synced.tenant, "told": synced.told, "resumed": synced.is_resumed,
                     "forgotten": synced.forgotten }),
        )?;
    }
    onetrust.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// What one tenant came to.
fn shown(common: &Common, synced: &Value) -> Result<(), Failure> {
    let nonsense = || Failure::Usage("what the sync came to cannot be read".to_owned());
    let told: Told = serde_json::from_value(synced["told"].clone()).map_err(|_| nonsense())?;
    let (counts, tenant) = (&told.counts, synced["tenant"].as_str().unwrap_or_default());
    let forgotten = synced["forgotten"].as_u64().unwrap_or(0);
    if common.output == Format::Json {
        return output::json(&json!({
            "tenant": tenant, "profile": told.profile, "users_from": told.users,
            "users": counts.users, "new": counts.new, "changed": counts.changed, "gone": counts.gone,
            "unreadable": counts.unreadable, "groups": counts.groups, "organizations": counts.organizations,
            "sign_ins": counts.sign_ins, "activities": counts.activities, "forgotten": forgotten,
            "resumed": synced["resumed"], "gaps": told.gaps,
        }));
    }
    let mut text = format!(
        "{tenant}  {}, by {}\n  new {}, changed {}, gone {}\n  {}, {}, {}\n",
        counted(counts.users, "user"),
        told.users.words(),
        counts.new,
        counts.changed,
        counts.gone,
        counted(counts.groups, "group"),
        counted(counts.organizations, "organisation"),
        counted(counts.sign_ins, "sign-in"),
    );
    if counts.unreadable > 0 {
        text.push_str(&format!("  {} could not be read\n", counted(counts.unreadable, "user")));
    }
    if forgotten > 0 {
        text.push_str(&format!(
            "  {} of people and groups that were gone for long were forgotten\n",
            counted(forgotten, "record")
        ));
    }
    for gap in &told.gaps {
        text.push_str(&format!("  not known: {}\n", gap.words()));
    }
    text.push_str("  licences: OneTrust tells none; `licences` of the settings says them by role\n");
    output::text(&text)
}
