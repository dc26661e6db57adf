//! From the folded journal to what people read: the summary, and the file of requests that failed or wait
//! for a person, or for an answer that can be read.
//!
//! The file has a line for each request of which something is known that a person can act on. What a guard
//! holds is not in it: the whole job waits, and nothing is known of any single request.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::history::Fates;
use super::summary::Summary;
use super::task::EngineError;
use crate::job::{Pause, State, Verdict};
use crate::journal::{JobRecord, Reader};

/// What a job came to. `open` is what this process left open; what nothing is known of waits to be
/// tried.
pub fn summary(
    reader: &Reader,
    record: &JobRecord,
    state: &State,
    open: Option<&BTreeMap<Pause, u64>>,
    folder: &Path,
) -> Result<Summary, EngineError> {
    let totals = state.totals();
    let mut waits = [Pause::NeedsAttention, Pause::Retry].into_iter();
    let is_listed = totals.failed() > 0 || waits.any(|pause| totals.waiting_by.contains_key(&pause));
    let failures = if is_listed { write_failures(reader, record, folder)? } else { None };
    Ok(Summary { failures, ..count(record, state, open) })
}

/// What is known of a job that had to be given up half-way, with nothing written anywhere. What of its
/// requests nothing is known waits; `requests` is how many its input has, if that can be told.
pub fn standing(record: &JobRecord, state: &State, requests: Option<u64>) -> Summary {
    let mut summary = count(record, state, None);
    let rest = requests.unwrap_or(0).saturating_sub(summary.requests);
    if rest > 0 {
        summary.requests += rest;
        summary.waiting += rest;
        *summary.waiting_by.entry(Pause::Retry.word().to_owned()).or_default() += rest;
    }
    summary
}

fn count(record: &JobRecord, state: &State, open: Option<&BTreeMap<Pause, u64>>) -> Summary {
    let totals = state.totals();
    let mut waiting_by = totals.waiting_by.clone();
    if let Some(open) = open {
        waiting_by.clone_from(open);
    }
    let over = totals.done + totals.skipped() + totals.failed();
    let requests = totals.records.unwrap_or(0).max(over + waiting_by.values().sum::<u64>());
    let known: u64 = waiting_by.values().sum();
    if requests > over + known {
        let rest = if state.hold().is_some() { Pause::Guard } else { Pause::Retry };
        *waiting_by.entry(rest).or_default() += requests - over - known;
    }
    Summary {
        job: record.id.to_string(),
        workflow: record.workflow_name.clone(),
        requests,
        done: totals.done,
        skipped: totals.skipped(),
        failed: totals.failed(),
        waiting: waiting_by.values().sum(),
        accepted: totals.accepted,
        verified: totals.verified,
        skipped_by: words(&totals.skipped_by, |skip| skip.word()),
        failed_by: words(&totals.failed_by, |fail| fail.word()),
        waiting_by: words(&waiting_by, |pause| pause.word()),
        unmapped: totals.unmapped.clone(),
        calls: totals.calls,
        http_requests: totals.http_requests,
        retries: totals.retries,
        duration_ms: totals.elapsed_ms,
        shadow: is_shadow(record).then(|| totals.not_sent.clone()),
        failures: None,
    }
}

/// Whether a job only looked.
fn is_shadow(record: &JobRecord) -> bool {
    record.format.get("shadow").is_some_and(|shadow| shadow == true)
}

fn words<K: Copy>(counts: &BTreeMap<K, u64>, word: impl Fn(K) -> &'static str) -> BTreeMap<String, u64> {
    counts.iter().map(|(key, count)| (word(*key).to_owned(), *count)).collect()
}

/// Writes a line for each request that failed or waits for a person, in the order in which they came to that,
/// and gives the file; `None` if the journal knows of none (a job that was cancelled when its input was gone).
fn write_failures(
    reader: &Reader,
    record: &JobRecord,
    folder: &Path,
) -> Result<Option<PathBuf>, EngineError> {
    let mut lines = 0_u64;
    let path = folder.join(format!("{}.ndjson", record.id));
    let broken = |source| EngineError::Failures { path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(broken)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(broken)?);
    // One that was tried again, and is well or goes on, is no longer listed.
    let fates = Fates::of(reader, record.clone())?;
    let told: ControlFlow<()> = fates.each(|fate| {
        if matches!(
            fate.verdict,
            Verdict::Failed(_) | Verdict::Waiting(Pause::NeedsAttention | Pause::Approval | Pause::Retry)
        ) && let Some(failure) = &fate.failure
        {
            serde_json::to_writer(&mut file, failure).map_err(|error| broken(error.into()))?;
            file.write_all(b"\n").map_err(broken)?;
            lines += 1;
        }
        Ok::<_, EngineError>(ControlFlow::Continue(()))
    })?;
    debug_assert!(told.is_continue());
    file.flush().map_err(broken)?;
    if lines == 0 {
        std::fs::remove_file(&path).map_err(broken)?;
        return Ok(None);
    }
    Ok(Some(path))
}
