//! What was asked, what was done when, what was verified and what remains: one request, for the file of a
//! privacy officer.
//!
//! It is made of entries of the ledger and of nothing else, names each of them by number and hash, and is
//! signed with the key of the ledger. What it does not know it does not say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::entry::{Entry, moment, sign, signed};
use super::hex::{from_hex, to_hex};
use super::outcome::Asked;
use super::proof::Proof;
use super::remains::{Remains, remains};
use super::signature::{PublicKey, Signer};
use super::teller::Teller;

/// What the ledger has of one request, in order.
#[derive(Debug)]
pub struct Told {
    /// Where the chain stands with the entry.
    pub chain: Chain,
    /// The entry.
    pub entry: Entry,
    /// Of an entry about many: what it says of this request.
    pub proof: Option<Proof>,
}

/// The certificate of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The format: 1.
    pub privaflow_certificate: u32,
    /// The id of the request, or its run when it has none that may be shown.
    pub request: String,
    /// When it was made.
    pub issued_at: String,
    /// `sandbox` or `shadow`: nothing of it went to a real service, or nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
    /// What was asked.
    pub asked: Vec<Asked>,
    /// What it came to, run by run.
    pub results: Vec<Ended>,
    /// What happened, in order.
    pub story: Vec<Line>,
    /// What Braze keeps after an erasure, and for how long.
    pub remains: Vec<Remains>,
    /// The last entry of the ledger when it was made, and its hash.
    pub ledger: Standing,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// The key, in hexadecimal digits: compare it with the one that you kept.
    pub public_key: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The run.
    pub run: String,
    /// `done`, `skipped`, `failed`, `waiting`, or `open` when it is not over.
    pub result: String,
    /// Why; done needs no reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A write was accepted.
    pub accepted: bool,
    /// A later read proved it.
    pub verified: bool,
}

/// Something that happened, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: String,
    /// In a word: `began`, `planned`, `found`, `accepted`, `verified_absent`, `reported`, …
    pub what: String,
    /// In a sentence.
    pub text: String,
    /// The service's own id of the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Number of the entry.
    pub entry: u64,
    /// Its hash.
    pub hash: String,
    /// Of an entry about many: that it says this of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// Where the ledger stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The last entry.
    pub of: u64,
    /// Its hash.
    pub hash: String,
}

impl Certificate {
    /// Of what the ledger has of a request.
    pub fn of(
        request: String,
        runs: &[String],
        told: Vec<Told>,
        at: (Chain, i64),
        key: PublicKey,
    ) -> Certificate {
        let ((chain, at_ms), mut teller) = (at, Teller::new(runs));
        for told in told {
            teller.hear(told);
        }
        Certificate {
            privaflow_certificate: 1,
            request,
            issued_at: moment(at_ms),
            trial: teller.trial.map(str::to_owned),
            asked: teller.asked,
            results: teller.results,
            remains: teller.erased_at.as_deref().map(remains).unwrap_or_default(),
            story: teller.story,
            ledger: Standing { of: chain.seq, hash: to_hex(&chain.hash) },
            key: key.fingerprint(),
            public_key: key.hex(),
        }
    }

    /// Its bytes, one line of JSON with the signature as its last member.
    pub fn signed(&self, signer: &Signer) -> Result<Vec<u8>, serde_json::Error> {
        Ok(sign(serde_json::to_vec(self)?, signer))
    }

    /// Reads a certificate that one of the keys signed, with the entries that an export must have; `None`
    /// when it is none, or was changed since.
    pub fn verified(text: &[u8], keys: &[PublicKey]) -> Option<(Certificate, Vec<Chain>)> {
        let (unsigned, signature) = signed(text.trim_ascii())?;
        let certificate: Certificate = serde_json::from_slice(&unsigned).ok()?;
        let key = keys.iter().find(|key| key.fingerprint() == certificate.key)?;
        key.has_signed(&unsigned, signature).then_some(())?;
        let Standing { of, hash } = &certificate.ledger;
        let entries = certificate.story.iter().map(|line| (line.entry, &line.hash)).chain([(*of, hash)]);
        let entries: Option<BTreeSet<_>> = entries.map(|(seq, hash)| Some((seq, from_hex(hash)?))).collect();
        for line in &certificate.story {
            if let Some(proof) = &line.proof {
                let proved = proof.check().ok()?;
                (proved.chain.seq == line.entry && to_hex(&proved.chain.hash) == line.hash).then_some(())?;
            }
        }
        let entries = entries?.into_iter().map(|(seq, hash)| Chain { seq, hash }).collect();
        Some((certificate, entries))
    }
}
