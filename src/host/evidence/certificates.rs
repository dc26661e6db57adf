//! Certificates: written when they are asked for, and by themselves where a workflow wants one of each request.
//!
//! One is made of the ledger alone and can be made again at any time, so nothing waits for it, and one that
//! cannot be written is no failure of the request. One that is written anew keeps its name, and never takes the
//! place of one that tells of entries which the ledger does not have (a backup was put back). When
//! they are written by themselves is decided in `owed`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::find;
use crate::engine::{EngineError, Fates, Kept, watched};
use crate::job::{Finished, JobId, Position, RunId, Status, Verdict};
use crate::journal::{JobRecord, OwedPages, Reader, StoreError};
use crate::ledger::{Certificate, Signer, page, to_hex};
use crate::source::Source;
use crate::workflow::{Known, load};

/// Most requests of a job of which each gets its page by itself; of a bulk job one is written on demand.
pub(super) const MOST: u64 = 100;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job's input.
    #[error(transparent)]
    Input(#[from] EngineError),
    /// It cannot be written as JSON.
    #[error("the certificate cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Its file.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The one that is there says more than the ledger can tell.
    #[error(
        "{path} tells what the ledger of this store does not have: it was made before a backup was put back. It stays as it is; write another one with `--to` to another folder"
    )]
    SaysMore {
        /// The file.
        path: PathBuf,
    },
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// The page.
    pub page: PathBuf,
    /// The signed document.
    pub document: PathBuf,
}

/// Writes page and document of a request that is called `shown`, carried out in these runs; `None` when the
/// ledger says nothing of them.
pub fn certify(
    reader: &Reader,
    shown: String,
    runs: &[RunId],
    folder: &Path,
    now_ms: i64,
) -> Result<Option<Certified>, CertifyError> {
    let signer = reader.ledger_signer()?;
    match made(reader, shown, runs, now_ms, &signer)? {
        Some(certificate) => put(reader, &certificate, runs, folder, &signer).map(Some),
        None => Ok(None),
    }
}

/// The same by itself, of a run that is over; whether it is written. After a backup was put back the ledger may not
/// know that the run is over, or less of it than the page that is there: then nothing is written.
fn certify_unasked(
    reader: &Reader,
    shown: String,
    runs: &[RunId],
    folder: &Path,
    now_ms: i64,
) -> Result<bool, CertifyError> {
    let signer = reader.ledger_signer()?;
    let is_over = |certificate: &Certificate| {
        let own = certificate.results.first();
        own.is_some_and(|own| !matches!(own.result.as_str(), "open" | "waiting"))
    };
    let Some(certificate) = made(reader, shown, runs, now_ms, &signer)?.filter(is_over) else {
        return Ok(false);
    };
    match put(reader, &certificate, runs, folder, &signer) {
        Err(error @ CertifyError::SaysMore { .. }) => {
            tracing::warn!("a certificate is not written anew: {error}");
            Ok(false)
        }
        written => written.map(|_| true),
    }
}

fn made(
    reader: &Reader,
    shown: String,
    runs: &[RunId],
    now_ms: i64,
    signer: &Signer,
) -> Result<Option<Certificate>, CertifyError> {
    let told = find::entries_of(reader, runs)?;
    if told.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = runs.iter().map(RunId::to_string).collect();
    let at = (find::last(reader)?, now_ms);
    Ok(Some(Certificate::of(shown, &names, told, at, signer.public())))
}

fn put(
    reader: &Reader,
    certificate: &Certificate,
    runs: &[RunId],
    folder: &Path,
    signer: &Signer,
) -> Result<Certified, CertifyError> {
    let document = certificate.signed(signer)?;
    let signature: serde_json::Value = serde_json::from_slice(&document)?;
    let html = page(certificate, signature["signature"].as_str().unwrap_or_default());
    let Certified { page, document: data } = files_of(runs, folder);
    if says_more(reader, &data)? {
        return Err(CertifyError::SaysMore { path: data });
    }
    make(folder)?;
    write(&page, html.as_bytes())?;
    // Last, so that it stands for both.
    write(&data, &document)?;
    Ok(Certified { page, document: data })
}

/// Whether a certificate that is there was made of entries that this ledger does not have.
fn says_more(reader: &Reader, document: &Path) -> Result<bool, StoreError> {
    let before = std::fs::read(document).ok();
    let before: Option<Certificate> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    for line in before.iter().flat_map(|before| &before.story) {
        if reader.ledger_at(line.entry)?.is_none_or(|known| to_hex(&known.hash) != line.hash) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of the certificate of a request that was carried out in these runs.
fn files_of(runs: &[RunId], folder: &Path) -> Certified {
    let stem = runs.first().map_or_else(|| "request".to_owned(), |run| run.to_string().replace(':', "-"));
    let path = |ending: &str| folder.join(format!("certificate-{stem}.{ending}"));
    Certified { page: path("html"), document: path("json") }
}

/// A file comes to its name when all of it is there.
fn write(path: &Path, contents: &[u8]) -> Result<(), CertifyError> {
    let written = || -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".certificate-").tempfile_in(folder)?;
        file.write_all(contents)?;
        file.persist(path).map_err(|error| error.error).map(drop)
    };
    written().map_err(|source| CertifyError::File { path: path.to_owned(), source })
}

