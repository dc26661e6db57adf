//! An entry: its number, its moment, its fact, as one line of JSON.
//!
//! The bytes are written once and kept. They are read with serde like any JSON, but never written again
//! from what was read: another release may write the same fact with other bytes.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Hash};
use super::fact::Fact;
use super::hex::to_hex;
use super::signature::Signer;

/// An entry, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When it was written, RFC 3339 with milliseconds, UTC.
    pub at: String,
    /// What it says; `None` when a later release wrote it.
    pub fact: Option<Fact>,
}

#[derive(Deserialize)]
struct Place {
    seq: u64,
    at: String,
}

#[derive(Serialize)]
struct Begin<'b> {
    seq: u64,
    at: &'b str,
}

impl Entry {
    /// Reads an entry; `None` when it is none.
    pub fn of_bytes(bytes: &[u8]) -> Option<Entry> {
        let Place { seq, at } = serde_json::from_slice(bytes).ok()?;
        Some(Entry { seq, at, fact: serde_json::from_slice(bytes).ok() })
    }

    /// The bytes of the next entry of a chain; `at_ms` in Unix milliseconds.
    pub fn bytes(chain: Chain, at_ms: i64, fact: &Fact) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(&Begin { seq: chain.seq + 1, at: &moment(at_ms) })?;
        // One object: the members of the fact follow those of the place.
        bytes.pop();
        bytes.push(b',');
        let fact = serde_json::to_vec(fact)?;
        bytes.extend(fact.into_iter().skip(1));
        Ok(bytes)
    }

    /// The bytes of the next entry when that is a signed head.
    pub fn head(chain: Chain, at_ms: i64, signer: &Signer) -> Result<Vec<u8>, serde_json::Error> {
        let (hash, key) = (to_hex(&chain.hash), signer.public().fingerprint());
        let unsigned = Entry::bytes(chain, at_ms, &Fact::Head { of: chain.seq, hash, key })?;
        Ok(sign(unsigned, signer))
    }
}

/// Puts the signature of an object into it, as its last member.
pub(super) fn sign(mut object: Vec<u8>, signer: &Signer) -> Vec<u8> {
    let signature = signer.sign(&object);
    object.pop();
    object.extend_from_slice(SIGNATURE);
    object.extend_from_slice(signature.as_bytes());
    object.extend_from_slice(b"\"}");
    object
}

/// An object without its signature, and the signature; `None` when it has none at its end.
pub(super) fn signed(object: &[u8]) -> Option<(Vec<u8>, &str)> {
    let begin = object.len().checked_sub(SIGNATURE.len() + 128 + 2)?;
    let (unsigned, end) = object.split_at_checked(begin)?;
    let signature = end.strip_prefix(SIGNATURE)?.strip_suffix(b"\"}")?;
    Some(([unsigned, b"}"].concat(), std::str::from_utf8(signature).ok()?))
}

const SIGNATURE: &[u8] = b",\"signature\":\"";

/// A moment as entries have it.
pub fn moment(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The leaf of an entry in the tree of its day.
pub fn day_leaf(hash: &Hash) -> Hash {
    use sha2::{Digest, Sha256};
    Sha256::new().chain_update([0]).chain_update(hash).finalize().into()
}
