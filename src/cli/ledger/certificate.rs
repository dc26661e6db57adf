//! `ledger certificate`: one page about one request.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::find;
use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure};
use crate::clock::{Clock, SystemClock};
use crate::job::RunId;
use crate::journal::Reader;
use crate::ledger::{Certificate, page};
use crate::source::safe_id;

/// Writes the page and the document of a request, by its id or its run.
pub(super) fn run(
    common: &Common,
    reader: &Reader,
    request: &str,
    folder: &Path,
) -> Result<ExitCode, Failure> {
    let runs: BTreeSet<RunId> = match request.parse::<RunId>() {
        Ok(run) if request.starts_with("job-") => BTreeSet::from([run]),
        Ok(_) | Err(_) => find::runs_of(reader, request)?,
    };
    let shown = safe_id(request).into_owned();
    let runs: Vec<RunId> = runs.into_iter().collect();
    let told = find::entries_of(reader, &runs)?;
    if told.is_empty() {
        let message = format!(
            "the ledger says nothing of the request {shown}: no such id was carried out here, or it was in a bulk job \
             that was pruned since"
        );
        return Err(Failure::Usage(message));
    }
    let signer = reader.ledger_signer()?;
    let last = find::last(reader)?;
    let names: Vec<String> = runs.iter().map(RunId::to_string).collect();
    let at = (last, SystemClock.now_ms());
    let certificate = Certificate::of(shown, &names, told, at, signer.public());
    let document = certificate.signed(&signer).map_err(Failure::wrong)?;
    let signature: serde_json::Value = serde_json::from_slice(&document).map_err(Failure::wrong)?;
    let html = page(&certificate, signature["signature"].as_str().unwrap_or_default());
    let stem = names.first().map_or_else(|| "request".to_owned(), |run| run.replace(':', "-"));
    let path = |ending: &str| folder.join(format!("certificate-{stem}.{ending}"));
    let (paper, data) = (write(path("html"), html.as_bytes())?, write(path("json"), &document)?);
    match common.output {
        Format::Json => output::json(&json!({ "page": paper, "document": data, "runs": names })),
        Format::Text => output::text(&format!("{}\n{}\n", paper.display(), data.display())),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: PathBuf, contents: &[u8]) -> Result<PathBuf, Failure> {
    let written = std::fs::write(&path, contents);
    written.map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}
