//! Checking an export line by line, with nothing but the export and, better, a key that was kept elsewhere.
//!
//! What is told is the first thing that is wrong, by the number of its entry. A chain that somebody made
//! anew holds together; what tells it is the signature, or an older head that is not in it.

use sha2::{Digest, Sha256};

use super::chain::Chain;
use super::entry::{Entry, day_leaf, signed};
use super::export::{Begin, End, FORMAT, end_of, entry_of};
use super::fact::Fact;
use super::hex::{from_hex, to_hex};
use super::signature::PublicKey;
use super::tree::Tree;

/// What is wrong with an export, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}line {line}: {why}", entry.map(|seq| format!("entry {seq}, ")).unwrap_or_default())]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// The first entry that is broken, if it is an entry.
    pub entry: Option<u64>,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The first line is not that of an export.
    #[error("this is not how an export of the ledger begins")]
    NotAnExport,
    /// A later release made it.
    #[error("format {0} is of a later release")]
    Format(u32),
    /// The line is none of an export.
    #[error("this is no line of an export")]
    NotALine,
    /// An entry is not where it must be.
    #[error("entry {expected} must stand here, and entry {found} does: entries were removed, added or moved")]
    OutOfOrder {
        /// The number that comes next.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// Bytes of the entry or of its hash are not those that were written.
    #[error("the entry does not have the hash beside it, behind the entry before: one of them was changed")]
    Changed,
    /// A head names another chain than the one it stands in.
    #[error("the head does not name the entry before it")]
    OtherHead,
    /// The signature does not hold.
    #[error("the signature does not hold: what stands before it was changed by somebody without the key")]
    Signature,
    /// Nothing is known of the key.
    #[error(
        "it is signed with the key {0}, which the export does not have: a line that names its keys, the first or that of an entry, may have been changed"
    )]
    UnknownKey(String),
    /// The key is not one that was given.
    #[error("it is signed with the key {0}, and that is none that you gave")]
    UntrustedKey(String),
    /// The root of a day is not that of its entries.
    #[error("the root of {0} is not that of its entries")]
    DayRoot(String),
    /// The end does not come.
    #[error("the export is cut off: its signed end is missing")]
    CutOff,
    /// The end belongs to other lines.
    #[error("the end was signed for other lines than these")]
    OtherEnd,
    /// The end belongs to these entries and not to the line that stands first.
    #[error(
        "the entries are those that the end was signed for, and this line is not: one of its `public_keys` was changed, added or taken away, or something else in it was"
    )]
    OtherBegin,
    /// Something follows the end.
    #[error("something follows the end")]
    AfterTheEnd,
    /// The older head says something else.
    #[error(
        "the older head has another hash of this entry: the two are different histories from here or before, as after a restore, or one was made up"
    )]
    Forked,
    /// The older head has more.
    #[error(
        "the older head has entries up to {older}, and this export ends here: what came in between is lost, as after a restore, or was removed"
    )]
    Lost {
        /// The last entry of the older head.
        older: u64,
    },
    /// The export begins too late to be compared.
    #[error("the export begins behind entry {older}, where the older head stands: export more")]
    TooLate {
        /// The last entry of the older head.
        older: u64,
    },
}

/// What an export proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Number of the first entry.
    pub first: u64,
    /// Where the chain stands at its end.
    pub chain: Chain,
    /// When it was exported.
    pub exported_at: String,
    /// Signed heads in it.
    pub heads: u64,
    /// Days whose root was found right.
    pub days: u64,
    /// Fingerprints of the keys that signed, the last one last.
    pub keys: Vec<String>,
    /// Entries that a later release wrote: they belong to the chain, and nobody read them.
    pub unread: u64,
}

/// Checks an export.
#[derive(Debug)]
pub struct Verifier {
    trusted: Vec<PublicKey>,
    known: Vec<PublicKey>,
    older: Option<Chain>,
    line: u64,
    lines: Sha256,
    /// Entries since the last day ended, and the first of them.
    day: (u64, Tree),
    seen: Option<Verified>,
    is_over: bool,
}

impl Verifier {
    /// With the keys that are known to be ours, if any are; and with an older head that must be in it.
    pub fn new(trusted: Vec<PublicKey>, older: Option<Chain>) -> Verifier {
        let (lines, day) = (Sha256::new(), (0, Tree::default()));
        Verifier { known: trusted.clone(), trusted, older, line: 0, lines, day, seen: None, is_over: false }
    }

