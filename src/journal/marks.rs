//! How new the accepted state of a target is, and when a person was last erased.
//!
//! A mark comes with the answer to the write that made it and counts only once that answer is
//! durable. Its key is a digest under a secret of this store, the gate's under one of its own, so that the
//! journal alone says nothing about anybody; the secrets stand in the database, so that a backup keeps its
//! meaning. The rule
//! that keeps it right: of two marks of one target the one to which more yields stays, whichever came
//! first.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::job::{Event, Mark, MarkKind};
use crate::plan::NORMALISATION;
use crate::request::Order;

use super::error::{Doing, StoreError};
use super::gate::Releases;
use super::segments::{Family, Key, Looked, Sorted, Value};

/// The family of freshness. A value is an [`Order`].
pub(super) const TARGETS: Family = Family { number: 2, keep: keep_target };
/// The family of the gate. A value is an [`Order`].
pub(super) const ERASED: Family = Family { number: 3, keep: keep_erased };

/// Sets the keys of the hold list apart from those of the families.
pub(super) const HOLDS: u8 = 100;

/// Bytes of the secret and of a workspace's digest. With the kind and the digest of what is marked
/// they make 45 bytes: SHA-256 takes up to 55 in one block.
const SECRET_BYTES: usize = 20;
const SPACE_BYTES: usize = 8;

const KNOWN: i64 = i64::MIN;

pub(super) type Secret = Zeroizing<[u8; SECRET_BYTES]>;

/// The index of marks. Clone it freely; asking takes no turn behind the writer.
#[derive(Clone)]
pub struct Marks {
    targets: Arc<Sorted>,
    erased: Arc<Sorted>,
    secret: Arc<Secret>,
    gate: GateKey,
    releases: Releases,
    /// Up to when it is not known who was erased, in Unix milliseconds; [`KNOWN`] when it is.
    unknown_until_ms: Arc<AtomicI64>,
}

/// What the index held of some targets when they were looked for.
#[derive(Debug, Clone)]
pub struct TargetsLooked(Looked);

/// Up to where the gate was looked at: what is added later is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSeen {
    additions: u64,
    is_empty: bool,
}

/// Makes the keys of one workspace. Keep it: making one costs as much as making a key.
#[derive(Clone)]
pub struct Space {
    secret: Arc<Secret>,
    gate: GateKey,
    workspace: [u8; SPACE_BYTES],
}

/// What the keys of the gate are made with.
#[derive(Clone)]
pub(super) struct GateKey {
    secret: Arc<Secret>,
    /// The earliest version of how identifiers are compared by which it may know people, if not only the newest.
    earlier: Option<u32>,
    /// Its keys are of twelve bytes, the others nought: those of a store that an earlier release began are of sixteen.
    is_short: bool,
}

impl GateKey {
    /// As much of a key as the gate keeps. Twelve bytes take a stranger for one of ten million people once in
    /// 10^21 questions; each byte that is the same in all keys of a block is kept once.
    fn of(&self, key: [u8; 16]) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h, _, _, _, _, w, x, y, z] = key;
        match self.is_short {
            true => [a, b, c, d, e, f, g, h, 0, 0, 0, 0, w, x, y, z],
            false => key,
        }
    }
}

impl Marks {
    pub(super) fn new(targets: Arc<Sorted>, erased: Arc<Sorted>, secret: Secret, gate: GateKey) -> Marks {
        Marks {
            targets,
            erased,
            secret: Arc::new(secret),
            gate,
            releases: Releases::default(),
            unknown_until_ms: Arc::new(AtomicI64::new(KNOWN)),
        }
    }

    /// Makes the keys of a workspace.
    pub fn space(&self, workspace: &str) -> Space {
        let digest = Sha256::new().chain_update(self.secret.as_slice()).chain_update(workspace).finalize();
        let mut space = [0; SPACE_BYTES];
        space.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Space { secret: Arc::clone(&self.secret), gate: self.gate.clone(), workspace: space }
    }

    /// The key under which something of a workspace is marked: see [`Space::key`].
    pub fn key(&self, kind: MarkKind, workspace: &str, digest: u128) -> [u8; 16] {
        self.space(workspace).key(kind, digest)
    }

    /// Whether nothing at all is marked, so that no key need be made.
    pub fn is_empty(&self, kind: MarkKind) -> bool {
        let sorted = match kind {
            MarkKind::Target => &self.targets,
            MarkKind::Erased => &self.erased,
        };
        sorted.is_empty()
    }

    /// How new the newest durable mark of a key is; `None` when nothing was ever marked.
    pub fn newest(&self, kind: MarkKind, key: [u8; 16]) -> Result<Option<Order>, StoreError> {
        let (sorted, keep) = match kind {
            MarkKind::Target => (&self.targets, TARGETS.keep),
            MarkKind::Erased => (&self.erased, ERASED.keep),
        };
        let mut newest: Option<Value> = None;
        sorted.find(Key::from_be_bytes(key), newest_of(keep, &mut newest))?;
        Ok(newest.map(Order::of_bytes))
    }

