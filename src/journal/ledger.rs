//! The ledger in the store: an entry in the transaction of what it attests, so that neither is ever there
//! without the other.
//!
//! What an entry says is the work of `ledger`. Here is where the chain stands, when its head is signed (a
//! job is over, a thousand entries, an hour, the process leaves), and when a day is closed. The rule that
//! keeps it right: entries are only ever added; those that are not new any more are packed ([`packs`]).

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::job::{Event, JobId};
use crate::ledger::{
    Blinds, Chain, Digests, Entry, Fact, Hash, PublicKey, Signer, Tree, Witness, of_event, to_hex,
};

use super::error::{Doing, StoreError};
use super::inbox::{Accept, Accepted};
use super::jobs;
use super::marks::Secret;
use super::pseudonyms::Pseudonyms;

mod packs;

use packs::{Packs, walk, walk_since};

pub(super) use packs::Packing;

const DAY_MS: i64 = 24 * 3_600_000;
/// A head is signed at least behind so many entries, and at most so much later.
const HEAD_EVERY: u64 = 1000;
const HEAD_AFTER_MS: i64 = 3_600_000;

const DOING: &str = "write its ledger";
const READING: &str = "read its ledger";

/// Writes entries. When a transaction that has some is not committed, where it stands must be read again.
pub(super) struct Ledger {
    signer: Signer,
    secret: Secret,
    pseudonyms: Pseudonyms,
    chain: Chain,
    /// Whether the chain names our key as the one that signs.
    is_ours: bool,
    /// The last head, and when it was signed.
    head: (u64, i64),
    /// Something happened after which the head is to be signed.
    is_due: bool,
    /// The day (UTC) of the entries in the tree, the first of them, and the tree.
    day: (i64, u64, Tree),
    packs: Packs,
}

impl Ledger {
    /// Reads where the chain of a database stands.
    pub(super) fn open(
        connection: &Connection,
        signer: Signer,
        secret: Secret,
    ) -> Result<Ledger, StoreError> {
        let chain = chain(connection)?;
        let head = place(connection, "head")?.unwrap_or_default();
        let (closed, closed_ms) = place(connection, "day")?.unwrap_or_default();
        let key = keys(connection)?.pop();
        let mut ledger = Ledger {
            is_ours: key == Some(signer.public()),
            pseudonyms: Pseudonyms::new(secret.clone()),
            signer,
            secret,
            chain,
            head,
            is_due: chain.seq > head.0,
            day: (day_of(closed_ms), closed.max(1), Tree::default()),
            packs: Packs::open(connection)?,
        };
        // The entry that closed a day belongs to the next.
        walk(connection, closed.max(1) - 1, |Stored { at_ms, hash, .. }| {
            ledger.take_into_day(at_ms, &hash);
            true
        })?;
        Ok(ledger)
    }

    /// Goes on from what is on the disk.
    pub(super) fn read_again(&mut self, connection: &Connection) -> Result<(), StoreError> {
        *self = Ledger::open(connection, self.signer.clone(), self.secret.clone())?;
        Ok(())
    }

    /// Writes what an event of a job attests, if it attests anything.
    pub(super) fn event(
        &mut self,
        connection: &Connection,
        at_ms: i64,
        job: JobId,
        event: (i64, &Event),
        witness: Option<&Witness>,
    ) -> Result<(), StoreError> {
        let blinds = || Blinds::of(self.secret.as_slice(), job.0, event.0);
        let fact = match event.1 {
            Event::Opened { .. } => Some(opened(connection, job)?),
            _ => of_event(job, event, witness, blinds, &self.pseudonyms),
        };
        fact.map_or(Ok(()), |fact| self.append(connection, at_ms, &fact))
    }

    /// Writes down what came in.
    pub(super) fn received(
        &mut self,
        connection: &Connection,
        at_ms: i64,
        accept: &Accept,
        accepted: &[Accepted],
    ) -> Result<(), StoreError> {
        let mut facts: Vec<(&str, &str, u64, Vec<String>)> = Vec::new();
        let rows = accept.rows.iter().map(|row| &row.arrival).zip(accepted).enumerate();
        for (number, (arrival, _)) in rows.filter(|(_, (_, accepted))| **accepted == Accepted::New) {
            let key = accept.requests.get(number).copied().flatten();
            let digest = key.map(|key| self.pseudonyms.request(&key));
            let (workflow, origin) = (arrival.workflow.as_str(), arrival.origin.as_str());
            match facts.iter_mut().find(|fact| (fact.0, fact.1) == (workflow, origin)) {
                Some((_, _, requests, digests)) => {
                    *requests += 1;
                    digests.extend(digest);
                }
                None => facts.push((workflow, origin, 1, digest.into_iter().collect())),
            }
        }
        for (workflow, origin, requests, digests) in facts {
            let (workflow, origin) = (workflow.to_owned(), origin.to_owned());
            self.append(connection, at_ms, &Fact::Received { workflow, origin, requests, digests })?;
        }
        Ok(())
    }

