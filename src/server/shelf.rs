//! The workflows of a folder as they may be started now.
//!
//! Files are read again when they change. A file that is broken keeps the last good text of it, across a
//! restart too, and says so loudly; a folder that cannot be read keeps everything. A text that writes what cannot be undone starts
//! nothing until somebody approved it. What is running keeps the text it began with: that is the job's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::kept_texts::KeptTexts;
use crate::clock::{Clock, SystemClock};
use crate::host;
use crate::journal::{Approval, Reader, Store, StoreError, of_queue};
use crate::source::{Colour, Source, render};
use crate::workflow::{Known, Workflow, load};

/// Who approved what lay on the disk when a store was served for the first time.
const FIRST: &str = "the first start";

/// A workflow of the folder.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Its file.
    pub file: PathBuf,
    /// The last good text of it.
    pub workflow: Arc<Workflow>,
    /// The file is another one now, which cannot be used.
    pub is_broken: bool,
}

/// What is known of the folder.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// By name.
    pub workflows: BTreeMap<String, Placed>,
    /// Files that cannot be used, whether or not a good text of them is known.
    pub broken: Vec<PathBuf>,
    /// Why the folder cannot be read, when it cannot.
    pub unreadable: Option<String>,
    /// What was said of files, so that the same is said only once.
    said: BTreeMap<PathBuf, String>,
}

/// Whether a workflow may start by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Ready,
    /// `enabled: false` stands in it.
    Disabled,
    /// It writes what cannot be undone, and nobody approved this text.
    Unapproved,
}

/// The workflows of a folder.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    known: Known,
    shown: RwLock<Arc<Shown>>,
    /// What the store has of an earlier process.
    kept: Mutex<KeptTexts>,
}

impl Shelf {
    /// Reads a folder for the first time.
    pub fn of(folder: &Path, known: Known) -> Shelf {
        Shelf::with(folder, known, KeptTexts::default())
    }

    /// The same of a folder that was served by this store: a file that is broken now goes on as it was.
    pub fn of_store(folder: &Path, known: Known, reader: &Reader) -> Result<Shelf, StoreError> {
        Ok(Shelf::with(folder, known, KeptTexts::of(reader)?))
    }

    fn with(folder: &Path, known: Known, kept: KeptTexts) -> Shelf {
        let (shown, kept) = (RwLock::default(), Mutex::new(kept));
        let shelf = Shelf { folder: folder.to_owned(), known, shown, kept };
        shelf.read();
        shelf
    }