    /// Looks for the marks of many targets at once, so that each is soon told when its turn comes.
    pub fn look(&self, targets: &[[u8; 16]]) -> Result<TargetsLooked, StoreError> {
        let keys: Vec<Key> = targets.iter().map(|key| Key::from_be_bytes(*key)).collect();
        Ok(TargetsLooked(self.targets.look(&keys)?))
    }

    /// As [`Marks::newest`], of a target that was looked for before with others.
    pub fn newest_looked(&self, key: [u8; 16], looked: &TargetsLooked) -> Result<Option<Order>, StoreError> {
        let mut newest: Option<Value> = None;
        let decide = newest_of(TARGETS.keep, &mut newest);
        self.targets.find_looked(Key::from_be_bytes(key), &looked.0, decide)?;
        Ok(newest.map(Order::of_bytes))
    }
}

impl Marks {
    /// Where the gate stands, before it is looked at.
    pub fn gate_now(&self) -> GateSeen {
        let (additions, is_empty) = self.erased.standing();
        GateSeen { additions, is_empty }
    }

    /// Which of these keys of people the gate knows, by their places.
    pub fn look_at_gate(&self, keys: &[[u8; 16]]) -> Result<Vec<usize>, StoreError> {
        let keys: Vec<Key> = keys.iter().map(|key| Key::from_be_bytes(*key)).collect();
        self.erased.holds(&keys)
    }

    /// When somebody was erased, by their key, in Unix milliseconds; `None` of somebody who was let through
    /// since.
    pub fn erased(&self, key: [u8; 16]) -> Result<Option<i64>, StoreError> {
        let erased_ms = self.newest(MarkKind::Erased, key)?.map(|order| order.at_ms());
        Ok(erased_ms.filter(|erased_ms| !self.releases.is_since(key, *erased_ms)))
    }

    /// The earliest version of how identifiers are compared by whose keys people may be known, to the gate and as
    /// those whose states are marked; `None` when it can only be the newest.
    pub fn earlier(&self) -> Option<u32> {
        self.gate.earlier
    }

    /// Up to when erasures may have been accepted of which the store knows nothing, in Unix milliseconds; `None`
    /// when it knows all.
    pub fn unknown_until_ms(&self) -> Option<i64> {
        Some(self.unknown_until_ms.load(Ordering::Relaxed)).filter(|ms| *ms != KNOWN)
    }

    pub(super) fn set_unknown_until(&self, ms: Option<i64>) {
        self.unknown_until_ms.store(ms.unwrap_or(KNOWN), Ordering::Relaxed);
    }

    /// The key of the gate.
    pub(super) fn gate_key(&self) -> Arc<Secret> {
        Arc::clone(&self.gate.secret)
    }

    /// What it keeps: how new states are, and who was erased.
    pub(super) fn families(&self) -> (Arc<Sorted>, Arc<Sorted>) {
        (Arc::clone(&self.targets), Arc::clone(&self.erased))
    }

    /// What the gate keeps of people.
    pub(super) fn gate(&self) -> (&Sorted, &Releases) {
        (&self.erased, &self.releases)
    }

    /// Reads again who was let through the gate.
    pub(super) fn read_releases(&self, connection: &Connection) -> Result<(), StoreError> {
        self.releases.read_again(connection)
    }
}

impl GateSeen {
    /// Whether it knew nobody then.
    pub fn is_empty(self) -> bool {
        self.is_empty
    }
}

impl Space {
    /// The key of a target or a person, by a digest that the caller makes. Half a microsecond.
    pub fn key(&self, kind: MarkKind, digest: u128) -> [u8; 16] {
        let made = |secret, family: Family| key_of(secret, &self.workspace, family.number, digest);
        match kind {
            MarkKind::Target => made(&self.secret, TARGETS),
            MarkKind::Erased => self.gate.of(made(&self.gate.secret, ERASED)),
        }
    }

    /// Stands for the workspace beside what is kept of its people; says nothing of it without the secret.
    pub fn tag(&self) -> u64 {
        let [first, second, third, fourth, fifth, ..] = self.workspace;
        u64::from_be_bytes([0, 0, 0, first, second, third, fourth, fifth])
    }
}

/// The key of what a digest stands for, in a workspace or none.
/// All sixteen bytes are kept but by the gate: that a store with ten million keys takes any of a thousand million strangers for
/// one of them has a chance of one in 10^22. Packed, a key takes fourteen or fifteen.
pub(super) fn key_of(secret: &Secret, workspace: &[u8; SPACE_BYTES], kind: u8, digest: u128) -> [u8; 16] {
    let mut block = [0; SECRET_BYTES + SPACE_BYTES + 1 + 16];
    let (of_secret, rest) = block.split_at_mut(SECRET_BYTES);
    let (of_workspace, rest) = rest.split_at_mut(SPACE_BYTES);
    let (of_kind, of_digest) = rest.split_at_mut(1);
    of_secret.copy_from_slice(secret.as_slice());
    of_workspace.copy_from_slice(workspace);
    of_kind.copy_from_slice(&[kind]);
    of_digest.copy_from_slice(&digest.to_be_bytes());
    let digest: [u8; 32] = Sha256::digest(block).into();
    *digest.first_chunk().unwrap_or(&[0; 16])
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").finish_non_exhaustive()
    }
}

