//! `directory test`: what a credential may learn of the staff, before anything is read.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::command::Where;
use super::place::{now, profiles, sandbox};
use crate::cli::failure::SERVICE;
use crate::cli::output::{self, Format, plain_text};
use crate::cli::place::Home;
use crate::cli::{Common, Failure, run as run_command, setup};
use crate::clock::SystemClock;
use crate::config::Profile;
use crate::directory::{Capability, Held, Standing, standing};
use crate::host::probe::{Needs, Report, Verdict, look};

/// Exit code: a credential is not where the settings say.
const NOTHING_DONE: u8 = 2;

pub(super) fn run(common: &Common, at: &Where) -> Result<ExitCode, Failure> {
    run_command::runtime()?.block_on(async {
        if at.sandbox {
            let (onetrust, home) = sandbox().await?;
            let code = tell(common, &home, home.settings.profiles.values().collect()).await;
            onetrust.stop().await;
            return code;
        }
        let home = Home::of(&setup::settings(common)?);
        // Every profile that is meant, also a second one of the same account.
        let chosen = profiles(&home.settings, at)?;
        tell(common, &home, chosen).await
    })
}

async fn tell(common: &Common, home: &Home, chosen: Vec<&Profile>) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    for profile in chosen {
        let mut report = look(&home.clients, profile, &Needs::default()).await?;
        // Whoever serves the staff and nothing else is asked for the staff all the same.
        let is_doubtful = report.verdict == Verdict::WrongSystem;
        let may_ask = is_doubtful || matches!(report.verdict, Verdict::Fine | Verdict::ClockWrong);
        let found = match may_ask {
            true => {
                let api = home.clients.api(profile, Arc::new(SystemClock))?;
                Some(standing(&api, now()).await)
            }
            false => None,
        };
        let is_good = match &found {
            Some(Ok(standing)) => standing.tells_users(),
            Some(Err(_)) | None => false,
        };
        if is_good && is_doubtful {
            report.verdict = Verdict::Fine;
            report.message =
                "the service accepts the credentials; it knows no requests of data subjects".to_owned();
        }
        if !is_good {
            let is_missing = report.verdict == Verdict::NoCredential;
            code = ExitCode::from(if is_missing { NOTHING_DONE } else { SERVICE });
        }
        let standing = match found {
            Some(Ok(standing)) => Some(standing),
            Some(Err(error)) => {
                anstream::eprintln!("{}: {error}", profile.name);
                None
            }
            None => None,
        };
        match common.output {
            Format::Json => output::json(&object(&report, standing.as_ref()))?,
            Format::Text => output::text(&shown(&report, standing.as_ref()))?,
        }
    }
    Ok(code)
}

fn object(report: &Report, standing: Option<&Standing>) -> serde_json::Value {
    let one = |(capability, held): &(Capability, Held)| json!({ "capability": capability, "held": held, "any_of": capability.scopes() });
    let all = standing.map(|standing| standing.all().iter().map(one).collect::<serde_json::Value>());
    json!({
        "profile": report.profile, "host": report.host, "verdict": report.verdict, "message": report.message,
        "who": report.who, "scopes": report.scopes, "directory": all,
        "can_sync": standing.is_some_and(Standing::tells_users),
    })
}

fn shown(report: &Report, standing: Option<&Standing>) -> String {
    let mut text = format!("{} ({}): {}\n", report.profile, report.host, report.verdict.words());
    let mut line = |what: &str| text.push_str(&format!("  {what}\n"));
    line(&plain_text(&report.message));
    let Some(standing) = standing else { return text };
    for (capability, held) in standing.all() {
        let word = match held {
            Held::Allowed => "yes".to_owned(),
            Held::Forbidden => format!("no: needs the scope {}", capability.scopes().join(" or ")),
            Held::Absent => "no: the tenant does not have it".to_owned(),
        };
        line(&format!("{:<42}{word}", capability.what()));
    }
    let can = |capability| standing.allows(capability);
    line(match () {
        () if can(Capability::Users) => "users can be read, with roles and last sign-in",
        () if standing.tells_users() => {
            "users can be read by SCIM, which tells neither roles nor sign-ins: the scope USER would"
        }
        () => "users cannot be read: give the credential the scope USER, or SCIM, which tells less",
    });
    line("licences: OneTrust tells none; `licences` of the settings says them by role");
    text
}
