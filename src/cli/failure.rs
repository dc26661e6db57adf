//! Why a command could not do what was asked, and the exit codes.

use std::error::Error;
use std::process::ExitCode;

use crate::config::LoadError;
use crate::directory::DirectoryError;
use crate::feeds::ExportError;
use crate::host::{HostError, Kind};
use crate::journal::has_no_room;
use crate::server::ServeError;
use crate::source::{Colour, Mistake, Source, render};

/// Exit code: something failed, or waits.
pub(super) const NOT_ALL_WELL: u8 = 1;
/// Exit code: a service refused the credentials or cannot be reached.
pub(super) const SERVICE: u8 = 3;
/// Exit code: interrupted; the same command goes on.
pub(super) const INTERRUPTED: u8 = 130;

/// Why a command stopped before it did anything, or had to give up.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Usage, settings, workflow or input is wrong; nothing was done.
    #[error("{0}")]
    Usage(String),
    /// Settings or a workflow have mistakes; nothing was done.
    #[error("{} cannot be used", file.name)]
    Mistakes {
        /// The file.
        file: Box<Source>,
        /// All of them.
        mistakes: Vec<Mistake>,
    },
    /// Something underneath is wrong; nothing was done.
    #[error(transparent)]
    Wrong(Box<dyn Error + Send + Sync>),
    /// The job had to give up half-way; the same command goes on.
    #[error(transparent)]
    GaveUp(Box<dyn Error + Send + Sync>),
    /// A service refused the credentials or cannot be reached.
    #[error("{0}")]
    Service(String),
    /// The mistakes of a file, written out by another process; nothing was done.
    #[error("{0}")]
    Told(String),
    /// A person asked to stop before anything was done.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    /// Something underneath is wrong; nothing was done.
    pub(super) fn wrong(error: impl Error + Send + Sync + 'static) -> Failure {
        Failure::Wrong(Box::new(error))
    }

    /// The exit code (design section 6).
    pub fn code(&self) -> ExitCode {
        match self {
            // Nobody has to change what was written, only to make room.
            Failure::Wrong(error) if has_no_room(error.as_ref()) => ExitCode::from(NOT_ALL_WELL),
            Failure::Usage(_) | Failure::Mistakes { .. } | Failure::Wrong(_) | Failure::Told(_) => {
                ExitCode::from(2)
            }
            Failure::Interrupted(_) => ExitCode::from(INTERRUPTED),
            Failure::GaveUp(_) => ExitCode::from(NOT_ALL_WELL),
            Failure::Service(_) => ExitCode::from(SERVICE),
        }
    }

    /// Says on standard error what is wrong, with its causes.
    pub fn print(&self) {
        if let Failure::Mistakes { file, mistakes } = self {
            anstream::eprint!("{}", render(mistakes, file, Colour::Terminal));
            return;
        }
        if let Failure::Told(text) = self {
            anstream::eprint!("{text}");
            return;
        }
        let mut text = self.to_string();
        let mut cause = match self {
            Failure::Wrong(error) | Failure::GaveUp(error) => error.source(),
            _ => None,
        };
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        anstream::eprintln!("error: {text}");
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::Mistakes { file, mistakes } => Failure::Mistakes { file, mistakes },
            error @ LoadError::Unreadable { .. } => Failure::wrong(error),
        }
    }
}

impl From<crate::engine::EngineError> for Failure {
    fn from(error: crate::engine::EngineError) -> Failure {
        Failure::wrong(error)
    }
}

impl From<crate::journal::StoreError> for Failure {
    fn from(error: crate::journal::StoreError) -> Failure {
        Failure::wrong(error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Failure {
        match error {
            ServeError::Listen { .. } | ServeError::NoWorkflow { .. } | ServeError::Store(_) => {
                Failure::wrong(error)
            }
            ServeError::Stopped(_) => Failure::GaveUp(Box::new(error)),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Failure {
        match error {
            ExportError::Feed(error) => Failure::Service(format!("OneTrust's bulk export: {error}")),
            ExportError::Over { .. } | ExportError::Unreadable => Failure::Service(error.to_string()),
            ExportError::TooFew { .. }
            | ExportError::Elsewhere(_)
            | ExportError::Keep { .. }
            | ExportError::Wire(_)
            | ExportError::Connection(_) => Failure::wrong(error),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Failure {
        match error {
            DirectoryError::Interrupted => Failure::Interrupted(error.to_string()),
            error if error.is_of_the_service() => Failure::Service(error.to_string()),
            error => Failure::wrong(error),
        }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Failure {
        match (error.kind(), error) {
            (_, HostError::Mistakes { file, mistakes }) => Failure::Mistakes { file, mistakes },
            (Kind::Mistakes, error) => Failure::Told(error.to_string()),
            (Kind::GaveUp, error) => Failure::GaveUp(Box::new(error)),
            (Kind::Service, error) => Failure::Service(error.to_string()),
            (Kind::Interrupted, error) => Failure::Interrupted(error.to_string()),
            (Kind::Wrong, error) => Failure::wrong(error),
        }
    }
}
