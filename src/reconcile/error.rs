//! Why a comparison could not be made, or ended early.

use std::path::PathBuf;

use crate::feeds::FeedError;
use crate::intake::InputError;

/// Why a comparison could not be made. That single people could not be read is none: it is counted.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The workflow sets nothing that could be compared.
    #[error(
        "workflow `{0}` sets no state of e-mail, push or subscription groups: there is nothing to compare"
    )]
    SetsNothing(String),
    /// The workflow erases.
    #[error(
        "workflow `{0}` does what cannot be undone: only workflows that set states can be compared and repaired"
    )]
    Irreversible(String),
    /// The settings do not say which profile a call goes to.
    #[error("{0}")]
    Profile(String),
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// OneTrust's list cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// What was lost cannot be written down.
    #[error("cannot write `{}`", path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// In the words of the system.
        #[source]
        source: std::io::Error,
    },
    /// A thread of ours is gone.
    #[error("the comparison stopped before its end")]
    Stopped,
}
