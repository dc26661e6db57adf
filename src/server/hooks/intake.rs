//! What hooks need of the rest of the server: which workflows there are, and a place where a request
//! is durable before the caller hears so.

use std::sync::Arc;

use crate::journal::{Accepted, Arrival, Skipped, StoreError};
use crate::workflow::Workflow;

/// The side of the server that keeps what hooks take in. Calls block; hooks make them on threads that
/// may.
pub trait Intake: Send + Sync + 'static {
    /// The workflows that are enabled now.
    fn workflows(&self) -> Vec<Arc<Workflow>>;

    /// A digest as the store may keep it: under a secret of its own, so that nobody who has only the
    /// digest can try identifiers on it.
    fn pseudonym(&self, digest: u128) -> Result<[u8; 16], StoreError>;

    /// Takes arrivals in, all or none; they are on the disk when it returns. One answer for each.
    fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, StoreError>;

    /// Writes down what starts nothing, and why.
    fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError>;

    /// Keeps a subtask to be looked at; it is on the disk when this returns.
    fn look_at(&self, look: Look) -> Result<Accepted, StoreError>;
}

/// A subtask of which a hook was told, to be read in OneTrust before anything is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Look {
    /// The hook that was called.
    pub hook: String,
    /// The OneTrust to read it in.
    pub profile: String,
    /// OneTrust's id of the subtask: letters, digits and `-`.
    pub subtask: String,
    /// When the hook was called, in Unix milliseconds.
    pub since_ms: i64,
}
