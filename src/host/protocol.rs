//! The lines that go through the socket of a store.
//!
//! ```text
//! owner   {"privaflow":"0.1.0","protocol":4,"pid":7,"settings":{…}}   the greeting, at once
//! asker   {"privaflow":"0.1.0","protocol":4,"command":{…}}            one command
//! owner   {"heard":{…}} …                                             while it is carried out
//! asker   "stop"                                                      any time after
//! owner   {"answer":{…}} or {"refused":{…}} or "left"                 the end
//! ```
//!
//! One JSON value a line, and no line is longer than [`MOST_BYTES`]. Both sides say which release they
//! are before anything else, in members that never change their meaning.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::command::{Answer, Command, Heard};
use super::error::{HostError, Refusal};

/// The number of this protocol. Any change of a line makes it another one.
pub(super) const PROTOCOL: u32 = 4;

/// This release.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The longest line: the largest workflow, and to spare.
pub(super) const MOST_BYTES: u64 = 8 << 20;

/// Which settings a process has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsName {
    /// The whole path of the file; `None` when there is none.
    pub path: Option<PathBuf>,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
}

impl SettingsName {
    /// Refuses to hand over what another file of settings would decide.
    pub(super) fn check(&self, ours: &SettingsName, pid: u32) -> Result<(), HostError> {
        let shown = |name: &SettingsName| {
            name.path.as_ref().map_or_else(|| "none".to_owned(), |path| format!("`{}`", path.display()))
        };
        if self.digest == ours.digest {
            return Ok(());
        }
        if self.path == ours.path && self.path.is_some() {
            return Err(HostError::ChangedSettings { path: shown(ours), pid });
        }
        Err(HostError::OtherSettings { theirs: shown(self), ours: shown(ours) })
    }
}

/// What the owner says first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub privaflow: String,
    pub protocol: u32,
    pub pid: u32,
    pub settings: SettingsName,
}

impl Greeting {
    /// Refuses a release that may mean something else by the same words.
    pub(super) fn check(&self) -> Result<(), HostError> {
        if (self.privaflow.as_str(), self.protocol) == (RELEASE, PROTOCOL) {
            return Ok(());
        }
        Err(HostError::OtherRelease {
            pid: self.pid,
            theirs: self.privaflow.clone(),
            their_protocol: self.protocol,
            ours: RELEASE,
            our_protocol: PROTOCOL,
        })
    }
}

/// Who asks: the members that every release can read.
#[derive(Debug, Deserialize)]
pub(super) struct Asker {
    pub privaflow: String,
    pub protocol: u32,
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ask {
    pub privaflow: String,
    pub protocol: u32,
    pub command: Command,
}

/// What the asker says after its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// Stop in order.
    Stop,
}

/// What the owner says after the greeting.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// Meanwhile.
    Heard(Heard),
    /// The command was carried out.
    Answer(Answer),
    /// It was not.
    Refused(Refusal),
    /// The owner leaves the store before the command is carried out; somebody else may go on.
    Left,
}
