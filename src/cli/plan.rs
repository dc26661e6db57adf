//! `privaflow plan WORKFLOW --input FILE`: the calls that would be made.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Common, Failure, run, setup};
use crate::catalogue::Method;
use crate::config::Settings;
use crate::engine::{kinds_taken, planned_calls};
use crate::run::{Known, Preview};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A workflow file, or the name of a workflow in the settings' folder
    workflow: String,
    /// Requests: NDJSON or CSV, gzip or not; - reads standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Accept any profile name, as the sandbox does
    #[arg(long)]
    sandbox: bool,
}

/// Shows the calls; sends nothing, reads no credential.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let mut known = setup::known(&loaded);
    if args.sandbox {
        known.profiles = None;
    }
    let file = setup::find_workflow(&loaded.settings, &args.workflow)?;
    let workflow = setup::workflow(setup::read(&file)?, &known)?;
    let input = run::open_input(&workflow, &args.input)?;
    let kinds = kinds_taken(&workflow);
    let mut troubled = 0_u64;
    let mut requests = 0_u64;
    let records = input.records().map_err(Failure::wrong)?;
    planned_calls(&workflow, kinds.as_deref(), records, |about, planned| -> Result<(), Failure> {
        requests += 1;
        let request = about.request.as_deref();
        let shown = request.map_or_else(|| format!("line {}", about.line), str::to_owned);
        if common.output == Format::Text && !planned.calls.is_empty() {
            output::text(&format!("{shown}\n"))?;
        }
        for call in &planned.calls {
            match common.output {
                Format::Json => output::json(&line(&loaded.settings, request, call))?,
                Format::Text => output::text(&words(&loaded.settings, call))?,
            }
        }
        if let Some(trouble) = planned.trouble {
            troubled += 1;
            let step = trouble.step.map(|step| format!(" at step {step}")).unwrap_or_default();
            anstream::eprintln!(
                "line {}: would fail as {}{step}: {}",
                about.line,
                trouble.code,
                trouble.message
            );
        }
        Ok(())
    })?;
    anstream::eprintln!("{requests} requests planned, {troubled} would fail; nothing was sent");
    Ok(ExitCode::SUCCESS)
}

fn line(settings: &Settings, request: Option<&str>, call: &Preview) -> Value {
    let mut object = json!({
        "request": request,
        "step": call.step,
        "action": call.action.name(),
        "skipped": matches!(call.known, Known::Skipped),
        "method": call.action.method.word(),
        "url": url(settings, call),
        "body": Value::Null,
    });
    match &call.known {
        Known::Call(rendered) if call.action.method == Method::Post => {
            if let Ok(body) = serde_json::from_slice::<Value>(&rendered.body()) {
                object["body"] = body;
            }
        }
        Known::Call(_) | Known::Skipped => {}
        Known::Needs(needs) => object["needs"] = json!(needs),
    }
    object
}

fn words(settings: &Settings, call: &Preview) -> String {
    let head = format!("  {:<12} {} {}", call.step, call.action.method.word(), url(settings, call));
    match &call.known {
        Known::Call(rendered) if call.action.method == Method::Post => {
            format!("{head}\n    {}\n", String::from_utf8_lossy(&rendered.body()))
        }
        Known::Call(_) => format!("{head}\n"),
        Known::Skipped => format!("{head}\n    skipped: its `if` is false\n"),
        Known::Needs(needs) => format!("{head}\n    known once {} has answered\n", needs.join(", ")),
    }
}

/// The address of a call; without settings the host is the profile's name in angle brackets.
fn url(settings: &Settings, call: &Preview) -> String {
    let of_system =
        || settings.profiles.values().filter(|profile| profile.system.word() == call.action.system);
    let profile = match &call.profile {
        Some(name) => of_system().find(|profile| profile.name == **name),
        None => of_system().next(),
    };
    let base = match (profile, &call.profile) {
        (Some(profile), _) => profile.connection.base().to_string(),
        (None, Some(name)) => format!("https://<{name}>/"),
        (None, None) => format!("https://<{}>/", call.action.system),
    };
    let path = match &call.known {
        Known::Call(rendered) => rendered.path_and_query(),
        Known::Skipped | Known::Needs(_) => call.action.path.clone(),
    };
    format!("{}{path}", base.trim_end_matches('/'))
}
