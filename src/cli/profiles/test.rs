//! `privaflow profiles test [NAME] [--for WORKFLOW]`: whether the services let us in.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::failure::{NOT_ALL_WELL, SERVICE};
use crate::cli::output::{self, Format};
use crate::cli::run::runtime;
use crate::cli::{Common, Failure, setup};
use crate::config::{
    Connection, Credential, Host, Profile, Reach, Scheme, Settings, System, Token, TokenForm,
};
use crate::host::probe::{Needs, Report, Verdict, look};
use crate::host::{Clients, profiles};
use crate::sandbox::{self, OneTrust, Sandbox};
use crate::secret::Secret;
use crate::source::closest;
use crate::workflow::{Known, Workflow};

/// Exit code: a credential is not where the settings say.
const NOTHING_DONE: u8 = 2;

/// Arguments of `profiles test`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A profile of the settings [default: all, or those that `--for` needs]
    name: Option<String>,
    /// What this workflow needs: its triggers and its actions
    #[arg(long = "for", value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Against look-alikes of Braze and OneTrust in this process: needs no settings and no key
    #[arg(long)]
    sandbox: bool,
}

/// Asks, and shows what was found.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        if args.sandbox {
            return in_the_sandbox(common, args).await;
        }
        let loaded = setup::settings(common)?;
        let known = setup::known(&loaded);
        let settings = &loaded.settings;
        if settings.profiles.is_empty() {
            anstream::eprintln!("the settings have no profiles; `privaflow init` writes some to start from");
        }
        let workflow = workflow(settings, args, &known)?;
        let chosen = chosen(settings, args.name.as_deref(), workflow.as_deref())?;
        let clients = Clients::new(settings.clone());
        tell(common, &clients, chosen, workflow.as_deref()).await
    })
}

fn workflow(settings: &Settings, args: &Args, known: &Known) -> Result<Option<Arc<Workflow>>, Failure> {
    let Some(named) = &args.workflow else { return Ok(None) };
    let file = setup::find_workflow(settings, named)?;
    setup::workflow(setup::read(&file)?, known).map(Some)
}

/// The profiles that are meant.
fn chosen<'s>(
    settings: &'s Settings,
    name: Option<&str>,
    workflow: Option<&Workflow>,
) -> Result<Vec<&'s Profile>, Failure> {
    if let Some(name) = name {
        let found = settings.profiles.get(name).map(|profile| vec![profile]);
        return found.ok_or_else(|| {
            let near = closest(name, settings.profiles.keys().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            Failure::Usage(format!("there is no profile `{name}` in the settings{hint}"))
        });
    }
    let all = settings.profiles.values();
    let Some(workflow) = workflow else { return Ok(all.collect()) };
    let used: Vec<&str> = profiles(settings, workflow).map(|profile| profile.name.as_str()).collect();
    let is_used = |profile: &&Profile| {
        used.contains(&profile.name.as_str()) || Needs::is_asked(workflow, profile, settings)
    };
    Ok(all.filter(is_used).collect())
}

async fn tell(
    common: &Common,
    clients: &Clients,
    chosen: Vec<&Profile>,
    workflow: Option<&Workflow>,
) -> Result<ExitCode, Failure> {
    let mut verdicts = Vec::new();
    for profile in chosen {
        let needs =
            workflow.map(|workflow| Needs::of(workflow, profile, clients.settings())).unwrap_or_default();
        let report = look(clients, profile, &needs).await?;
        match common.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::text(&shown(&report))?,
        }
        verdicts.push(report.verdict);
    }
    Ok(match verdicts {
        verdicts if verdicts.iter().any(|verdict| verdict.is_of_the_service()) => ExitCode::from(SERVICE),
        verdicts if verdicts.contains(&Verdict::NoCredential) => ExitCode::from(NOTHING_DONE),
        verdicts if verdicts.contains(&Verdict::ClockWrong) => ExitCode::from(NOT_ALL_WELL),
        _ => ExitCode::SUCCESS,
    })
}

/// A few lines for people.
fn shown(report: &Report) -> String {
    let Report { profile, system, host, .. } = report;
    let mut text = format!("{profile} ({system}, {host}): {}\n", report.verdict.words());
    let mut line = |what: &str| text.push_str(&format!("  {what}\n"));
    line(&output::plain_text(&report.message));
    if let Some(who) = &report.who {
        let tenant = report.tenant.as_ref().map(|tenant| format!(", tenant {}", output::plain(tenant)));
        line(&format!("we are {}{}", output::plain(who), tenant.unwrap_or_default()));
    }
    if let Some(scopes) = &report.scopes {
        line(&format!("scopes: {}", output::plain_text(&scopes.join(", "))));
    }
    if let Some(seconds) = report.token_ends_in_s {
        let (count, unit) = match seconds {
            0..7200 => (seconds / 60, "minute"),
            7200..172_800 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        line(&format!(
            "the token counts for {} more and is renewed before that",
            output::counted(count, unit)
        ));
    }
    report.preconditions.iter().for_each(|precondition| line(precondition));
    text
}

/// The same against look-alikes, each under the name that was given.
async fn in_the_sandbox(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let mut settings = Settings::default_in(Path::new(""));
    let workflow = workflow(&settings, args, &Known::default())?;
    let braze = Sandbox::start(sandbox::Options::default()).await.map_err(Failure::wrong)?;
    let onetrust = OneTrust::start(sandbox::onetrust::Options::default()).await.map_err(Failure::wrong)?;
    let token = |text: &str| Token::fixed(Secret::new(text.to_owned()));
    let (client_id, client_secret) = onetrust.credential();
    let credentials = [
        (System::Braze, braze.address(), Credential::Token(token(braze.token()))),
        (
            System::OneTrust,
            onetrust.address(),
            Credential::OAuth2 {
                client_id: token(&client_id),
                client_secret: token(&client_secret),
                form: TokenForm::default(),
            },
        ),
    ];
    for (system, address, credential) in credentials {
        let trigger = workflow.as_ref().and_then(|workflow| of_trigger(workflow, system));
        let name = args.name.clone().or(trigger).unwrap_or_else(|| "sandbox".to_owned());
        let profile = Profile {
            workspace: name.clone(),
            name,
            system,
            reach: Reach::Service {
                connection: Box::new(
                    Connection::new(Scheme::Http, Host::from(address)).map_err(Failure::wrong)?,
                ),
                credential: Box::new(credential),
            },
            share: Profile::SHARE,
            limits: Default::default(),
        };
        settings.profiles.insert(system.word().to_owned(), profile);
    }
    let clients = Clients::new(settings.clone());
    let mut all: Vec<&Profile> = settings.profiles.values().collect();
    if let Some(workflow) = &workflow {
        let used: Vec<System> = profiles(&settings, workflow).map(|profile| profile.system).collect();
        all.retain(|profile| used.contains(&profile.system) || Needs::is_asked(workflow, profile, &settings));
    }
    let code = tell(common, &clients, all, workflow.as_deref()).await;
    braze.stop().await;
    onetrust.stop().await;
    code
}

/// The profile that a workflow's trigger names.
fn of_trigger(workflow: &Workflow, system: System) -> Option<String> {
    let subtasks = workflow.on.onetrust_subtask.as_ref().map(|trigger| &trigger.profile);
    let consents = workflow.on.onetrust_consent.as_ref().map(|trigger| &trigger.profile);
    subtasks.or(consents).filter(|_| system == System::OneTrust).cloned()
}
