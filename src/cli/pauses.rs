//! `privaflow pause|resume [--profile P | --all]`: the emergency stop.
//!
//! It is written into the store, with or without a process that owns it; a process that does is told at
//! once, and would see it by itself a moment later.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::output::{self, Format};
use super::{Common, Failure, run, setup};
use crate::clock::{Clock, SystemClock};
use crate::engine::Brake;
use crate::host::{Command, Connection};
use crate::journal::{Pause, Pauses, Scope, Switch};
use crate::source::closest;

/// How often a command that waits looks whether it may go on.
const EVERY: Duration = Duration::from_millis(100);

/// Arguments of `pause`.
#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct ScopeArgs {
    /// Everything; `resume --all` also lets go what was paused by profile
    #[arg(long)]
    all: bool,
    /// One profile of the settings
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
}

/// Holds everything back, or one profile.
pub(super) fn pause(common: &Common, args: &PauseArgs) -> Result<ExitCode, Failure> {
    change(common, Switch::Hold, &args.scope, args.reason.clone())
}

/// Lets go what was held back.
pub(super) fn resume(common: &Common, args: &ResumeArgs) -> Result<ExitCode, Failure> {
    change(common, Switch::LetGo, &args.scope, None)
}

fn change(
    common: &Common,
    switch: Switch,
    scope: &ScopeArgs,
    reason: Option<String>,
) -> Result<ExitCode, Failure> {
    let settings = setup::settings(common)?.settings;
    let scope = match &scope.profile {
        None => Scope::All,
        Some(name) if settings.profiles.contains_key(name) => Scope::Profile(name.clone()),
        // What is held can be let go whatever became of the settings.
        Some(name) if Pauses::of(&settings.store).profiles.contains_key(name) => Scope::Profile(name.clone()),
        Some(name) => {
            let near = closest(name, settings.profiles.keys().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(Failure::Usage(format!("the settings have no profile `{name}`{hint}")));
        }
    };
    let since = jiff::Timestamp::from_millisecond(SystemClock.now_ms()).unwrap_or_default();
    let pause = Pause { by: who(), since, reason };
    let (before, after) = Pauses::change(&settings.store, switch, &scope, &pause).map_err(Failure::wrong)?;
    run::runtime()?.block_on(tell_the_owner(&settings.store));
    say(switch, &scope, &before, &after);
    show(common, &after)?;
    Ok(ExitCode::SUCCESS)
}

/// The person at the keyboard, as the system names them.
pub(super) fn who() -> String {
    std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned())
}

async fn tell_the_owner(store: &Path) {
    // An owner of another release sees the file, too.
    let Ok(Some(connection)) = Connection::to(store).await else { return };
    let never = tokio_util::sync::CancellationToken::new();
    if let Err(error) = connection.execute(Command::Look, &never, drop).await {
        tracing::debug!(%error, "the owner of the store was not told");
    }
}

fn say(switch: Switch, scope: &Scope, before: &Pauses, after: &Pauses) {
    let what = match scope {
        Scope::All => "everything".to_owned(),
        Scope::Profile(name) => format!("profile {name}"),
    };
    match switch {
        Switch::Hold if before == after => anstream::eprintln!("{what} was paused already"),
        Switch::Hold => {
            anstream::eprintln!("{what} is paused: nothing new leaves; what is on its way is written down");
        }
        Switch::LetGo if before == after => anstream::eprintln!("{what} was not paused"),
        Switch::LetGo => anstream::eprintln!("{what} may leave again"),
    }
    if let (Switch::LetGo, Scope::Profile(name), Some(pause)) = (switch, scope, &after.all) {
        anstream::eprintln!("profile {name} is still {}", held_by(pause));
    }
}

fn show(common: &Common, pauses: &Pauses) -> Result<(), Failure> {
    let all = pauses.all.iter().map(|pause| (None, pause));
    let profiles = pauses.profiles.iter().map(|(name, pause)| (Some(name.as_str()), pause));
    for (profile, pause) in all.chain(profiles) {
        match common.output {
            Format::Json => output::json(&json!({
                "paused": profile.map_or("all", |_| "profile"), "profile": profile, "by": pause.by,
                "since": pause.since.to_string(), "reason": pause.reason,
            }))?,
            Format::Text => {
                let what = profile.map_or_else(|| "everything".to_owned(), |name| format!("profile {name}"));
                output::text(&format!("{} {}\n", output::plain(&what), held_by(pause)))?;
            }
        }
    }
    Ok(())
}

/// Who holds something, since when and why.
pub(super) fn held_by(pause: &Pause) -> String {
    let reason = pause.reason.as_deref().map(|reason| format!(": {}", output::plain_text(reason)));
    format!(
        "paused by {} since {}{}",
        output::plain(&pause.by),
        pause.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        reason.unwrap_or_default()
    )
}

/// A word on standard error about what is held.
pub(super) fn warn(pauses: &Pauses) {
    if let Some(pause) = &pauses.all {
        anstream::eprintln!("everything is {}; `privaflow resume --all` goes on", held_by(pause));
    }
    for (name, pause) in &pauses.profiles {
        anstream::eprintln!(
            "profile {name} is {}; `privaflow resume --profile {name}` goes on",
            held_by(pause)
        );
    }
}

/// Tells who waits for a job that its profiles are held, and that they no longer are.
pub(super) struct Watch {
    brake: Brake,
    profiles: Vec<String>,
    held: Option<String>,
}

impl Watch {
    /// Of the profiles of one job.
    pub(super) fn of(store: &Path, profiles: Vec<String>) -> Watch {
        Watch { brake: Brake::of(store), profiles, held: None }
    }

    /// The next word.
    pub(super) async fn next(&mut self) -> String {
        loop {
            self.brake.look();
            let held = self.held();
            if held != self.held {
                let word = held.clone().unwrap_or_else(|| "not paused any more: going on".to_owned());
                self.held = held;
                return word;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn held(&self) -> Option<String> {
        let now = self.brake.now();
        if let (Some(pause), false) = (&now.all, self.profiles.is_empty()) {
            return Some(format!("{}; nothing leaves until `privaflow resume --all`", held_by(pause)));
        }
        let (name, pause) = self.profiles.iter().find_map(|name| now.profiles.get_key_value(name))?;
        Some(format!(
            "profile {name} is {}; nothing leaves for it until `privaflow resume --profile {name}`",
            held_by(pause)
        ))
    }
}
