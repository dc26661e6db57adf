//! What `privaflow.yaml` says, as typed values; the file itself is not looked at again.
//!
//! Reading a text is pure; finding the file is the work of `load`. Names that later parts of the
//! program will read are accepted here and not looked into.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use ipnet::IpNet;

use super::hooks::{self, Around};
use super::profile::Profile;
use super::section::Mistakes;
use super::{Canary, Channel, Directory, Hook, Keys, canary, decode, directory, keys, notify, retries};
use crate::source::{Mistake, Node, Severity, yaml};
use crate::workflow::Policies;

/// The keys of the file that mean something today.
/// How long jobs are kept that are over: long enough for a question about a request, short enough not to
/// keep what nobody needs.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long after an erasure a change still counts as made before it: clocks differ, and what was on its way
/// arrives late.
pub const QUIET: Duration = Duration::from_secs(24 * 60 * 60);

const KEYS: [&str; 12] = [
    "workflows",
    "store",
    "server",
    "profiles",
    "retries",
    "hooks",
    "notify",
    "ledger",
    "gate",
    "keys",
    "canary",
    "directory",
];

/// Names that are kept for what is to come: any value is accepted.
const RESERVED: [&str; 3] = ["retention", "runtime", "telemetry"];

/// The settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the workflows.
    pub workflows: PathBuf,
    /// Folder of the store.
    pub store: PathBuf,
    /// How long `serve` keeps jobs that are over.
    pub keep: Duration,
    /// Where the certificates go that workflows want of each request; [`Settings::certificates`] has the
    /// default.
    pub certificates: Option<PathBuf>,
    /// How long after an erasure a change still counts as made before it.
    pub quiet: Duration,
    /// Nothing is written outside. Not in the file: `store` is another one then.
    pub shadow: bool,
    /// Where `serve` listens.
    pub listen: SocketAddr,
    /// Proxies whose word about who calls is taken; none: the peer is the caller.
    pub trusted_proxies: Vec<IpNet>,
    /// What may be called from outside, by name.
    pub hooks: IndexMap<String, Hook>,
    /// Where people are told what failed, waits or is late, by name.
    pub channels: IndexMap<String, Channel>,
    /// A person who does not exist, taken through a workflow again and again.
    pub canary: Option<Canary>,
    /// By name, in the order of the file.
    pub profiles: IndexMap<String, Profile>,
    /// What wraps the keys of the store.
    pub keys: Keys,
    /// How often and how long calls are tried again, by the names steps use.
    pub retries: Policies,
    /// How the staff of OneTrust's tenants is read; `None`: `serve` reads none.
    pub directory: Option<Directory>,
}

/// What came of reading a text.
#[derive(Debug)]
pub struct Reading {
    /// `None` if any mistake is an error.
    pub settings: Option<Settings>,
    /// All of them, warnings too, in the order of the file.
    pub mistakes: Vec<Mistake>,
    /// The text as it may be shown: what may be a secret is overwritten, byte by byte.
    pub text: String,
}

impl Settings {
    /// The same for jobs that only look: in a store of their own, so that nothing counts as done later.
    #[must_use]
    pub fn in_the_shadow(mut self) -> Settings {
        let mut name = self.store.file_name().unwrap_or_default().to_owned();
        name.push("-shadow");
        self.store.set_file_name(name);
        self.shadow = true;
        self
    }

    /// Where the certificates go that workflows want of each request.
    pub fn certificates(&self) -> PathBuf {
        self.certificates.clone().unwrap_or_else(|| self.store.join("certificates"))
    }

    /// The settings of somebody who has no file, in a folder.
    pub fn default_in(folder: &Path) -> Settings {
        Settings {
            workflows: folder.join("workflows"),
            store: folder.join(".privaflow"),
            keep: KEPT,
            certificates: None,
            quiet: QUIET,
            shadow: false,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            trusted_proxies: Vec::new(),
            hooks: IndexMap::new(),
            channels: IndexMap::new(),
            canary: None,
            profiles: IndexMap::new(),
            keys: Keys::default(),
            retries: Policies::default(),
            directory: None,
        }
    }

