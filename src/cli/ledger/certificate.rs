//! `ledger certificate`: one page about one request.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure};
use crate::clock::{Clock, SystemClock};
use crate::host::evidence::{Certified, certify, runs_of};
use crate::job::RunId;
use crate::journal::Reader;
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
        Ok(_) | Err(_) => runs_of(reader, request)?,
    };
    let shown = safe_id(request).into_owned();
    let runs: Vec<RunId> = runs.into_iter().collect();
    let certified = certify(reader, shown.clone(), &runs, folder, SystemClock.now_ms());
    let Some(Certified { page, document }) = certified.map_err(Failure::wrong)? else {
        let message = format!(
            "the ledger says nothing of the request {shown}: no such id was carried out here, or it was in a bulk job \
             that was pruned since"
        );
        return Err(Failure::Usage(message));
    };
    let names: Vec<String> = runs.iter().map(RunId::to_string).collect();
    match common.output {
        Format::Json => output::json(&json!({ "page": page, "document": document, "runs": names })),
        Format::Text => output::text(&format!("{}\n{}\n", page.display(), document.display())),
    }?;
    Ok(ExitCode::SUCCESS)
}
