//! What the engine knows of an exchange and no event says: which action it was, where it went, and what
//! was asked of us by whom.
//!
//! It rides with the event it belongs to and stands in the ledger only.

use std::fmt;

use crate::catalogue::Effect;
use crate::job::Position;

/// What is known of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Id of the action, such as `braze/users.delete`.
    pub action: String,
    /// What the action does.
    pub effect: Effect,
    /// The workspace it went to.
    pub workspace: String,
    /// How many one-person calls it carries.
    pub calls: u32,
    /// Of an intent, or of an end without a call: whose requests these are, as far as no entry said it before.
    pub received: Vec<Received>,
    /// Of an answer to few: what each was told.
    pub answers: Vec<Answer>,
}

impl Witness {
    /// Of requests that ended before any call.
    pub fn of_no_call(received: Vec<Received>) -> Witness {
        let (action, workspace) = (String::new(), String::new());
        Witness { action, effect: Effect::Read, workspace, calls: 0, received, answers: Vec::new() }
    }
}

/// A request that was received, as the engine knows it: nothing here is written as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// Its record.
    pub position: Position,
    /// Digest of the workflow's name and its id.
    pub request: [u8; 16],
    /// Plain digests of the subject's identifiers.
    pub identifiers: Vec<u128>,
    /// What was asked for, in a word.
    pub kind: &'static str,
    /// When it was received, as it says.
    pub received_at: Option<String>,
    /// Until when it must be answered, as it says.
    pub due_at: Option<String>,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Makes the digests that entries may have, under the secret of a store.
pub trait Digests {
    /// Of a request, by the digest of its workflow's name and id.
    fn request(&self, key: &[u8; 16]) -> String;
    /// Of an identifier, by its plain digest.
    fn subject(&self, identifier: u128) -> String;
}

/// What a run was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its record.
    pub position: Position,
    /// Path of the step.
    pub step: String,
    /// How many profiles the answer holds, when it is a list of profiles.
    pub found: Option<u64>,
}