    /// Keeps the good texts for the next process; on the disk when it returns.
    pub fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let shown = self.shown();
        if shown.unreadable.is_some() {
            return Ok(());
        }
        let placed = shown.workflows.values().filter(|placed| !placed.is_broken);
        let good = placed.map(|placed| (self.name_of(&placed.file), placed.workflow.text.clone()));
        let broken: Vec<PathBuf> = shown.broken.iter().map(|file| self.name_of(file)).collect();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.replace(store, good.collect(), &broken)
    }

    /// A file's path in the folder.
    fn name_of(&self, file: &Path) -> PathBuf {
        file.strip_prefix(&self.folder).unwrap_or(file).to_owned()
    }

    /// What an earlier process kept of a file.
    fn kept(&self, file: &Path) -> Option<Placed> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = kept.get(&self.name_of(file))?.to_owned();
        let source = Source::new(format!("{} as it was", file.display()), text);
        let workflow = load(&source, &self.known).0?;
        Some(Placed { file: file.to_owned(), workflow: Arc::new(workflow), is_broken: true })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is known now.
    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The workflows that are enabled.
    pub fn enabled(&self) -> Vec<Arc<Workflow>> {
        let shown = self.shown();
        let enabled = shown.workflows.values().filter(|placed| placed.workflow.enabled);
        enabled.map(|placed| Arc::clone(&placed.workflow)).collect()
    }

    /// A workflow that may start by itself.
    pub fn ready(&self, reader: &Reader, name: &str) -> Result<Option<Arc<Workflow>>, StoreError> {
        let name = of_queue(name);
        let Some(placed) = self.shown().workflows.get(name).cloned() else { return Ok(None) };
        let is_ready = standing(reader, &placed.workflow)? == Standing::Ready;
        Ok(is_ready.then_some(placed.workflow))
    }

    /// Approves everything that is here, if the store was never served before.
    pub fn approve_at_first_start(&self, store: &Store) -> Result<bool, StoreError> {
        let now_ms = SystemClock.now_ms();
        let approval = |placed: &Placed| Approval {
            workflow: placed.workflow.name.clone(),
            digest: placed.workflow.digest,
            by: FIRST.to_owned(),
            at_ms: now_ms,
        };
        let here = self.shown().workflows.values().map(approval).collect();
        store.approve_at_first_start(here, now_ms)
    }

    /// Reads the folder again; tells whether anything may start otherwise than before.
    pub fn read(&self) -> bool {
        let before = self.shown();
        let mut after = Shown::default();
        match host::workflow_files(&self.folder, &mut |_, _| {}) {
            Ok(files) => {
                for file in files {
                    self.read_file(&before, &mut after, file);
                }
            }
            Err(error) => {
                let why = format!("{error}: {}", error.source);
                if before.unreadable.as_ref() != Some(&why) {
                    tracing::error!("{why}; the workflows stay as they were");
                }
                after = Shown { unreadable: Some(why), ..Shown::clone(&before) };
            }
        }
        let digests = |shown: &Shown| -> Vec<(String, [u8; 32])> {
            let digest = |(name, placed): (&String, &Placed)| (name.clone(), placed.workflow.digest);
            shown.workflows.iter().map(digest).collect()
        };
        let is_changed = digests(&before) != digests(&after);
        let after = Arc::new(after);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        tell_broken(&before, &after);
        if is_changed {
            tell_changes(&before, &after);
        }
        is_changed
    }

    fn read_file(&self, before: &Shown, after: &mut Shown, file: PathBuf) {
        let last_good = before.workflows.values().find(|placed| placed.file == file);
        let text = std::fs::read(&file).map_err(|error| error.to_string());
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
        if let (Ok(text), Some(placed)) = (&text, last_good)
            && placed.workflow.text == *text
        {
            let placed = Placed { is_broken: false, ..placed.clone() };
            return Self::place(after, placed);
        }
        let loaded = text.and_then(|text| {
            let source = Source::new(file.display().to_string(), text);
            let (workflow, mistakes) = load(&source, &self.known);
            workflow.ok_or_else(|| render(&mistakes, &source, Colour::Plain))
        });
        let why = match loaded {
            Ok(workflow) => {
                let placed = Placed { file, workflow: Arc::new(workflow), is_broken: false };
                return Self::place(after, placed);
            }
            Err(why) => why,
        };
        let kept = match last_good {
            Some(placed) => Some(Placed { is_broken: true, ..placed.clone() }),
            None => self.kept(&file),
        };
        after.broken.push(file.clone());
        after.said.insert(file, why);
        if let Some(placed) = kept {
            Self::place(after, placed);
        }
    }

    /// Of two files of one name the first counts.
    fn place(after: &mut Shown, placed: Placed) {
        let name = placed.workflow.name.clone();
        match after.workflows.get(&name) {
            None => drop(after.workflows.insert(name, placed)),
            Some(first) => {
                let why =
                    format!("it is called `{name}` like {}: give it another name", first.file.display());
                after.broken.push(placed.file.clone());
                after.said.insert(placed.file, why);
            }
        }
    }
}

/// Whether a workflow may start by itself.
pub fn standing(reader: &Reader, workflow: &Workflow) -> Result<Standing, StoreError> {
    if !workflow.enabled {
        return Ok(Standing::Disabled);
    }
    let is_approved = !workflow.irreversible || reader.approval(&workflow.name, &workflow.digest)?.is_some();
    Ok(if is_approved { Standing::Ready } else { Standing::Unapproved })
}