    /// Writes a fact down.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        at_ms: i64,
        fact: &Fact,
    ) -> Result<(), StoreError> {
        if !self.is_ours {
            self.is_ours = true;
            let public_key = self.signer.public().hex();
            let seq = signed(self.chain.seq + 1);
            let sql = "INSERT INTO ledger_keys (seq, public_key) VALUES (?1, ?2)";
            connection.execute(sql, params![seq, public_key]).doing(DOING)?;
            self.append(connection, at_ms, &Fact::Key { public_key })?;
        }
        let (today, first, tree) = &self.day;
        if tree.leaves() > 0 && day_of(at_ms) > *today {
            let day = jiff::Timestamp::from_millisecond(today * DAY_MS).unwrap_or_default();
            let day = day.strftime("%Y-%m-%d").to_string();
            let (first, last, root) = (*first, self.chain.seq, to_hex(&tree.root()));
            self.day = (day_of(at_ms), last + 1, Tree::default());
            self.put(
                connection,
                at_ms,
                Entry::bytes(self.chain, at_ms, &Fact::Day { day, first, last, root }),
            )?;
            note(connection, "day", self.chain.seq, at_ms)?;
            self.is_due = true;
        }
        self.is_due |= matches!(
            fact,
            Fact::Stopped { .. }
                | Fact::Pruned { .. }
                | Fact::Restored { .. }
                | Fact::Released { .. }
                | Fact::Hold { .. }
        );
        self.put(connection, at_ms, Entry::bytes(self.chain, at_ms, fact))
    }

    /// Signs the head, if it is time for that.
    pub(super) fn sign_if_due(&mut self, connection: &Connection, at_ms: i64) -> Result<(), StoreError> {
        let (seq, signed_ms) = self.head;
        let unsigned = self.chain.seq.saturating_sub(seq);
        let is_late = at_ms.saturating_sub(signed_ms) >= HEAD_AFTER_MS;
        match unsigned > 0 && (self.is_due || is_late || unsigned >= HEAD_EVERY) {
            true => self.sign(connection, at_ms),
            false => Ok(()),
        }
    }

    /// How long what no head covers may wait for one.
    pub(super) fn unsigned_for(&self, now_ms: i64) -> Duration {
        let left_ms = self.head.1.saturating_add(HEAD_AFTER_MS).saturating_sub(now_ms);
        Duration::from_millis(left_ms.clamp(1000, HEAD_AFTER_MS).unsigned_abs())
    }

    /// Whether there are entries to pack.
    pub(super) fn has_work(&self, packing: Packing) -> bool {
        self.packs.has_work(self.chain, packing)
    }

    /// Packs a slice of them.
    pub(super) fn work(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.packs.work(connection, self.chain.seq)
    }

    /// Whether entries were written that no head covers.
    pub(super) fn is_unsigned(&self) -> bool {
        self.chain.seq > self.head.0
    }

    /// Signs the head.
    pub(super) fn sign(&mut self, connection: &Connection, at_ms: i64) -> Result<(), StoreError> {
        self.put(connection, at_ms, Entry::head(self.chain, at_ms, &self.signer))?;
        self.is_due = false;
        self.head = (self.chain.seq, at_ms);
        note(connection, "head", self.chain.seq, at_ms)
    }

    fn put(
        &mut self,
        connection: &Connection,
        at_ms: i64,
        entry: Result<Vec<u8>, serde_json::Error>,
    ) -> Result<(), StoreError> {
        let entry = entry.map_err(StoreError::Ledger)?;
        self.chain = self.chain.with(&entry);
        let Chain { seq, hash } = self.chain;
        insert(connection, &Stored { seq, at_ms, entry, hash })?;
        self.take_into_day(at_ms, &hash);
        Ok(())
    }

    fn take_into_day(&mut self, at_ms: i64, hash: &Hash) {
        let (day, _, tree) = &mut self.day;
        if tree.leaves() == 0 {
            *day = day_of(at_ms).max(*day);
        }
        tree.push(crate::ledger::day_leaf(hash));
    }
}

/// Adds to the ledger of a database that nobody writes, unsigned: whoever opens it next signs it.
pub(super) fn append_to(connection: &Connection, at_ms: i64, fact: &Fact) -> Result<(), StoreError> {
    let before = chain(connection)?;
    if before.seq == 0 {
        // Nothing was ever attested there.
        return Ok(());
    }
    let entry = Entry::bytes(before, at_ms, fact).map_err(StoreError::Ledger)?;
    let Chain { seq, hash } = before.with(&entry);
    insert(connection, &Stored { seq, at_ms, entry, hash })
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: u64,
    /// When it was written, in Unix milliseconds.
    pub at_ms: i64,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// Its hash.
    pub hash: Hash,
}

