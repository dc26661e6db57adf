//! A bulk export of people, from asking for it to its files on our disk, across any number of kills.
//!
//! An account has few exports a month, so none is asked for twice: the name of one is on the disk before
//! it is asked for, its id as soon as it is known, and each file under its name when it is whole. Whoever
//! goes on looks for the name in OneTrust's list when no answer told the id.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FeedError;
use super::ask;
use super::patient::patiently;
use crate::clock::SharedClock;
use crate::config::{Connection, ConnectionError, Credential, Host, Profile, Scheme, Token};
use crate::onetrust::bulk::{self, DateType, Days, File, State};
use crate::onetrust::{self, Api, ApiError};
use crate::secret::Secret;
use crate::wire::{Timeouts, WireError};
use crate::workflow::Policy;

/// Hosts of OneTrust, on which a file may be besides the profile's own.
const ONETRUST: &str = ".onetrust.com";
/// A file has a million people at most, eight megabytes of them packed; a slow line needs a while.
const PATIENCE: Timeouts = Timeouts { connect: Duration::from_secs(10), total: Duration::from_secs(600) };

/// Fetches exports.
#[derive(Debug)]
pub struct Export {
    profile: Profile,
    api: Api,
    clock: SharedClockBox,
    policy: Policy,
    folder: PathBuf,
    every: Duration,
}

/// What must be known after a kill.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Under which it is asked for.
    name: String,
    /// As soon as OneTrust told it.
    #[serde(default)]
    id: Option<String>,
    /// All of its files are here.
    #[serde(default)]
    files: Option<Vec<String>>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// OneTrust did not answer, or not with what was asked for.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The account has used its exports up.
    #[error(
        "{needed} exports of OneTrust are needed, and the account has {left} left this month: take a shorter time, or wait"
    )]
    TooFew {
        /// How many are not asked for yet.
        needed: u64,
        /// How many there are.
        left: u64,
    },
    /// OneTrust gave it up.
    #[error("OneTrust says that the export of {days} is {state}; the same command asks for another one")]
    Over {
        /// Its first and last day.
        days: String,
        /// In its own word.
        state: String,
    },
    /// What OneTrust says of the export or its files is no such thing.
    #[error("what OneTrust says of the export cannot be read")]
    Unreadable,
    /// A file is where nothing of OneTrust should be.
    #[error(
        "a file of the export is at `{0}`, which is neither the profile's host nor one of OneTrust's: fetch it by hand, and give it with --file"
    )]
    Elsewhere(String),
    /// Something cannot be kept.
    #[error("cannot write `{}`", path.display())]
    Keep {
        /// Where.
        path: PathBuf,
        /// In the words of the system.
        #[source]
        source: std::io::Error,
    },
    /// A client for the files cannot be made.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The address of a file cannot be used.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// A clock that shows nothing of itself.
struct SharedClockBox(SharedClock);

impl std::fmt::Debug for SharedClockBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Export {
    /// By a profile of OneTrust; what it fetches stands in a folder. Whether an export is ready is asked
    /// every so often.
    pub fn new(
        profile: &Profile,
        api: Api,
        clock: SharedClock,
        policy: Policy,
        folder: &Path,
        every: Duration,
    ) -> Export {
        let (profile, folder) = (profile.clone(), folder.to_owned());
        Export { profile, api, clock: SharedClockBox(clock), policy, folder, every }
    }

    /// Whether the account may ask for what is not asked for yet; else nothing is begun.
    pub async fn check(&self, all: &[Days], date: DateType) -> Result<(), ExportError> {
        let needed = all.iter().filter(|days| self.kept(**days, date).is_none()).count() as u64;
        if needed == 0 {
            return Ok(());
        }
        let answer = self.patiently(|| self.api.call(ask::export_credits())).await?;
        match bulk::credits(&answer) {
            Some(left) if left < needed => Err(ExportError::TooFew { needed, left }),
            Some(_) | None => Ok(()),
        }
    }

    /// The files of an export, on our disk. `say` hears what it waits for.
    pub async fn fetch(
        &self,
        days: Days,
        date: DateType,
        mut say: impl FnMut(&str),
    ) -> Result<Vec<PathBuf>, ExportError> {
        let key = self.key(days, date);
        let span = format!("{} to {}", days.start, days.end);
        let mut kept = match self.kept(days, date) {
            Some(kept) => kept,
            None => {
                let kept = Kept {
                    name: format!("privaflow {key} {}", uuid::Uuid::now_v7().simple()),
                    ..Kept::default()
                };
                self.keep(&key, &kept)?;
                kept
            }
        };
        if let Some(files) = &kept.files {
            return Ok(files.iter().map(|name| self.folder.join(name)).collect());
        }
        let id = match &kept.id {
            Some(id) => id.clone(),
            None => {
                say(&format!("asking OneTrust for the export of {span}"));
                let id = self.order(&kept.name, days, date).await?;
                kept.id = Some(id.clone());
                self.keep(&key, &kept)?;
                id
            }
        };
        loop {
            let answer = self.patiently(|| self.api.call(ask::export(&id))).await?;
            let export = bulk::Export::read(&answer).ok_or(ExportError::Unreadable)?;
            match export.state {
                State::Completed => break,
                State::Over(state) => {
                    self.forget(days, date);
                    return Err(ExportError::Over { days: span, state });
                }
                State::Going => {
                    let progress = export.progress.map(|part| format!(" ({part:.0} %)")).unwrap_or_default();
                    say(&format!("OneTrust makes the export of {span}{progress}"));
                    tokio::time::sleep(self.every).await;
                }
            }
        }
        let names = self.files(&key, &id).await?;
        kept.files = Some(names.clone());
        self.keep(&key, &kept)?;
        Ok(names.into_iter().map(|name| self.folder.join(name)).collect())
    }

