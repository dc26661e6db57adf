//! The leaf of one request in the tree of a batch.
//!
//! ```text
//! blind = 16 bytes of SHA-256( SHA-256("privaflow ledger blind 1" ‖ secret ‖ job ‖ event) ‖ index / 2 )
//! leaf  = SHA-256( 00 ‖ blind ‖ position ‖ request ‖ flags ‖ words )
//! ```
//!
//! Numbers are big-endian: job and event take eight bytes, half the index four, position eight. A digest makes
//! the blinds of two leaves, the first half that of the even one. `request` are the
//! first six bytes of the digest of the workflow's name and the request's id, zeros where they are not
//! known; `flags` are 1 (accepted) and 2 (verified); `words` say what it came to: `done`,
//! `failed refused`, `step find`. Without its blind a leaf tells nothing about anybody, so that whoever has
//! the proof of one person learns nothing of the others.

use sha2::{Digest, Sha256};

use super::chain::Hash;
use crate::job::{Ended, Event, IdEntry, Position, StepAnswer, Verdict};

const DOMAIN: &[u8] = b"privaflow ledger blind 1";
const ACCEPTED: u8 = 1;
const VERIFIED: u8 = 2;

/// Bytes of a request's digest in a leaf.
pub(super) const REQUEST_BYTES: usize = IdEntry::KEPT_BYTES;

/// What an event says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its record.
    pub position: Position,
    /// Digest of the workflow's name and its id, as far as it is known.
    pub request: [u8; REQUEST_BYTES],
    /// Whether a write, or this step, was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
    /// What it came to, in words.
    pub words: Words,
}

/// What it came to: up to two words of ours, or the path of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// How it ended, or what it waits for.
    Result(&'static str, Option<&'static str>),
    /// A step of it is over.
    Step(String),
}

impl Said {
    fn ended(ended: &Ended) -> Said {
        let request = ended.id.kept();
        let (accepted, verified) = (ended.accepted, ended.verified);
        let (state, reason) = words(ended.verdict);
        Said { position: ended.position, request, accepted, verified, words: Words::Result(state, reason) }
    }

    fn step(step: &StepAnswer) -> Said {
        Said {
            position: step.position,
            request: [0; REQUEST_BYTES],
            accepted: step.accepted,
            verified: false,
            words: Words::Step(step.step.clone()),
        }
    }

    /// Its leaf.
    pub fn leaf(&self, blind: &[u8; 16]) -> Hash {
        match &self.words {
            Words::Result(state, None) => self.leaf_of(blind, &[state.as_bytes()]),
            Words::Result(state, Some(reason)) => {
                self.leaf_of(blind, &[state.as_bytes(), b" ", reason.as_bytes()])
            }
            Words::Step(step) => self.leaf_of(blind, &[b"step ", step.as_bytes()]),
        }
    }

    /// Its leaf with these words.
    pub(super) fn leaf_of(&self, blind: &[u8; 16], words: &[&[u8]]) -> Hash {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.accepted, ACCEPTED) | flag(self.verified, VERIFIED);
        let mut hasher = Sha256::new().chain_update([0]).chain_update(blind);
        hasher.update(self.position.to_be_bytes());
        hasher.update(self.request);
        hasher.update([flags]);
        words.iter().for_each(|word| hasher.update(word));
        hasher.finalize().into()
    }
}

/// What an event says of each request, in the order of the leaves.
pub fn said(event: &Event) -> impl Iterator<Item = Said> {
    let steps: &[StepAnswer] = match event {
        Event::Answered(answered) => &answered.steps,
        Event::Passed { steps } => steps,
        _ => &[],
    };
    steps.iter().map(Said::step).chain(event.ends().iter().map(Said::ended))
}

/// State and reason of a verdict.
pub(super) fn words(verdict: Verdict) -> (&'static str, Option<&'static str>) {
    match verdict {
        Verdict::Done => ("done", None),
        Verdict::Skipped(skip) => ("skipped", Some(skip.word())),
        Verdict::Failed(fail) => ("failed", Some(fail.word())),
        Verdict::Waiting(pause) => ("waiting", Some(pause.word())),
    }
}

/// Makes the blinds of an event's leaves.
#[derive(Clone)]
pub struct Blinds([u8; 32]);

impl Blinds {
    /// Of an event, by its number in the store.
    pub fn of(secret: &[u8], job: i64, event: i64) -> Blinds {
        let hasher = Sha256::new().chain_update(DOMAIN).chain_update(secret);
        Blinds(hasher.chain_update(job.to_be_bytes()).chain_update(event.to_be_bytes()).finalize().into())
    }

    /// That of one leaf.
    pub fn get(&self, index: u32) -> [u8; 16] {
        let [even, odd] = self.two(index / 2);
        if index.is_multiple_of(2) { even } else { odd }
    }

    /// All of them, one after another.
    fn each(&self) -> impl Iterator<Item = [u8; 16]> {
        (0_u32..).flat_map(|pair| self.two(pair))
    }

    /// Those of two leaves beside each other: the halves of one digest.
    fn two(&self, pair: u32) -> [[u8; 16]; 2] {
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.0).chain_update(pair.to_be_bytes()).finalize().into();
        let (even, odd) = digest.split_at(16);
        [even, odd].map(|half| half.try_into().unwrap_or_default())
    }

    /// What an event says of each request, with its leaf.
    pub(super) fn leaves(&self, event: &Event) -> impl Iterator<Item = (Said, Hash)> {
        said(event).zip(self.each()).map(|(said, blind)| {
            let leaf = said.leaf(&blind);
            (said, leaf)
        })
    }
}

impl std::fmt::Debug for Blinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blinds(redacted)")
    }
}
