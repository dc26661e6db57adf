//! What commands need before they begin: settings, the workflow they name, the profiles it uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::output::colour;
use super::{Common, Failure};
use crate::config::{Loaded, Settings, Shape, Token};
use crate::host::{self, SettingsName};
use crate::journal::{MasterSource, Masters};
use crate::source::{Mistake, Severity, Source, closest, render};
use crate::workflow::{IDLE_TRIGGER, Known, Workflow, load};

/// Reads the settings; warnings go to standard error.
pub(super) fn settings(common: &Common) -> Result<Loaded, Failure> {
    let mut loaded = Settings::load(common.config.as_deref())?;
    if common.shadow {
        loaded.settings = loaded.settings.in_the_shadow();
    }
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
    let of_any =
        loaded.settings.hooks.values().filter(|hook| hook.shape == Shape::Record && hook.profile.is_none());
    let hooks_of_any_profile = of_any.map(|hook| hook.name.clone()).collect();
    let channels = loaded.source.as_ref().map(|_| loaded.settings.channels.keys().cloned().collect());
    Known { profiles, retries, hooks, hooks_of_any_profile, channels }
}

/// Where the master key of the store is found.
pub(super) fn masters(settings: &Settings) -> Masters {
    let source = |token: &Token| {
        let token = token.clone();
        MasterSource::new(token.source().describe(), move || Ok(token.read_blocking()?))
    };
    let keys = &settings.keys;
    Masters { wanted: keys.master.as_ref().map(source), previous: keys.previous.as_ref().map(source) }
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

/// The workflow files of a folder.
pub(super) fn workflow_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut again = |link: &Path, first: &Path| {
        let (link, first) = (link.display(), first.display());
        anstream::eprintln!("warning: {link} leads to {first} again, which is read only once");
    };
    host::workflow_files(folder, &mut again)
        .map_err(|error| Failure::Usage(format!("{error}: {}", said(&error.source))))
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
    workflow_with(source, known, |_| true)
}

/// Loads a workflow to be carried out on a file: what else would start it does not matter.
pub(super) fn workflow_for_file(source: Source, known: &Known) -> Result<Arc<Workflow>, Failure> {
    workflow_with(source, known, |warning| warning.code != IDLE_TRIGGER)
}

fn workflow_with(
    source: Source,
    known: &Known,
    is_shown: impl Fn(&Mistake) -> bool,
) -> Result<Arc<Workflow>, Failure> {
    let (workflow, mut mistakes) = load(&source, known);
    match workflow {
        Some(workflow) => {
            mistakes.retain(is_shown);
            anstream::eprint!("{}", render(&mistakes, &source, colour()));
            Ok(Arc::new(workflow))
        }
        None => Err(Failure::Mistakes { file: Box::new(source), mistakes }),
    }
}

/// Makes a folder that only its owner can look into.
pub(super) fn private_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.create(folder);
    made.map_err(|error| Failure::Usage(format!("cannot make {}: {}", folder.display(), said(&error))))
}

/// Whether a list of mistakes stops a file from being used.
pub(super) fn is_broken(mistakes: &[Mistake]) -> bool {
    mistakes.iter().any(|mistake| mistake.severity == Severity::Error)
}
