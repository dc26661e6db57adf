//! `privaflow profiles list`.

use std::process::ExitCode;

use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure, pauses, setup};
use crate::journal::Pauses;

/// Shows all profiles of the settings.
pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
    let settings = setup::settings(common)?.settings;
    if settings.profiles.is_empty() {
        anstream::eprintln!("the settings have no profiles; `privaflow init` writes some to start from");
    }
    let pauses = Pauses::of(&settings.store);
    pauses::warn(&pauses);
    let mut rows = Vec::new();
    for profile in settings.profiles.values() {
        let listed = profile.listed();
        let paused = pauses.of_profile(&profile.name);
        match common.output {
            Format::Json => {
                let mut line = serde_json::to_value(&listed).map_err(Failure::wrong)?;
                line["paused"] = serde_json::to_value(paused).map_err(Failure::wrong)?;
                output::json(&line)?;
            }
            Format::Text => rows.push(vec![
                listed.profile,
                listed.system.to_owned(),
                listed.host,
                listed.workspace,
                format!("{}", listed.share),
                listed.token,
                listed.missing.map_or_else(|| "yes".to_owned(), |missing| format!("no: {missing}")),
                if paused.is_some() { "yes".to_owned() } else { "no".to_owned() },
            ]),
        }
    }
    if common.output == Format::Text {
        let head = ["PROFILE", "SYSTEM", "HOST", "WORKSPACE", "SHARE", "CREDENTIAL", "FOUND", "PAUSED"];
        output::text(&output::table(&head, rows))?;
    }
    Ok(ExitCode::SUCCESS)
}
