//! What commands need before they begin: settings, the workflow they name, the profiles it uses.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::output::colour;
use super::{Common, Failure};
use crate::config::{self, Loaded, Settings};
use crate::host::SettingsName;
use crate::source::{Severity, Source, closest, render};
use crate::workflow::{Known, Workflow, load};

/// Reads the settings; warnings go to standard error.
pub(super) fn settings(common: &Common) -> Result<Loaded, Failure> {
    let loaded = Settings::load(common.config.as_deref())?;
    if let Some(source) = &loaded.source {
        anstream::eprint!("{}", render(&loaded.warnings, source, colour()));
    }
    Ok(loaded)
}

/// What a workflow may name: the profiles and policies of the settings, or anything when there are no settings.
pub(super) fn known(loaded: &Loaded) -> Known {
    let profiles = loaded.source.as_ref().map(|_| {
        let profiles = loaded.settings.profiles.values();
        profiles.map(|profile| (profile.name.clone(), profile.system.word().to_owned())).collect()
    });
    let retries = loaded.source.as_ref().map(|_| loaded.settings.retries.names());
    let hooks = loaded.source.as_ref().map(|_| loaded.settings.hooks.keys().cloned().collect());
    let channels = loaded.source.as_ref().map(|_| loaded.settings.channels.keys().cloned().collect());
    Known { profiles, retries, hooks, channels }
}

/// Which settings these are, for a process that has others.
pub(super) fn name(loaded: &Loaded) -> SettingsName {
    let path = loaded.source.as_ref().map(|source| {
        let path = Path::new(&source.name);
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    });
    let text = loaded.source.as_ref().map(|source| source.text.as_str()).unwrap_or_default();
    SettingsName { path, digest: Sha256::digest(text).into() }
}

/// The workflow file that a person means: a path, or the name of a workflow in the settings' folder.
pub(super) fn find_workflow(settings: &Settings, named: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(named);
    let looks_like_path = named.contains(std::path::MAIN_SEPARATOR)
        || path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    if looks_like_path || path.is_file() {
        return match path.is_file() {
            true => Ok(path.to_owned()),
            false => Err(Failure::Usage(format!("there is no workflow file {named}"))),
        };
    }
    let files = workflow_files(&settings.workflows)?;
    let name_of = |file: &Path| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with("workflow:"))?;
        let name = line.strip_prefix("workflow:")?.split('#').next()?;
        Some(name.trim().trim_matches(['"', '\'']).to_owned())
    };
    let names: Vec<(String, &PathBuf)> =
        files.iter().filter_map(|file| name_of(file).map(|name| (name, file))).collect();
    if let Some((_, file)) = names.iter().find(|(name, _)| name == named) {
        return Ok((*file).clone());
    }
    let near = closest(named, names.iter().map(|(name, _)| name.as_str()));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::Usage(format!("there is no workflow `{named}` in {}{hint}", settings.workflows.display())))
}

/// What the system says of a file, in plain words.
pub(super) fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there".to_owned(),
        kind => kind.to_string(),
    }
}

/// The workflow files of a folder, those of its folders included, in the order of their names;
/// settings beside them are none. A folder that is reached again, by a link, is not read again.
pub(super) fn workflow_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    gather_files(folder, &mut BTreeMap::new(), &mut files)?;
    files.sort();
    Ok(files)
}

/// Adds the files of a folder; `seen` holds the folders read so far, by where they really are.
fn gather_files(
    folder: &Path,
    seen: &mut BTreeMap<PathBuf, PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Usage(format!("cannot read the folder {}: {}", folder.display(), said(&error)))
    };
    let real = folder.canonicalize().map_err(unreadable)?;
    if let Some(first) = seen.get(&real) {
        let (link, first) = (folder.display(), first.display());
        anstream::eprintln!("warning: {link} leads to {first} again, which is read only once");
        return Ok(());
    }
    seen.insert(real, folder.to_owned());
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut paths: Vec<PathBuf> = entries.map_err(unreadable)?.iter().map(DirEntry::path).collect();
    // The same folder comes first whatever the order on the disk.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather_files(&path, seen, files)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml")
            && !path.ends_with(config::NAME)
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads a text file, with a message that says which and what to do.
pub(super) fn read(path: &Path) -> Result<Source, Failure> {
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {}", path.display(), said(&error))))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage(format!("{} is not UTF-8: save it as UTF-8", path.display())))?;
    Ok(Source::new(path.display().to_string(), text))
}

/// Loads a workflow; its mistakes stop the command, its warnings do not.
pub(super) fn workflow(source: Source, known: &Known) -> Result<Arc<Workflow>, Failure> {
    let (workflow, mistakes) = load(&source, known);
    match workflow {
        Some(workflow) => {
            anstream::eprint!("{}", render(&mistakes, &source, colour()));
            Ok(Arc::new(workflow))
        }
        None => Err(Failure::Mistakes { file: Box::new(source), mistakes }),
    }
}

/// Whether a list of mistakes stops a file from being used.
pub(super) fn is_broken(mistakes: &[crate::source::Mistake]) -> bool {
    mistakes.iter().any(|mistake| mistake.severity == Severity::Error)
}