    /// Removes what is kept of an export, its files included.
    pub fn forget(&self, days: Days, date: DateType) {
        let key = self.key(days, date);
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&key)) {
            if let Err(error) = std::fs::remove_file(entry.path()) {
                tracing::warn!(
                    "{} could not be removed, and may name people: {error}",
                    entry.path().display()
                );
            }
        }
    }

    /// Asks for an export, unless one of this name is there.
    async fn order(&self, name: &str, days: Days, date: DateType) -> Result<String, ExportError> {
        let ordered = async || -> Result<Option<String>, FeedError> {
            let answer = self.api.call(ask::exports()).await?;
            let exports = answer.get("content").or(Some(&answer)).and_then(serde_json::Value::as_array);
            let mut exports = exports.into_iter().flatten().filter_map(bulk::Export::read);
            Ok(exports.find(|export| export.name.as_deref() == Some(name)).map(|export| export.id))
        };
        loop {
            if let Some(id) = patiently(&*self.clock.0, self.policy, ordered).await? {
                return Ok(id);
            }
            match self.api.call(ask::export_ordered(bulk::order(name, days, date))).await {
                Ok(answer) => return Ok(bulk::Export::read(&answer).ok_or(ExportError::Unreadable)?.id),
                // It may have been taken all the same: the list tells.
                Err(error) if !error.is_not_applied() => {
                    tracing::warn!("it is not known whether OneTrust took the order: {error}");
                    tokio::time::sleep(self.policy.base).await;
                }
                Err(ApiError::Limited { not_before_ms, .. }) => {
                    let left_ms = (not_before_ms - self.clock.0.steady_ms()).max(0).unsigned_abs();
                    tokio::time::sleep(Duration::from_millis(left_ms)).await;
                }
                Err(error) => return Err(FeedError::Api(error).into()),
            }
        }
    }

    /// Fetches every file; gives their names here.
    async fn files(&self, key: &str, id: &str) -> Result<Vec<String>, ExportError> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let answer = self.patiently(|| self.api.call(ask::export_files(id, token.clone()))).await?;
            let (files, next) = bulk::files(&answer).ok_or(ExportError::Unreadable)?;
            for file in files {
                let end = if file.name.ends_with(".gz") { ".csv.gz" } else { ".csv" };
                let name = format!("{key}-{}{end}", names.len());
                if !self.folder.join(&name).is_file() {
                    self.file(&file, &name).await?;
                }
                names.push(name);
            }
            match next {
                Some(next) if Some(&next) != token.as_ref() => token = Some(next),
                Some(_) => return Err(ExportError::Unreadable),
                None => return Ok(names),
            }
        }
    }

    async fn file(&self, file: &File, name: &str) -> Result<(), ExportError> {
        let elsewhere = || ExportError::Elsewhere(host_of(&file.url));
        let url = url::Url::parse(&file.url).map_err(|_| elsewhere())?;
        let own = self.profile.connection().ok_or_else(elsewhere)?;
        let mut connection = own.clone();
        if url.origin() != own.base().origin() {
            let host = url.host_str().filter(|host| url.scheme() == "https" && host.ends_with(ONETRUST));
            let host = host.and_then(|host| Host::parse(host).ok()).ok_or_else(elsewhere)?;
            connection = Connection::new(Scheme::Https, host)?;
            connection.ca_file.clone_from(&own.ca_file);
            connection.proxy.clone_from(&own.proxy);
        }
        // What opens the file came with it: nothing of the profile's own goes there.
        let credential = Credential::Token(Token::fixed(Secret::new(String::new())));
        let client = onetrust::client(&connection, &credential, PATIENCE)?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let bytes = self.patiently(|| self.api.fetch(&client, path.clone(), &file.authorization)).await?;
        self.write(name, &bytes)
    }

    async fn patiently<T>(
        &self,
        mut ask: impl AsyncFnMut() -> Result<T, ApiError>,
    ) -> Result<T, ExportError> {
        let ask = async || ask().await.map_err(FeedError::Api);
        Ok(patiently(&*self.clock.0, self.policy, ask).await?)
    }

    fn kept(&self, days: Days, date: DateType) -> Option<Kept> {
        let text = std::fs::read(self.folder.join(format!("{}.json", self.key(days, date)))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn keep(&self, key: &str, kept: &Kept) -> Result<(), ExportError> {
        let text = serde_json::to_vec(kept).unwrap_or_default();
        self.write(&format!("{key}.json"), &text)
    }

    /// Writes a private file that is there whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.folder.join(name);
        let written = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".export-").tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            std::fs::File::open(&self.folder)?.sync_all()
        };
        written().map_err(|source| ExportError::Keep { path: path.clone(), source })
    }

    /// What tells exports apart: whose they are, which days they cover, and by which date.
    fn key(&self, days: Days, date: DateType) -> String {
        let mut digest = Sha256::new();
        let base = self.profile.connection().map(|connection| connection.base().as_str());
        digest.update(base.unwrap_or_default());
        digest.update(format!("{} {} {}", days.start, days.end, date.word()));
        digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The host of an address and nothing more of it: the rest may be a credential.
fn host_of(address: &str) -> String {
    let host = url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| "no address".to_owned())
}
