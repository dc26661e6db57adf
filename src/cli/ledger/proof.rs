//! `ledger proof`: what one request of a bulk batch came to.

use std::process::ExitCode;

use crate::cli::Failure;
use crate::cli::output;
use crate::host::evidence::entries_of;
use crate::job::RunId;
use crate::journal::Reader;

/// Writes a proof for each batch that says something of the request, a line each.
pub(super) fn run(reader: &Reader, run: RunId) -> Result<ExitCode, Failure> {
    // That there is such a job is told before that there is no proof.
    reader.job(run.job)?;
    let found = entries_of(reader, &[run])?;
    let told = found.iter().filter(|found| found.proof.is_none());
    let told: Vec<u64> = told
        .filter(|found| found.entry.fact.iter().any(|fact| !fact.outcomes().is_empty()))
        .map(|found| found.chain.seq)
        .collect();
    let proofs: Vec<_> = found.into_iter().filter_map(|found| found.proof).collect();
    if proofs.is_empty() {
        return Err(Failure::Usage(match told.as_slice() {
            [] => format!(
                "the ledger says nothing of {run}: no call of it was answered yet, or it has no such request"
            ),
            entries => format!(
                "{run} stands in the ledger by itself, in {}: an export proves it, no other proof is needed",
                entries.iter().map(|seq| format!("entry {seq}")).collect::<Vec<_>>().join(", "),
            ),
        }));
    }
    for proof in proofs {
        output::json(&proof)?;
    }
    Ok(ExitCode::SUCCESS)
}