fn insert(connection: &Connection, stored: &Stored) -> Result<(), StoreError> {
    let sql = "INSERT INTO ledger (seq, at_ms, entry, hash) VALUES (?1, ?2, ?3, ?4)";
    let values = params![signed(stored.seq), stored.at_ms, stored.entry, stored.hash];
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).doing(DOING)?;
    Ok(())
}

/// Entries behind one, the first so many.
pub(super) fn rows(connection: &Connection, after: u64, most: u32) -> Result<Vec<Stored>, StoreError> {
    let (mut rows, most) = (Vec::new(), most as usize);
    if most > 0 {
        walk(connection, after, |stored| {
            rows.push(stored);
            rows.len() < most
        })?;
    }
    Ok(rows)
}

/// The number of the first entry at or after a moment; behind the last when there is none.
pub(super) fn first_since(connection: &Connection, since_ms: i64) -> Result<u64, StoreError> {
    let mut found = None;
    walk_since(connection, 0, since_ms, |stored| {
        found = Some(stored.seq).filter(|_| stored.at_ms >= since_ms);
        found.is_none()
    })?;
    found.map_or_else(|| Ok(chain(connection)?.seq + 1), Ok)
}

/// Where the chain stands at an entry.
pub(super) fn chain_at(connection: &Connection, seq: u64) -> Result<Option<Chain>, StoreError> {
    if seq == 0 {
        return Ok(Some(Chain::default()));
    }
    let mut found = None;
    walk(connection, seq - 1, |stored| {
        found = Some(Chain { seq: stored.seq, hash: stored.hash });
        false
    })?;
    Ok(found.filter(|found| found.seq == seq))
}

/// Whether a store goes on where a copy ends; not where it was put back to an earlier one in between.
pub(super) fn goes_on(known: &Connection, copy: &Connection) -> bool {
    let end = chain(copy);
    end.is_ok_and(|end| matches!(chain_at(known, end.seq), Ok(Some(found)) if found == end))
}

/// The keys that ever signed, in their order.
pub(super) fn keys(connection: &Connection) -> Result<Vec<PublicKey>, StoreError> {
    let mut statement =
        connection.prepare("SELECT public_key FROM ledger_keys ORDER BY seq").doing(READING)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).doing(READING)?;
    let damaged = StoreError::Damaged { what: "a key of its ledger is not one" };
    let keys: Result<Vec<String>, _> = rows.collect();
    let keys: Option<Vec<PublicKey>> =
        keys.doing(READING)?.iter().map(|key| PublicKey::of_hex(key)).collect();
    keys.ok_or(damaged)
}

/// Looks at every row.
pub(super) fn verify(connection: &Connection) -> Result<(), StoreError> {
    let (mut chain, mut is_whole) = (Chain::default(), true);
    walk(connection, 0, |row| {
        chain = chain.with(&row.entry);
        is_whole = (row.seq, row.hash) == (chain.seq, chain.hash);
        is_whole
    })?;
    match is_whole {
        true => Ok(()),
        false => Err(StoreError::Damaged { what: "an entry of its ledger is not as it was written" }),
    }
}

/// Where the chain stands.
fn chain(connection: &Connection) -> Result<Chain, StoreError> {
    let sql = "SELECT seq, at_ms, entry, hash FROM ledger ORDER BY seq DESC LIMIT 1";
    let last = connection.query_row(sql, [], stored).optional().doing(READING)?;
    Ok(last.map_or_else(Chain::default, |last| Chain { seq: last.seq, hash: last.hash }))
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let seq: i64 = row.get(0)?;
    Ok(Stored { seq: seq.unsigned_abs(), at_ms: row.get(1)?, entry: row.get(2)?, hash: row.get(3)? })
}

fn opened(connection: &Connection, job: JobId) -> Result<Fact, StoreError> {
    let record = jobs::one(connection, job)?;
    let canary = record.is_canary();
    Ok(Fact::Opened {
        job: job.to_string(),
        workflow: record.workflow_name,
        workflow_sha256: to_hex(&record.workflow_digest),
        input_sha256: to_hex(&record.input_digest),
        sandbox: record.sandbox,
        canary,
        shadow: record.format.get("shadow").is_some_and(|shadow| shadow == true),
    })
}

fn place(connection: &Connection, name: &str) -> Result<Option<(u64, i64)>, StoreError> {
    let sql = "SELECT seq, at_ms FROM ledger_places WHERE name = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?));
    connection.query_row(sql, [name], read).optional().doing(READING)
}

fn note(connection: &Connection, name: &str, seq: u64, at_ms: i64) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO ledger_places (name, seq, at_ms) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![name, signed(seq), at_ms]).doing(DOING)?;
    Ok(())
}

fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}

/// SQLite's integers have a sign; numbers of entries never come near the end.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
