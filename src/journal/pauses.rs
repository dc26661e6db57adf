//! The emergency stop as it stands on the disk: what is held, by whom, since when and why.
//!
//! ```text
//! .privaflow/   pauses.json   pauses.ndjson   pauses.lock
//! ```
//!
//! It stands beside the database, because it must hold and let go with or without a process that
//! owns the store. The state is replaced whole, so that whoever reads it sees the old or the new;
//! what happened is appended to a log before. A state that cannot be read holds everything: a brake
//! that is broken must not let go.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::directory::{file, hand_over, make_private};
use super::error::StoreError;

/// The only form of the file that this release knows.
const VERSION: u32 = 1;

/// Who holds something, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The person, as the system names them.
    pub by: String,
    /// Since when.
    pub since: jiff::Timestamp,
    /// In their words.
    pub reason: Option<String>,
}

/// What is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pauses {
    /// Everything.
    pub all: Option<Pause>,
    /// By the profile's name.
    pub profiles: BTreeMap<String, Pause>,
}

/// What a change is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// One profile.
    Profile(String),
}

/// Whether a change holds or lets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Nothing leaves any more.
    Hold,
    /// What is held may leave again. Of [`Scope::All`], also what was held by its profile.
    LetGo,
}

/// The state as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    all: Option<Pause>,
    profiles: BTreeMap<String, Pause>,
}

/// A line of the log.
#[derive(Debug, Serialize)]
struct Logged<'a> {
    at: jiff::Timestamp,
    action: &'static str,
    all: bool,
    profile: Option<&'a str>,
    by: &'a str,
    reason: Option<&'a str>,
}

impl Pauses {
    /// What is held in the store of a directory.
    pub fn of(store: &Path) -> Pauses {
        let path = state_in(store);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Pauses::default(),
            Err(error) => return Pauses::unreadable(&path, &error),
        };
        match serde_json::from_slice::<Written>(&text) {
            Ok(written) if written.version == VERSION => {
                Pauses { all: written.all, profiles: written.profiles }
            }
            Ok(_) => Pauses::unreadable(&path, &"a later release wrote it"),
            Err(error) => Pauses::unreadable(&path, &error),
        }
    }

    /// The file that changes when what is held does.
    pub fn path(store: &Path) -> PathBuf {
        state_in(store)
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.profiles.is_empty()
    }

    /// What holds a profile.
    pub fn of_profile(&self, profile: &str) -> Option<&Pause> {
        self.all.as_ref().or_else(|| self.profiles.get(profile))
    }

    /// Holds or lets go, and writes it down. `pause` says who and why; what is held already stays as
    /// it was. Gives what was held before and what is held now.
    pub fn change(
        store: &Path,
        switch: Switch,
        scope: &Scope,
        pause: &Pause,
    ) -> Result<(Pauses, Pauses), StoreError> {
        make_private(store)?;
        let lock_path = store.join("pauses.lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(file("open", &lock_path))?;
        hand_over(&lock_path, store);
        lock.lock().map_err(file("lock", &lock_path))?;
        let before = Pauses::of(store);
        let mut after = before.clone();
        match (switch, scope) {
            (Switch::Hold, Scope::All) => after.all = after.all.or_else(|| Some(pause.clone())),
            (Switch::Hold, Scope::Profile(name)) => {
                after.profiles.entry(name.clone()).or_insert_with(|| pause.clone());
            }
            (Switch::LetGo, Scope::All) => after = Pauses::default(),
            (Switch::LetGo, Scope::Profile(name)) => drop(after.profiles.remove(name)),
        }
        if after != before {
            log(store, switch, scope, pause)?;
            after.write(store)?;
        }
        drop(lock);
        Ok((before, after))
    }

    fn write(&self, store: &Path) -> Result<(), StoreError> {
        let path = state_in(store);
        let doing = || file("write", &path);
        let written = Written { version: VERSION, all: self.all.clone(), profiles: self.profiles.clone() };
        let mut new = tempfile::NamedTempFile::new_in(store).map_err(doing())?;
        serde_json::to_writer(&mut new, &written).map_err(std::io::Error::from).map_err(doing())?;
        hand_over(new.path(), store);
        new.as_file().sync_all().map_err(doing())?;
        new.persist(&path).map_err(|error| error.error).map_err(doing())?;
        // The name is on the disk only when the directory is.
        File::open(store).and_then(|directory| directory.sync_all()).map_err(doing())
    }

    fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Pauses {
        let reason = format!(
            "`{}` cannot be read ({why}), so everything is held; `privaflow resume --all` writes it anew",
            path.display()
        );
        let pause = Pause { by: "privaflow".to_owned(), since: written_at(path), reason: Some(reason) };
        Pauses { all: Some(pause), profiles: BTreeMap::new() }
    }
}

