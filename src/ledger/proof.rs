//! What one request came to in a bulk batch, so that it can be shown to somebody who has an export, and
//! nothing else of the batch.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Hash};
use super::entry::Entry;
use super::hex::{from_hex, to_hex};
use super::leaf::{Blinds, REQUEST_BYTES, Said, Words, said};
use super::tree::{climb, path};
use crate::job::{Event, Position};

/// A proof, as it is handed to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `job-7:123`.
    pub run: String,
    /// Where its record stands in the input whose SHA-256 the entry of the job has.
    pub position: Position,
    /// First six bytes of the digest of the workflow's name and the request's id.
    pub request: String,
    /// Whether a write, or this step, was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
    /// What it came to: `done`, `failed refused`, `step find`.
    pub words: String,
    /// Blinds this leaf, and no other.
    pub blind: String,
    /// Place of the leaf, from 0, and how many there are.
    pub index: u64,
    /// See `index`.
    pub leaves: u64,
    /// From the leaf up.
    pub path: Vec<String>,
    /// Number of the entry that has the root.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// The hash before it.
    pub before: String,
    /// Its bytes.
    pub entry: String,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A member is not written as it must be.
    #[error("`{0}` is not written as a proof has it")]
    NotAProof(&'static str),
    /// The hash in it is not that of the entry in it.
    #[error("its entry does not have the hash it says")]
    OtherEntry,
    /// The entry has no tree, or one of another size.
    #[error("its entry has no tree of so many leaves")]
    NoTree,
    /// The leaf does not lead to the root.
    #[error("what it says of the request does not lead to the root in its entry")]
    OtherRoot,
}

/// What a proof proves, once an export has the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The entry, by number and hash.
    pub chain: Chain,
    /// The entry, read.
    pub entry: Entry,
}

impl Proof {
    /// The proof of one leaf of an event; `None` when the event says nothing of the record. `before` is
    /// where the chain stood before the entry.
    pub fn of(
        event: &Event,
        position: Position,
        blinds: &Blinds,
        run: String,
        (before, entry): (Chain, &[u8]),
    ) -> Option<Proof> {
        let (index, said) = said(event).enumerate().filter(|(_, said)| said.position == position).last()?;
        let leaves: Vec<Hash> = blinds.leaves(event).map(|(_, leaf)| leaf).collect();
        let at = before.with(entry);
        Some(Proof {
            run,
            position,
            request: to_hex(&said.request),
            accepted: said.accepted,
            verified: said.verified,
            words: match &said.words {
                Words::Result(state, None) => (*state).to_owned(),
                Words::Result(state, Some(reason)) => format!("{state} {reason}"),
                Words::Step(step) => format!("step {step}"),
            },
            blind: to_hex(&blinds.get(u32::try_from(index).unwrap_or(u32::MAX))),
            index: index as u64,
            leaves: leaves.len() as u64,
            path: path(&leaves, index).iter().map(|hash| to_hex(hash)).collect(),
            seq: at.seq,
            hash: to_hex(&at.hash),
            before: to_hex(&before.hash),
            entry: String::from_utf8_lossy(entry).into_owned(),
        })
    }

    /// Checks everything that the proof says of itself. That the entry is in the ledger is for an export to
    /// say.
    pub fn check(&self) -> Result<Proved, ProofError> {
        let wrong = |member| move || ProofError::NotAProof(member);
        let blind = from_hex(&self.blind).ok_or_else(wrong("blind"))?;
        let before = from_hex(&self.before).ok_or_else(wrong("before"))?;
        let request: [u8; REQUEST_BYTES] = from_hex(&self.request).ok_or_else(wrong("request"))?;
        let seq = self.seq.checked_sub(1).ok_or_else(wrong("seq"))?;
        let path: Option<Vec<Hash>> = self.path.iter().map(|text| from_hex(text)).collect();
        let path = path.ok_or_else(wrong("path"))?;
        let chain = Chain { seq, hash: before }.with(self.entry.as_bytes());
        let entry = Entry::of_bytes(self.entry.as_bytes()).ok_or_else(wrong("entry"))?;
        if to_hex(&chain.hash) != self.hash || entry.seq != self.seq {
            return Err(ProofError::OtherEntry);
        }
        // The words of the proof take the place of these.
        let words = Words::Step(String::new());
        let (accepted, verified) = (self.accepted, self.verified);
        let said = Said { position: self.position, request, accepted, verified, words };
        let leaf = said.leaf_of(&blind, &[self.words.as_bytes()]);
        let root = climb(leaf, self.index, self.leaves, &path);
        let fact = entry.fact.as_ref().ok_or(ProofError::NoTree)?;
        let own = format!("{}:{}", fact.job().unwrap_or_default(), self.position);
        let (_, tree) =
            fact.grouped().filter(|(_, tree)| tree.leaves == self.leaves).ok_or(ProofError::NoTree)?;
        if own != self.run || root.map(|root| to_hex(&root)).as_ref() != Some(&tree.root) {
            return Err(ProofError::OtherRoot);
        }
        Ok(Proved { chain, entry })
    }
}
