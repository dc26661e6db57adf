//! `privaflow validate [PATH…]`: every mistake of every file.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::{self, Format, colour};
use super::setup::{self, is_broken};
use super::{Common, Failure};
use crate::source::{Source, render};
use crate::workflow::{Known, load};

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Workflow files or folders of them [default: the settings' folder of workflows]
    paths: Vec<PathBuf>,
    /// Accept any name of a profile or retry policy, as `run --sandbox` does
    #[arg(long)]
    sandbox: bool,
}

/// Checks and shows; exit code 2 if any file cannot be used.
pub(super) fn run(common: &Common, args: &Args) -> Result<ExitCode, Failure> {
    let loaded = setup::settings(common)?;
    let mut known = setup::known(&loaded);
    if args.sandbox {
        known = Known::default();
    }
    let paths = match args.paths.is_empty() {
        true => vec![loaded.settings.workflows.clone()],
        false => args.paths.clone(),
    };
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(setup::workflow_files(&path)?);
        } else {
            files.push(path);
        }
    }
    if files.is_empty() {
        anstream::eprintln!("warning: there is no workflow to check");
    }
    let mut broken = 0;
    let mut names: std::collections::BTreeMap<String, PathBuf> = std::collections::BTreeMap::new();
    for file in &files {
        let source = setup::read(file)?;
        let (workflow, mistakes) = load(&source, &known);
        broken += usize::from(is_broken(&mistakes));
        show(common, &source, &mistakes)?;
        if let Some(workflow) = workflow
            && let Some(other) = names.insert(workflow.name.clone(), file.clone())
        {
            broken += 1;
            let at = source.text.find(&workflow.name).unwrap_or(0);
            let mistake = crate::source::Mistake::error(
                "duplicate_workflow",
                at..at + workflow.name.len(),
                format!("the name `{}` is taken by {}", workflow.name, other.display()),
            )
            .help("give each workflow a name of its own: requests are remembered under it");
            show(common, &source, &[mistake])?;
        }
    }
    if common.output == Format::Text {
        let what = if files.len() == 1 { "workflow" } else { "workflows" };
        output::text(&match broken {
            0 => format!("{} {what} checked, no mistakes\n", files.len()),
            _ => format!("{} {what} checked, {broken} with mistakes\n", files.len()),
        })?;
    }
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn show(common: &Common, source: &Source, mistakes: &[crate::source::Mistake]) -> Result<(), Failure> {
    match common.output {
        Format::Text if mistakes.is_empty() => Ok(()),
        Format::Text => output::text(&(render(mistakes, source, colour()) + "\n")),
        Format::Json => {
            mistakes.iter().try_for_each(|mistake| output::json(&crate::source::json(mistake, source)))
        }
    }
}