fn log(store: &Path, switch: Switch, scope: &Scope, pause: &Pause) -> Result<(), StoreError> {
    let path = store.join("pauses.ndjson");
    let (all, profile) = match scope {
        Scope::All => (true, None),
        Scope::Profile(name) => (false, Some(name.as_str())),
    };
    let action = match switch {
        Switch::Hold => "pause",
        Switch::LetGo => "resume",
    };
    let (by, reason) = (pause.by.as_str(), pause.reason.as_deref());
    let logged = Logged { at: pause.since, action, all, profile, by, reason };
    let mut line = serde_json::to_vec(&logged).map_err(std::io::Error::from).map_err(file("write", &path))?;
    line.push(b'\n');
    let mut log = OpenOptions::new().append(true).create(true).open(&path).map_err(file("open", &path))?;
    hand_over(&path, store);
    log.write_all(&line).and_then(|()| log.sync_all()).map_err(file("write", &path))
}

fn state_in(store: &Path) -> PathBuf {
    store.join("pauses.json")
}

/// When a file was written last; the beginning of time if nobody knows.
fn written_at(path: &Path) -> jiff::Timestamp {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    written.ok().and_then(|at| jiff::Timestamp::try_from(at).ok()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: &str) -> Pause {
        let since = jiff::Timestamp::from_second(1_795_312_800).unwrap();
        Pause { by: name.to_owned(), since, reason: Some("a wrong file".to_owned()) }
    }

    #[cfg(unix)]
    #[test]
    fn what_root_holds_can_be_read_by_the_service_that_the_store_belongs_to() {
        use std::os::unix::fs::{MetadataExt, chown};
        let folder = tempfile::tempdir().unwrap();
        // Only root can give a folder away; for anybody else all files are their own.
        let is_root = chown(folder.path(), Some(65534), Some(65534)).is_ok();
        let owner = if is_root { 65534 } else { fs::metadata(folder.path()).unwrap().uid() };

        Pauses::change(folder.path(), Switch::Hold, &Scope::All, &by("ana")).unwrap();
        Pauses::change(folder.path(), Switch::LetGo, &Scope::All, &by("ana")).unwrap();

        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().uid(), owner, "{}", entry.path().display());
        }
    }

    #[test]
    fn what_is_held_stays_held_until_somebody_lets_it_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let change = |switch, scope: Scope, who| Pauses::change(&store, switch, &scope, &by(who)).unwrap();

        change(Switch::Hold, Scope::Profile("eu".to_owned()), "ana");
        change(Switch::Hold, Scope::Profile("eu".to_owned()), "ben");
        change(Switch::Hold, Scope::All, "cid");

        let held = Pauses::of(&store);
        assert_eq!(held.profiles["eu"], by("ana"));
        assert_eq!(held.of_profile("us"), Some(&by("cid")));
        change(Switch::LetGo, Scope::All, "dan");
        assert_eq!(Pauses::of(&store), Pauses::default());
        let log = fs::read_to_string(store.join("pauses.ndjson")).unwrap();
        let first = r#"{"at":"2026-11-22T02:00:00Z","action":"pause","all":false,"profile":"eu","by":"ana","reason":"a wrong file"}"#;
        assert_eq!(log.lines().next(), Some(first));
        assert_eq!(log.lines().count(), 3, "{log}");
    }

    #[test]
    fn a_state_that_cannot_be_read_holds_everything() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", r#"{"version":2,"all":null,"profiles":{}}"#] {
            fs::write(folder.path().join("pauses.json"), text).unwrap();

            assert!(Pauses::of(folder.path()).of_profile("any").is_some(), "{text}");
        }
        Pauses::change(folder.path(), Switch::LetGo, &Scope::All, &by("ana")).unwrap();
        assert!(Pauses::of(folder.path()).is_empty());
    }
}
