//! Certificates: written when they are asked for, and by themselves where a workflow wants one of each request.
//!
//! One is made of the ledger alone and can be made again at any time, so nothing waits for it, and one that
//! cannot be written is no failure of the request. When a look finds somebody again of whom a page says that they
//! are gone, that page is written anew, under its name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::find;
use crate::engine::{EngineError, Fates, Kept, watched};
use crate::host::owner::Host;
use crate::job::{JobId, Position, RunId, Verdict};
use crate::journal::{JobRecord, Reader, StoreError, Watch};
use crate::ledger::{Certificate, page};
use crate::source::Source;
use crate::workflow::{Known, load};

/// Most requests of a job of which each gets its page by itself; of a bulk job one is written on demand.
const MOST: u64 = 100;

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
    let told = find::entries_of(reader, runs)?;
    if told.is_empty() {
        return Ok(None);
    }
    let signer = reader.ledger_signer()?;
    let names: Vec<String> = runs.iter().map(RunId::to_string).collect();
    let at = (find::last(reader)?, now_ms);
    let certificate = Certificate::of(shown, &names, told, at, signer.public());
    let document = certificate.signed(&signer)?;
    let signature: serde_json::Value = serde_json::from_slice(&document)?;
    let html = page(&certificate, signature["signature"].as_str().unwrap_or_default());
    let Certified { page, document: data } = files_of(runs, folder);
    make(folder)?;
    write(&page, html.as_bytes())?;
    // Last, so that it stands for both.
    write(&data, &document)?;
    Ok(Some(Certified { page, document: data }))
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

impl Host {
    /// Writes the certificates of a job's requests that are over and have none yet.
    pub(in crate::host) async fn write_certificates(&self, job: JobId) {
        let (reader, folder) = (self.store().reader().clone(), self.settings().certificates());
        let now_ms = self.now_ms();
        self.say_written(job, move || certify_job(&reader, &folder, job, now_ms)).await;
    }

    /// Writes the certificates of requests anew whose people a look found again, by their records in the look.
    pub(in crate::host) async fn renew_certificates(&self, watch: &Watch, again: Vec<Position>) {
        let (reader, folder) = (self.store().reader().clone(), self.settings().certificates());
        let (now_ms, job, watch) = (self.now_ms(), watch.job, watch.clone());
        self.say_written(job, move || certify_again(&reader, &folder, &watch, &again, now_ms)).await;
    }

    async fn say_written(
        &self,
        job: JobId,
        write: impl FnOnce() -> Result<u64, CertifyError> + Send + 'static,
    ) {
        let shown = self.settings().certificates().display().to_string();
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(0)) => {}
            Ok(Ok(written)) => tracing::info!(%job, "{written} certificates of {job} are in {shown}"),
            Ok(Err(error)) => tracing::warn!(
                %job, %error,
                "the certificates of {job} cannot be written; `privaflow ledger certificate` makes them when that is mended: {error}"
            ),
            Err(error) => tracing::error!(%job, %error, "writing certificates ended in a defect"),
        }
    }
}

/// Writes the certificates of a job's requests that are over and have none yet, unless they are very many.
fn certify_job(reader: &Reader, folder: &Path, job: JobId, now_ms: i64) -> Result<u64, CertifyError> {
    let record = reader.job(job)?;
    let fates = Fates::of(reader, record.clone())?;
    if !is_few(&fates) {
        return Ok(0);
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
        return Ok(0);
    }
    // What was carried out may be gone; then a request is called by its run.
    let names: BTreeMap<Position, String> = match Kept::open(reader, &record) {
        Ok(kept) => {
            let known = kept.look_up(&over)?.into_iter();
            known.filter_map(|(position, known)| Some((position, known.request?))).collect()
        }
        Err(_) => BTreeMap::new(),
    };
    let mut written = 0;
    for position in over {
        let run = RunId { job, position };
        let shown = names.get(&position).cloned().unwrap_or_else(|| run.to_string());
        written += u64::from(certify(reader, shown, &[run], folder, now_ms)?.is_some());
    }
    Ok(written)
}

/// Whether each request of a job gets its page by itself.
fn is_few(fates: &Fates) -> bool {
    fates.state().totals().records.is_some_and(|records| records <= MOST)
}

/// Writes those of requests anew that a look found again, with what every look at them came to, where their workflow
/// wants one of each.
fn certify_again(
    reader: &Reader,
    folder: &Path,
    watch: &Watch,
    again: &[Position],
    now_ms: i64,
) -> Result<u64, CertifyError> {
    let record = match reader.job(watch.job) {
        Err(StoreError::NoSuchJob(_)) => return Ok(0),
        record => record?,
    };
    if !wants_certificates(&record) || !is_few(&Fates::of(reader, record)?) {
        return Ok(0);
    }
    let span = (watch.job, watch.from_event, watch.to_event);
    let mut looks: Vec<JobId> = Vec::new();
    looks.extend(reader.jobs()?.iter().filter(|job| job.looks_at() == Some(span)).map(|job| job.id));
    looks.sort_unstable();
    let erased = watched(reader, watch.job, watch.from_event, watch.to_event)?;
    let mut written = 0;
    for position in again {
        let Some(own) = erased.nth(*position) else { continue };
        let own = RunId { job: watch.job, position: own };
        let of_looks = looks.iter().map(|job| RunId { job: *job, position: *position });
        let runs: Vec<RunId> = [own].into_iter().chain(of_looks).collect();
        // What was carried out may be gone with its last look: the page that is there knows the name.
        let before = std::fs::read(files_of(&runs, folder).document).ok();
        let before: Option<serde_json::Value> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let shown = before.as_ref().and_then(|before| before["request"].as_str());
        let shown = shown.map_or_else(|| own.to_string(), str::to_owned);
        written += u64::from(certify(reader, shown, &runs, folder, now_ms)?.is_some());
    }
    Ok(written)
}

/// Whether the workflow of a job wants a certificate of each request.
fn wants_certificates(record: &JobRecord) -> bool {
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