/// Writes the certificates of a job's requests that are over and have none yet, unless they are very many; gives how
/// many, and whether no more are to come of what is known by now.
pub(super) fn certify_job(
    reader: &Reader,
    folder: &Path,
    job: JobId,
    now_ms: i64,
) -> Result<(u64, bool), CertifyError> {
    let record = reader.job(job)?;
    let are_all = record.status.is_closed();
    let fates = Fates::of(reader, record.clone())?;
    if !is_few(&fates) {
        // Until all of them are read nobody knows how many there are.
        return Ok((0, are_all || fates.state().totals().records.is_some()));
    }
    let mut over = BTreeSet::new();
    let went: ControlFlow<()> = fates.each(|fate| {
        let run = RunId { job, position: fate.position };
        let is_own = !fate.verdict.is_of_a_repeated_id();
        if is_own && is_over(fate.verdict) && !files_of(&[run], folder).document.exists() {
            over.insert(fate.position);
        }
        Ok::<_, StoreError>(ControlFlow::Continue(()))
    })?;
    debug_assert!(went.is_continue());
    if over.is_empty() {
        return Ok((0, are_all));
    }
    let names = names_of(reader, &record, &over)?;
    let mut written = 0;
    for position in over {
        let run = RunId { job, position };
        let shown = names.get(&position).cloned().unwrap_or_else(|| run.to_string());
        written += u64::from(certify_unasked(reader, shown, &[run], folder, now_ms)?);
    }
    Ok((written, are_all))
}

/// Whether each request of a job gets its page by itself.
pub(super) fn is_few(fates: &Fates) -> bool {
    match fates.state().totals().records {
        Some(records) => records <= MOST,
        // Given up before all of them were read: those count of which something is known.
        None => fates.record().status.is_closed() && are_few(fates),
    }
}

fn are_few(fates: &Fates) -> bool {
    let mut known = 0;
    let seen: Result<ControlFlow<()>, StoreError> = fates.each(|_| {
        known += 1;
        Ok(if known > MOST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    seen.is_ok_and(|seen| seen.is_continue())
}

/// Writes those of requests of a job anew that are over, with what every look at them came to; gives how many, and
/// whether all of them are over.
pub(super) fn certify_again(
    reader: &Reader,
    folder: &Path,
    owed: &OwedPages,
    now_ms: i64,
) -> Result<(u64, bool), CertifyError> {
    let job = owed.job;
    let record = match reader.job(job) {
        Err(StoreError::NoSuchJob(_)) => return Ok((0, true)),
        record => record?,
    };
    let fates = Fates::of(reader, record.clone())?;
    let is_cancelled = record.status == Status::Cancelled;
    let positions: BTreeSet<Position> = owed.positions.iter().copied().collect();
    let over: BTreeSet<Position> =
        positions.iter().copied().filter(|position| is_cancelled || fates.is_over(*position)).collect();
    let are_all_over = over.len() == positions.len();
    let looks = looks_at(reader, job)?;
    let names = names_of(reader, &record, &over)?;
    let mut written = 0;
    for position in over {
        let own = RunId { job, position };
        let of_looks = looks.iter().filter_map(|(look, looked_at)| {
            let place = looked_at.iter().position(|known| known == position)?;
            Some(RunId { job: *look, position: place as u64 })
        });
        let runs: Vec<RunId> = [own].into_iter().chain(of_looks).collect();
        // What was carried out may be gone with its last look: the page that is there knows the name.
        let before = std::fs::read(files_of(&runs, folder).document).ok();
        let before: Option<serde_json::Value> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let shown = before.as_ref().and_then(|before| before["request"].as_str());
        let shown = shown.or_else(|| names.get(&position).map(String::as_str));
        let shown = shown.map_or_else(|| own.to_string(), str::to_owned);
        written += u64::from(certify_unasked(reader, shown, &runs, folder, now_ms)?);
    }
    Ok((written, are_all_over))
}

/// The jobs that looked at requests of a job, in order, and at which.
fn looks_at(reader: &Reader, job: JobId) -> Result<Vec<(JobId, Finished)>, StoreError> {
    let mut looks = Vec::new();
    for look in reader.jobs()? {
        if let Some((of, from, to)) = look.looks_at()
            && of == job
        {
            looks.push((look.id, watched(reader, job, from, to)?));
        }
    }
    looks.sort_unstable_by_key(|(look, _)| *look);
    Ok(looks)
}

/// What requests are called; what was carried out may be gone, and then a request is called by its run.
fn names_of(
    reader: &Reader,
    record: &JobRecord,
    wanted: &BTreeSet<Position>,
) -> Result<BTreeMap<Position, String>, EngineError> {
    let Ok(kept) = Kept::open(reader, record) else { return Ok(BTreeMap::new()) };
    let known = kept.look_up(wanted)?.into_iter();
    Ok(known.filter_map(|(position, known)| Some((position, known.request?))).collect())
}

/// Whether the workflow of a job wants a certificate of each request, and its calls went to real services.
pub(super) fn wants_certificates(record: &JobRecord) -> bool {
    if record.sandbox || record.is_canary() || record.format.get("shadow").is_some() {
        return false;
    }
    let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
    load(&source, &Known::default()).0.is_some_and(|workflow| workflow.certificate)
}

fn is_over(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Done | Verdict::Skipped(_) | Verdict::Failed(_) => true,
        Verdict::Waiting(_) => false,
    }
}

fn make(folder: &Path) -> Result<(), CertifyError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| CertifyError::File { path: folder.to_owned(), source })
}
