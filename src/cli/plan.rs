//! `privaflow plan WORKFLOW --input FILE`: the calls that would be made.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Common, Failure, run, setup};
use crate::config::Settings;
use crate::engine::{self, kinds_taken, planned_calls};
use crate::plan::{self, Call};
use crate::run::{Known, Preview, Previewed, Trouble};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A workflow file, or the name of a workflow in the settings' folder
    workflow: String,
    /// The requests: NDJSON or CSV, gzip or not; - is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Accept any name of a profile or retry policy, as `run --sandbox` does
    #[arg(long)]
    sandbox: bool,
}

/// Shows the calls; sends nothing, reads no credential.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let mut known = setup::known(&loaded);
    if args.sandbox {
        known = crate::workflow::Known::default();
    }
    let file = setup::find_workflow(&loaded.settings, &args.workflow)?;
    let workflow = setup::workflow_for_file(setup::read(&file)?, &known)?;
    let input = run::open_input(&workflow, &args.input)?;
    let kinds = kinds_taken(&workflow);
    let (mut requests, mut sent, mut troubled) = (0_u64, 0_u64, 0_u64);
    let records = input.records().map_err(Failure::wrong)?;
    planned_calls(&workflow, kinds.as_deref(), records, |about, planned| -> Result<(), Failure> {
        requests += 1;
        sent += planned.calls.iter().filter(|call| !matches!(call.known, Known::Skipped)).count() as u64;
        troubled += u64::from(planned.trouble.is_some());
        match common.output {
            Format::Text => output::text(&words(&loaded.settings, about, &planned)),
            Format::Json => {
                if let Some(trouble) = &planned.trouble {
                    anstream::eprintln!("line {}: {}", about.line, would_fail(trouble));
                }
                let calls = planned.calls.iter().map(|call| line(&loaded.settings, about, call));
                let trouble = planned.trouble.iter().map(|trouble| failing(about, trouble));
                calls.chain(trouble).try_for_each(|line| output::json(&line))
            }
        }
    })?;
    anstream::eprintln!(
        "{}, {}, {troubled} would fail; nothing was sent",
        output::counted(requests, "request"),
        output::counted(sent, "call")
    );
    Ok(ExitCode::SUCCESS)
}

fn would_fail(trouble: &Trouble) -> String {
    let step = trouble.step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
    format!("would fail{step} ({}): {}", trouble.code, trouble.message)
}

/// A record that would fail: the keys of a call with nothing in them, and why.
fn failing(about: &engine::Planned, trouble: &Trouble) -> Value {
    json!({
        "request": about.request,
        "step": trouble.step,
        "action": Value::Null,
        "skipped": true,
        "method": Value::Null,
        "url": Value::Null,
        "body": Value::Null,
        "line": about.line,
        "error": { "code": trouble.code, "message": trouble.message },
    })
}

fn line(settings: &Settings, about: &engine::Planned, call: &Preview) -> Value {
    let mut object = json!({
        "request": about.request,
        "step": call.step,
        "action": call.action.name(),
        "skipped": matches!(call.known, Known::Skipped),
        "method": call.action.method.word(),
        "url": url(settings, call),
        "body": Value::Null,
    });
    match &call.known {
        Known::Call(rendered) if call.action.method.has_body() => {
            if let Ok(body) = serde_json::from_slice::<Value>(&rendered.body()) {
                object["body"] = body;
            }
        }
        Known::Call(_) | Known::Skipped => {}
        Known::Needs(needs) => object["needs"] = json!(needs),
    }
    if let Some(reason) = about.skipped {
        object["reason"] = json!(reason.word());
    }
    object
}

fn shown_body(call: &Call) -> String {
    match plan::content_type(&[call]) {
        Some(_) => format!("a form with a file, {} bytes", call.bytes()),
        None => String::from_utf8_lossy(&call.body()).into_owned(),
    }
}

/// A record as people read it: its calls under each other, and what it would not do in one line.
fn words(settings: &Settings, about: &engine::Planned, planned: &Previewed) -> String {
    let line = format!("line {}", about.line);
    let mut text = format!("{}\n", about.request.as_deref().unwrap_or(&line));
    let is_skipped = |call: &&Preview| matches!(call.known, Known::Skipped);
    let (skipped, made): (Vec<&Preview>, Vec<&Preview>) = planned.calls.iter().partition(is_skipped);
    let width = made.iter().map(|call| call.step.chars().count()).max().unwrap_or(0);
    for call in &made {
        let (step, method) = (&call.step, call.action.method.word());
        text.push_str(&format!("  {step:<width$}  {method} {}\n", url(settings, call)));
        let more = match &call.known {
            Known::Call(rendered) if call.action.method.has_body() => shown_body(rendered),
            Known::Call(_) | Known::Skipped => continue,
            Known::Needs(needs) => format!("depends on the answer of {}", needs.join(", ")),
        };
        text.push_str(&format!("  {:<width$}  {more}\n", ""));
    }
    if let Some(reason) = about.skipped {
        text.push_str(&format!("  skipped: {} of an earlier line\n", reason.word()));
    } else if let Some(trouble) = &planned.trouble {
        text.push_str(&format!("  {}\n", would_fail(trouble)));
    } else if made.is_empty() {
        text.push_str("  no call\n");
    } else if !skipped.is_empty() {
        let steps: Vec<&str> = skipped.iter().map(|call| call.step.as_str()).collect();
        text.push_str(&format!("  skipped: {}\n", steps.join(", ")));
    }
    text
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
        (Some(profile), _) => match profile.connection() {
            Some(connection) => connection.base().to_string(),
            None => format!("file:{}/", profile.place()),
        },
        (None, Some(name)) => format!("https://<{name}>/"),
        (None, None) => format!("https://<{}>/", call.action.system),
    };
    let path = match &call.known {
        Known::Call(rendered) => rendered.path_and_query(),
        Known::Skipped | Known::Needs(_) => call.action.path.clone(),
    };
    format!("{}{path}", base.trim_end_matches('/'))
}
