//! Finding the settings file and reading it whole.

use std::io;
use std::path::{Path, PathBuf};

use super::settings::{Reading, Settings};
use super::source::said;
use crate::source::{Mistake, Source};

/// The name of the file where none is given.
pub const NAME: &str = "privaflow.yaml";

/// Settings, and what somebody should look at.
#[derive(Debug)]
pub struct Loaded {
    /// What the file says, or the defaults.
    pub settings: Settings,
    /// The file as it may be shown, without what may be a secret; `None` when there is none and the defaults hold.
    pub source: Option<Source>,
    /// Mistakes that do not stop anything, with their places in `source`.
    pub warnings: Vec<Mistake>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file was named that cannot be read.
    #[error("cannot read the settings {}: {}", path.display(), said(source))]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// It was read, and something in it is wrong.
    #[error("the settings {} cannot be used", file.name)]
    Mistakes {
        /// The file as it may be shown, without what may be a secret.
        file: Box<Source>,
        /// All of them, warnings included, in the order of the file.
        mistakes: Vec<Mistake>,
    },
}

impl Settings {
    /// Reads the file that was given, or `privaflow.yaml` in the working directory; if that is not
    /// there, the defaults hold.
    pub fn load(given: Option<&Path>) -> Result<Loaded, LoadError> {
        let path = given.unwrap_or(Path::new(NAME));
        let folder = path.parent().unwrap_or(Path::new(""));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && given.is_none() => {
                let settings = Settings::default_in(folder);
                return Ok(Loaded { settings, source: None, warnings: Vec::new() });
            }
            Err(source) => return Err(LoadError::Unreadable { path: path.to_owned(), source }),
        };
        let Reading { settings, mistakes, text } = Settings::read(&text, folder);
        let source = Source::new(path.display().to_string(), text);
        match settings {
            Some(settings) => Ok(Loaded { settings, source: Some(source), warnings: mistakes }),
            None => Err(LoadError::Mistakes { file: Box::new(source), mistakes }),
        }
    }
}