    /// Takes the next line, with its line feed; gives its entry, if it is one.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<(Chain, Entry)>, Broken> {
        self.line += 1;
        let Some(text) = line.strip_suffix(b"\n") else { return Err(self.broken(None, Why::CutOff)) };
        if self.is_over {
            return Err(self.broken(None, Why::AfterTheEnd));
        }
        let Some(seen) = &self.seen else {
            self.begin(text)?;
            self.lines.update(line);
            return Ok(None);
        };
        if let Some((hash, bytes)) = entry_of(text) {
            let chain = seen.chain;
            let taken = self.entry(chain, hash, bytes)?;
            self.lines.update(line);
            return Ok(Some(taken));
        }
        let (chain, next) = (seen.chain, seen.chain.seq + 1);
        match end_of(text) {
            Some((end, unsigned, signature)) => self.end(chain, &end, &unsigned, signature).map(|()| None),
            None => Err(self.broken(Some(next), Why::NotALine)),
        }
    }

    /// There are no more lines.
    pub fn finish(mut self) -> Result<Verified, Broken> {
        self.line += 1;
        match self.seen.take() {
            None => Err(self.broken(None, Why::NotAnExport)),
            Some(seen) if !self.is_over => Err(self.broken(Some(seen.chain.seq + 1), Why::CutOff)),
            Some(seen) => match self.older {
                Some(older) if older.seq > seen.chain.seq => {
                    self.line -= 1;
                    Err(self.broken(Some(seen.chain.seq), Why::Lost { older: older.seq }))
                }
                Some(_) | None => Ok(seen),
            },
        }
    }

    fn begin(&mut self, text: &[u8]) -> Result<(), Broken> {
        let begin: Option<Begin> = serde_json::from_slice(text).ok();
        let begin = begin.ok_or_else(|| self.broken(None, Why::NotAnExport))?;
        if begin.privaflow_ledger != FORMAT {
            return Err(self.broken(None, Why::Format(begin.privaflow_ledger)));
        }
        let before = from_hex(&begin.before).zip(begin.first.checked_sub(1));
        let chain = before.map(|(hash, seq)| Chain { seq, hash });
        let chain = chain.filter(|chain| chain.seq > 0 || *chain == Chain::default());
        let chain = chain.ok_or_else(|| self.broken(None, Why::NotAnExport))?;
        if let Some(older) = self.older.filter(|older| older.seq <= chain.seq && *older != chain) {
            let why = if older.seq == chain.seq { Why::Forked } else { Why::TooLate { older: older.seq } };
            return Err(self.broken(None, why));
        }
        self.known.extend(begin.public_keys.iter().filter_map(|key| PublicKey::of_hex(key)));
        self.day.0 = begin.first;
        let (first, exported_at, keys) = (begin.first, String::new(), Vec::new());
        self.seen = Some(Verified { first, chain, exported_at, heads: 0, days: 0, keys, unread: 0 });
        Ok(())
    }

    fn entry(&mut self, before: Chain, hash: &[u8], bytes: &[u8]) -> Result<(Chain, Entry), Broken> {
        let expected = before.seq + 1;
        let chain = before.with(bytes);
        let is_next = to_hex(&chain.hash).as_bytes() == hash;
        let entry = Entry::of_bytes(bytes);
        match &entry {
            Some(entry) if entry.seq != expected => {
                // Of a number that was changed, the hash tells that nothing was moved.
                let why = Why::OutOfOrder { expected, found: entry.seq };
                return Err(self.broken(Some(expected), why));
            }
            _ if !is_next => return Err(self.broken(Some(expected), Why::Changed)),
            None => return Err(self.broken(Some(expected), Why::NotALine)),
            Some(_) => {}
        }
        let Some(entry) = entry else { return Err(self.broken(Some(expected), Why::NotALine)) };
        if self.older.is_some_and(|older| older.seq == chain.seq && older != chain) {
            return Err(self.broken(Some(expected), Why::Forked));
        }
        match &entry.fact {
            Some(Fact::Key { public_key }) => self.known.extend(PublicKey::of_hex(public_key)),
            Some(Fact::Head { of, hash, key }) => {
                if *of != before.seq || *hash != to_hex(&before.hash) {
                    return Err(self.broken(Some(expected), Why::OtherHead));
                }
                let signed = signed(bytes).ok_or_else(|| self.broken(Some(expected), Why::Signature))?;
                self.check(key, &signed.0, signed.1, Some(expected))?;
                self.note(|seen| seen.heads += 1);
            }
            Some(Fact::Day { day, first, last, root }) => {
                let (own, tree) = std::mem::take(&mut self.day);
                let is_whole = *first == own && *last == before.seq;
                if is_whole && *root != to_hex(&tree.root()) || !is_whole && *first >= own {
                    return Err(self.broken(Some(expected), Why::DayRoot(day.clone())));
                }
                self.note(|seen| seen.days += u64::from(is_whole));
                self.day = (expected, Tree::default());
            }
            Some(_) => {}
            None => self.note(|seen| seen.unread += 1),
        }
        self.day.1.push(day_leaf(&chain.hash));
        self.note(|seen| seen.chain = chain);
        Ok((chain, entry))
    }

    fn end(&mut self, chain: Chain, end: &End, unsigned: &[u8], signature: &str) -> Result<(), Broken> {
        self.check(&end.key, unsigned, signature, None)?;
        let lines = to_hex(&self.lines.clone().finalize());
        let is_of_entries = end.of == chain.seq && end.hash == to_hex(&chain.hash);
        if is_of_entries && end.lines_sha256 != lines {
            // Each line between is its entry and the hash of it, and nothing else.
            return Err(Broken { line: 1, entry: None, why: Why::OtherBegin });
        }
        if !is_of_entries {
            return Err(self.broken(None, Why::OtherEnd));
        }
        self.note(|seen| seen.exported_at.clone_from(&end.at));
        self.is_over = true;
        Ok(())
    }

    /// Checks a signature of the key with a fingerprint.
    fn check(&mut self, key: &str, text: &[u8], signature: &str, entry: Option<u64>) -> Result<(), Broken> {
        let found = self.known.iter().find(|known| known.fingerprint() == key).copied();
        let found = found.ok_or_else(|| self.broken(entry, Why::UnknownKey(key.to_owned())))?;
        if !self.trusted.is_empty() && !self.trusted.contains(&found) {
            return Err(self.broken(entry, Why::UntrustedKey(key.to_owned())));
        }
        if !found.has_signed(text, signature) {
            return Err(self.broken(entry, Why::Signature));
        }
        self.note(|seen| {
            seen.keys.retain(|known| known != key);
            seen.keys.push(key.to_owned());
        });
        Ok(())
    }

    fn note(&mut self, note: impl FnOnce(&mut Verified)) {
        if let Some(seen) = &mut self.seen {
            note(seen);
        }
    }

    fn broken(&self, entry: Option<u64>, why: Why) -> Broken {
        Broken { line: self.line, entry, why }
    }
}