/// Keeps what stays of all that is shown, the newest first.
fn newest_of(
    keep: fn(Value, Value) -> Value,
    newest: &mut Option<Value>,
) -> impl FnMut(Value) -> ControlFlow<()> {
    move |value| {
        // What is shown later is older.
        *newest = Some(newest.map_or(value, |newer| keep(value, newer)));
        ControlFlow::Continue(())
    }
}

/// The marks that an event leaves once it is durable.
pub(super) fn marks_of(event: &Event) -> &[Mark] {
    match event {
        Event::Answered(answered) => &answered.marks,
        Event::Presumed(presumed) => &presumed.marks,
        Event::Opened { .. }
        | Event::Intended(_)
        | Event::Ended { .. }
        | Event::Waiting { .. }
        | Event::Held { .. }
        | Event::Approved { .. }
        | Event::Cancelled { .. }
        | Event::Passed { .. }
        | Event::Reopened(_)
        | Event::Identified { .. }
        | Event::Decided(_)
        | Event::Erased { .. }
        | Event::Attempted(_)
        | Event::Stopped(_) => &[],
    }
}

/// A mark as a record of its family.
pub(super) fn record_of(mark: &Mark) -> (Key, Value) {
    (Key::from_be_bytes(mark.key), mark.order.to_bytes())
}

/// The key of the gate, made at the first start of the store. People may be known to it as an earlier version
/// compared them: versions have the same key, so that only who is spelled oddly has another. Refuses one
/// that was made for a newer version: what it knows could not be found.
pub(super) fn gate_key(connection: &Connection) -> Result<GateKey, StoreError> {
    let doing = "read the key of its gate";
    let sql = "SELECT version, value FROM gate_keys ORDER BY version DESC LIMIT 1";
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?, Zeroizing::new(row.get::<_, Vec<u8>>(1)?)));
    let keep = |key: &[u8]| {
        let sql = "INSERT INTO gate_keys (version, value) VALUES (?1, ?2)";
        connection.execute(sql, rusqlite::params![NORMALISATION, key]).doing("write the key of its gate")
    };
    let key = match connection.query_row(sql, [], read).optional().doing(doing)? {
        Some((version, value)) if version <= NORMALISATION => {
            if version < NORMALISATION {
                keep(&value)?;
            }
            let whole = <[u8; SECRET_BYTES]>::try_from(value.as_slice()).map(Zeroizing::new);
            whole.map_err(|_| StoreError::Damaged { what: "the key of its gate is not whole" })?
        }
        Some(_) => {
            return Err(StoreError::Damaged {
                what: "its gate compares identifiers in a way that is not known",
            });
        }
        None => {
            let mut key = Zeroizing::new([0; SECRET_BYTES]);
            getrandom::fill(key.as_mut_slice()).map_err(StoreError::Random)?;
            keep(key.as_slice())?;
            key
        }
    };
    let sql = "SELECT min(version) FROM gate_keys WHERE version < ?1";
    let earlier: Option<u32> = connection.query_row(sql, [NORMALISATION], |row| row.get(0)).doing(doing)?;
    let is_short = is_gate_short(connection).doing(doing)?;
    Ok(GateKey { secret: Arc::new(key), earlier, is_short })
}

/// Whether the gate of a database keeps twelve bytes of a key. That is decided when its first key is made.
pub(super) fn is_gate_short(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM notes WHERE name = 'gate_keys'";
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
}

/// The secret of the store, made at its first start.
pub(super) fn secret(connection: &Connection) -> Result<Secret, StoreError> {
    if let Some(secret) = known_secret(connection)? {
        return Ok(secret);
    }
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(secret.as_mut_slice()).map_err(StoreError::Random)?;
    let sql = "INSERT INTO secrets (name, value) VALUES ('marks', ?1)";
    connection.execute(sql, [secret.as_slice()]).doing("write its secret")?;
    Ok(secret)
}

/// The secret of a store that was started before.
pub(super) fn known_secret(connection: &Connection) -> Result<Option<Secret>, StoreError> {
    let sql = "SELECT value FROM secrets WHERE name = 'marks'";
    let found: Option<Zeroizing<Vec<u8>>> = connection
        .query_row(sql, [], |row| row.get(0).map(Zeroizing::new))
        .optional()
        .doing("read its secret")?;
    let whole = |found: Zeroizing<Vec<u8>>| <[u8; SECRET_BYTES]>::try_from(found.as_slice());
    let secret = found.map(whole).transpose();
    secret
        .map(|secret| secret.map(Zeroizing::new))
        .map_err(|_| StoreError::Damaged { what: "its secret is not whole" })
}

fn keep_target(older: Value, newer: Value) -> Value {
    Order::of_bytes(newer).lasting(Order::of_bytes(older)).to_bytes()
}

fn keep_erased(older: Value, newer: Value) -> Value {
    if Order::of_bytes(newer).compare(&Order::of_bytes(older)).is_lt() { older } else { newer }
}
