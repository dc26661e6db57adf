//! An export: a text that anybody can check without us.
//!
//! ```text
//! {"privaflow_ledger":1,"first":1,"before":"00…","public_keys":["…"]}       where it begins, and whose it is
//! {"hash":"…","entry":{"seq":1,…}}                                          the stored bytes, verbatim
//! {"of":9,"hash":"…","at":"…","lines_sha256":"…","key":"…","signature":"…"}  the end: all lines above, signed
//! ```
//!
//! A line per entry, each with a line feed. The end signs every byte before it, so that an export that was
//! cut short is told from one that is short.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chain::{Chain, Hash};
use super::entry::{moment, sign, signed};
use super::hex::{from_hex, to_hex};
use super::signature::{PublicKey, Signer};

/// The format of exports.
pub(super) const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub privaflow_ledger: u32,
    /// Number of the first entry in it, and the hash before that.
    pub first: u64,
    pub before: String,
    /// Every key that ever signed this ledger.
    pub public_keys: Vec<String>,
}

/// The last line, without its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// The last entry.
    pub of: u64,
    pub hash: String,
    pub at: String,
    /// SHA-256 of all lines before this one.
    pub lines_sha256: String,
    /// Fingerprint of the key.
    pub key: String,
}

const BEFORE_HASH: &[u8] = b"{\"hash\":\"";
const BEFORE_ENTRY: &[u8] = b"\",\"entry\":";

/// The lines of an export, one after another, each with its line feed.
#[derive(Debug)]
pub struct Exporter {
    lines: Sha256,
    chain: Chain,
}

impl Exporter {
    /// Begins behind an entry; gives the first line.
    pub fn begin(before: Chain, keys: &[PublicKey]) -> Result<(Exporter, Vec<u8>), serde_json::Error> {
        let mut exporter = Exporter { lines: Sha256::new(), chain: before };
        let line = serde_json::to_vec(&Begin {
            privaflow_ledger: FORMAT,
            first: before.seq + 1,
            before: to_hex(&before.hash),
            public_keys: keys.iter().map(PublicKey::hex).collect(),
        })?;
        let line = exporter.note(line);
        Ok((exporter, line))
    }

    /// The next entry, as it is stored.
    pub fn line(&mut self, entry: &[u8], hash: &Hash) -> Vec<u8> {
        self.chain = Chain { seq: self.chain.seq + 1, hash: *hash };
        self.note([BEFORE_HASH, to_hex(hash).as_bytes(), BEFORE_ENTRY, entry, b"}"].concat())
    }

    /// The last line.
    pub fn end(self, at_ms: i64, signer: &Signer) -> Result<Vec<u8>, serde_json::Error> {
        let end = End {
            of: self.chain.seq,
            hash: to_hex(&self.chain.hash),
            at: moment(at_ms),
            lines_sha256: to_hex(&self.lines.finalize()),
            key: signer.public().fingerprint(),
        };
        let mut line = sign(serde_json::to_vec(&end)?, signer);
        line.push(b'\n');
        Ok(line)
    }

    fn note(&mut self, mut line: Vec<u8>) -> Vec<u8> {
        line.push(b'\n');
        self.lines.update(&line);
        line
    }
}

/// The hash and the entry of a line, without its line feed.
pub(super) fn entry_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(BEFORE_HASH)?;
    let (hash, rest) = rest.split_at_checked(64)?;
    Some((hash, rest.strip_prefix(BEFORE_ENTRY)?.strip_suffix(b"}")?))
}

/// The end in a line, what of it was signed, and the signature.
pub(super) fn end_of(line: &[u8]) -> Option<(End, Vec<u8>, &str)> {
    let (unsigned, signature) = signed(line)?;
    let end: End = serde_json::from_slice(&unsigned).ok()?;
    // Nothing may stand in it that was not written by us.
    (serde_json::to_vec(&end).ok()? == unsigned).then_some((end, unsigned, signature))
}

/// The keys that the first line of an export names.
pub fn keys_of(line: &[u8]) -> Vec<PublicKey> {
    let begin: Option<Begin> = serde_json::from_slice(line).ok();
    let keys = begin.map(|begin| begin.public_keys).unwrap_or_default();
    keys.iter().filter_map(|key| PublicKey::of_hex(key)).collect()
}

/// Where the chain of an earlier export stood: that export, or its last line alone. It counts for what
/// the key in `keys` signed; `None` when it is no such text or none of them signed it.
pub fn head_of(text: &[u8], keys: &[PublicKey]) -> Option<Chain> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let line = text.rsplit(|byte| *byte == b'\n').next()?;
    let (end, unsigned, signature) = end_of(line)?;
    let key = keys.iter().find(|key| key.fingerprint() == end.key)?;
    key.has_signed(&unsigned, signature).then_some(())?;
    Some(Chain { seq: end.of, hash: from_hex(&end.hash)? })
}