    /// Reads the text of a settings file that lies in `folder`: paths in it are relative to that.
    pub fn read(text: &str, folder: &Path) -> Reading {
        let (node, first) = yaml::read(text);
        let mut mistakes = Mistakes::default();
        for mistake in first {
            mistakes.add(mistake);
        }
        let settings = decoded(&node, folder, &mut mistakes);
        let (mistakes, text) = mistakes.finish(text);
        let is_usable = mistakes.iter().all(|mistake| mistake.severity == Severity::Warning);
        Reading { settings: is_usable.then_some(settings), mistakes, text }
    }
}

fn decoded(node: &Node, folder: &Path, mistakes: &mut Mistakes) -> Settings {
    let mut settings = Settings::default_in(folder);
    let keys: Vec<&str> = KEYS.into_iter().chain(RESERVED).collect();
    let section = mistakes.section(node, "", &keys);
    if let Some(node) = section.get("workflows")
        && let Some(path) = mistakes.text(node, "workflows")
    {
        settings.workflows = folder.join(path);
    }
    if let Some(node) = section.get("store") {
        let store = mistakes.section(node, "store", &["path", "keep"]);
        if let Some(node) = store.get("keep")
            && let Some(keep) = mistakes.duration(node, "keep")
        {
            settings.keep = keep;
        }
        if let Some(node) = store.get("path")
            && let Some(path) = mistakes.text(node, "path")
        {
            settings.store = folder.join(path);
        }
    }
    if let Some(node) = section.get("ledger") {
        let ledger = mistakes.section(node, "ledger", &["certificates"]);
        settings.certificates = ledger
            .get("certificates")
            .and_then(|node| mistakes.text(node, "certificates"))
            .map(|path| folder.join(path));
    }
    if let Some(node) = section.get("gate") {
        let gate = mistakes.section(node, "gate", &["quiet"]);
        if let Some(node) = gate.get("quiet")
            && let Some(quiet) = mistakes.duration(node, "quiet")
        {
            settings.quiet = quiet;
        }
    }
    if let Some(node) = section.get("server") {
        let server = mistakes.section(node, "server", &["listen", "trusted_proxies"]);
        if let Some(node) = server.get("trusted_proxies") {
            settings.trusted_proxies = hooks::networks(node, "trusted_proxies", mistakes).unwrap_or_default();
        }
        if let Some(node) = server.get("listen")
            && let Some(listen) = mistakes.text(node, "listen")
        {
            match listen.parse() {
                Ok(address) => settings.listen = address,
                Err(_) => mistakes.add(
                    Mistake::error("bad_value", node.at.clone(), "`listen` must be an address with a port")
                        .help("write `127.0.0.1:8080`"),
                ),
            }
        }
    }
    if let Some(node) = section.get("keys") {
        settings.keys = keys::read(node, folder, mistakes);
    }
    if let Some(node) = section.get("retries") {
        settings.retries = retries::read(node, mistakes);
    }
    if let Some(node) = section.get("profiles") {
        for entry in mistakes.entries(node, "profiles") {
            if let Some(profile) = decode::profile(entry, folder, mistakes) {
                settings.profiles.insert(profile.name.clone(), profile);
            }
        }
    }
    if let Some(node) = section.get("hooks") {
        let names = section.get("profiles").and_then(Node::as_map).unwrap_or_default();
        let names = names.iter().map(|entry| entry.key.as_str()).collect();
        let around = Around { listen: settings.listen, profiles: &settings.profiles, names, folder };
        settings.hooks = hooks::read(node, &around, mistakes);
    }
    if let Some(node) = section.get("directory") {
        let names = section.get("profiles").and_then(Node::as_map).unwrap_or_default();
        let names: Vec<&str> = names.iter().map(|entry| entry.key.as_str()).collect();
        settings.directory = Some(directory::read(node, &settings.profiles, &names, mistakes));
    }
    if let Some(node) = section.get("notify") {
        settings.channels = notify::read(node, folder, mistakes);
    }
    if let Some(node) = section.get("canary") {
        settings.canary = canary::read(node, &settings.profiles, &settings.channels, mistakes);
    }
    settings
}