/// Says loudly what cannot be used; the same only once.
fn tell_broken(before: &Shown, after: &Shown) {
    for (file, why) in after.said.iter().filter(|(file, why)| before.said.get(*file) != Some(*why)) {
        let stays = match after.workflows.values().find(|placed| placed.file == *file) {
            Some(placed) => format!("workflow {} stays as it was", placed.workflow.name),
            None => "nothing of it is started".to_owned(),
        };
        tracing::error!(file = %file.display(), "{} cannot be used, and {stays}: {why}", file.display());
    }
}

fn tell_changes(before: &Shown, after: &Shown) {
    for (name, placed) in &after.workflows {
        match before.workflows.get(name) {
            Some(earlier) if earlier.workflow.digest == placed.workflow.digest => {}
            Some(_) => tracing::info!(
                "workflow {name} was changed; what begins from now on is carried out with the new text"
            ),
            None => tracing::info!("workflow {name} is read from {}", placed.file.display()),
        }
    }
    for name in before.workflows.keys().filter(|name| !after.workflows.contains_key(*name)) {
        tracing::warn!("workflow {name} is gone; what comes in for it waits");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "workflow: hello\non: { file: {} }\nsteps:\n  - log: hello\n";
    const ERASE: &str = "workflow: erase\non: { file: {} }\nsteps:\n  - uses: braze/users.delete\n    with: { braze_ids: [\"{{ subject.braze_id }}\"] }\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("hello.yaml"), LOG).unwrap();
        std::fs::write(folder.path().join("erase.yaml"), ERASE).unwrap();
        folder
    }

    #[test]
    fn a_broken_file_keeps_the_last_good_text_and_a_folder_that_is_gone_keeps_everything() {
        let folder = folder();
        let shelf = Shelf::of(folder.path(), Known::default());
        let digest = |shelf: &Shelf| shelf.shown().workflows["hello"].workflow.digest;
        let first = digest(&shelf);

        std::fs::write(folder.path().join("hello.yaml"), "workflow: [").unwrap();
        let changed = shelf.read();

        assert!(!changed && digest(&shelf) == first);
        assert!(shelf.shown().workflows["hello"].is_broken);
        assert_eq!(shelf.shown().broken, [folder.path().join("hello.yaml")]);
        std::fs::write(folder.path().join("hello.yaml"), LOG.replace("- log: hello", "- log: bye")).unwrap();
        assert!(shelf.read() && digest(&shelf) != first && shelf.shown().broken.is_empty());
        drop(folder);
        assert!(!shelf.read() && shelf.enabled().len() == 2);
        assert!(shelf.shown().unreadable.is_some());
    }

    #[test]
    fn two_files_of_one_name_are_one_workflow() {
        let folder = folder();
        std::fs::write(folder.path().join("z.yaml"), LOG.replace("- log: hello", "- log: other")).unwrap();

        let shelf = Shelf::of(folder.path(), Known::default());

        assert!(shelf.shown().workflows["hello"].file.ends_with("hello.yaml"));
        assert_eq!(shelf.shown().broken, [folder.path().join("z.yaml")]);
    }

    #[test]
    fn a_changed_text_that_erases_waits_for_approval_and_one_that_does_not_starts() {
        let folder = folder();
        let store = Store::temporary().unwrap();
        let shelf = Shelf::of(folder.path(), Known::default());
        let is_ready = |name: &str| shelf.ready(store.reader(), name).unwrap().is_some();
        assert!(is_ready("hello") && !is_ready("erase"));

        assert!(shelf.approve_at_first_start(&store).unwrap());
        assert!(is_ready("hello") && is_ready("erase") && !is_ready("other"));
        std::fs::write(folder.path().join("erase.yaml"), format!("{ERASE}# changed\n")).unwrap();
        std::fs::write(folder.path().join("hello.yaml"), format!("{LOG}# changed\n")).unwrap();
        assert!(shelf.read() && !shelf.approve_at_first_start(&store).unwrap());
        assert!(is_ready("hello") && !is_ready("erase"));

        let digest = shelf.shown().workflows["erase"].workflow.digest;
        let by = Approval { workflow: "erase".to_owned(), digest, by: "ana".to_owned(), at_ms: 1 };
        store.approve_workflows(vec![by]).unwrap();
        assert!(is_ready("erase"));
    }
}
