//! What a restored store takes over from the one that it replaces.
//!
//! A backup knows nothing of what came after it. Where the store that stands in its place can be read, whoever was
//! erased since, or may have been, stays erased, and watched: entries of the gate, finished ids, and how new states are,
//! are added to those of the backup, and so are holds; jobs that watch whom they erased are taken over whole; what else
//! was not over is the work of `unfinished`. The rule that keeps it right: nothing becomes weaker. Of two entries the
//! stricter one stays, and what a person let through or took off the list since the backup was made is shut
//! again until they say so once more.

mod looks;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::{Doing, StoreError};
use super::segments::{Family, Keepers, Key, RECENT_RECORDS, Sorted, Value};
use super::{ids, index, ledger, marks, schema, unfinished};
use crate::job::{JobId, Mark};
use looks::Looks;

const DOING: &str = "take over what the replaced store knew";

/// What was taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Entries of the gate.
    pub erasures: u64,
    /// Holds.
    pub holds: u64,
    /// Requests that were finished.
    pub ids: u64,
    /// States that were accepted.
    pub states: u64,
    /// Entries of the gate of whom an erasure left and was not answered.
    #[serde(default)]
    pub presumed: u64,
    /// Looks at erased people that are still to come.
    #[serde(default)]
    pub looks: u64,
}

/// What the replaced store could be asked.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// What was taken over.
    pub carried: Carried,
    /// Jobs that go on from where they stood there.
    pub jobs: HashSet<JobId>,
    /// Why it is not known who was erased since the backup was made; `None` when that is known.
    pub lost: Option<Lost>,
}

impl Taken {
    fn nothing(lost: Lost) -> Taken {
        Taken { lost: Some(lost), ..Taken::default() }
    }
}

/// Why nothing, or not all, could be taken over: who was erased since is not known then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// No store stood there.
    NothingThere,
    /// It is damaged, or a later release wrote it.
    Unreadable,
    /// It is not the store that the backup was made of.
    Foreign,
    /// It ends before the backup does.
    Older,
    /// It was restored itself, and nobody has acknowledged that.
    Forgetful,
    /// It went on from an earlier backup, another way than the store that this one was made of.
    Branched,
}

impl Lost {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Lost::NothingThere => "no store stood there",
            Lost::Unreadable => "the store that stood there cannot be read",
            Lost::Foreign => "the store that stood there is another than that of the backup",
            Lost::Older => "the store that stood there ends before the backup",
            Lost::Branched => {
                "the store that stood there went on from an earlier backup, another way than the store of this one"
            }
            Lost::Forgetful => "the store that stood there was restored itself and may have forgotten some",
        }
    }
}

/// Adds what the database of a store knows to a copy of a backup.
pub(super) fn carry_over(from: &Path, to: &Connection, copy: &Path) -> Result<Taken, StoreError> {
    if !from.exists() {
        return Ok(Taken::nothing(Lost::NothingThere));
    }
    let unreadable = Ok(Taken::nothing(Lost::Unreadable));
    let Ok(known) = schema::open_writer(from) else { return unreadable };
    let relation = relation(&known, to);
    match relation {
        // Who was erased there is erased; what numbers mean there is something else.
        Ok(None | Some(Lost::Branched)) => {}
        Ok(Some(lost)) => return Ok(Taken::nothing(lost)),
        Err(_) => return unreadable,
    }
    let Ok(families) = Known::open(&known, from) else { return unreadable };
    // Events that are taken over whole stand small there, without what the indexes of that store keep of them.
    index::keep_all(to, copy)?;
    // Nobody is left out for what cannot be read: the others count all the same.
    let presumed = unfinished::presumed(&known);
    // What was read before it could be read no further stays: it is true.
    let added = match add_all(&families, presumed.as_deref().unwrap_or_default(), to, copy) {
        Ok(added) => added,
        Err(Side::Read) => return unreadable,
        Err(Side::Written(error)) => return Err(error),
    };
    let holds = match holds_of(&known) {
        Ok(holds) => add_holds(&holds, to).doing(DOING)?,
        Err(_) => return unreadable,
    };
    let is_branched = matches!(relation, Ok(Some(Lost::Branched)));
    let looks = match if is_branched { Ok(Looks::default()) } else { looks::carry(&known, to) } {
        Ok(looks) => looks,
        Err(Side::Read) => return unreadable,
        Err(Side::Written(error)) => return Err(error),
    };
    let was_forgetful = super::backup::restored(&known).ok().flatten().is_some_and(|it| it.lost.is_some());
    let ([ids, states, erasures], added_presumed) = added;
    let carried = Carried { erasures, holds, ids, states, presumed: added_presumed, looks: looks.count };
    let lost = match presumed {
        Err(_) => Some(Lost::Unreadable),
        Ok(_) if is_branched => Some(Lost::Branched),
        Ok(_) => was_forgetful.then_some(Lost::Forgetful),
    };
    Ok(Taken { carried, jobs: looks.jobs, lost })
}

/// Why a store cannot tell what came after the backup, if it cannot.
pub(super) fn relation(known: &Connection, backup: &Connection) -> rusqlite::Result<Option<Lost>> {
    let secrets = |connection: &Connection| -> rusqlite::Result<([Option<Vec<u8>>; 2], bool)> {
        let gate = "SELECT value FROM gate_keys ORDER BY version DESC LIMIT 1";
        let own = "SELECT value FROM secrets WHERE name = 'marks'";
        let read = |sql| connection.query_row(sql, [], |row| row.get(0)).optional();
        Ok(([read(gate)?, read(own)?], super::marks::is_gate_short(connection)?))
    };
    if secrets(known)? != secrets(backup)? {
        return Ok(Some(Lost::Foreign));
    }
    let newest = |connection: &Connection| {
        let sql = "SELECT max(ifnull((SELECT max(id) FROM events), 0), ifnull((SELECT max(event) FROM watermarks), 0))";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0))
    };
    if newest(known)? < newest(backup)? {
        return Ok(Some(Lost::Older));
    }
    Ok((!ledger::goes_on(known, backup)).then_some(Lost::Branched))
}

/// The indexes of a store, with what its events say.
struct Known {
    families: [(Family, Arc<Sorted>); 3],
}

impl Known {
    fn open(connection: &Connection, database: &Path) -> Result<Known, StoreError> {
        let index = index::open(connection, database, RECENT_RECORDS)?;
        let (targets, erased) = index.marks.families();
        let families =
            [(ids::FAMILY, index.ids.family()), (marks::TARGETS, targets), (marks::ERASED, erased)];
        Ok(Known { families })
    }
}

/// On which side something failed.
enum Side {
    Read,
    Written(StoreError),
}

/// Adds every record that the copy does not have, or that is stricter, and then those of the gate that are
/// presumed; gives how many of each family, and how many of the latter.
fn add_all(known: &Known, presumed: &[Mark], to: &Connection, copy: &Path) -> Result<([u64; 3], u64), Side> {
    let written = Side::Written;
    let ours = Known::open(to, copy).map_err(written)?;
    let reader = Arc::new(Mutex::new(Connection::open(copy).doing(DOING).map_err(written)?));
    // What is written is not asked for: whoever opens the store next reads it.
    let new =
        known.families.each_ref().map(|(family, _)| (*family, Arc::new(Sorted::new(Arc::clone(&reader)))));
    let mut keepers =
        Keepers::open(to, &new.each_ref().map(|(family, sorted)| (*family, sorted)), RECENT_RECORDS)
            .map_err(written)?;
    let mut added = [0; 3];
    for (((family, from), (_, into)), count) in known.families.iter().zip(&ours.families).zip(&mut added) {
        let mut failed: Option<StoreError> = None;
        let mut together: Vec<(Key, Value)> = Vec::new();
        let read = from.each(|key, value| {
            if failed.is_some() {
                return;
            }
            together.push((key, value));
            if together.len() >= RECENT_RECORDS {
                failed = add(&mut keepers, to, (*family, into), &mut together, count).err();
            }
        });
        if failed.is_none() {
            failed = add(&mut keepers, to, (*family, into), &mut together, count).err();
        }
        match (failed, read) {
            (Some(error), _) => return Err(written(error)),
            (None, Err(_)) => return Err(Side::Read),
            (None, Ok(())) => {}
        }
    }
    let [.., (family, into)] = &ours.families;
    let [.., (_, known)] = &known.families;
    let (mut more, mut count) = (Vec::new(), 0);
    for mark in presumed {
        let (key, value) = (Key::from_be_bytes(mark.key), mark.order.to_bytes());
        // Whoever was erased later than that is known by it.
        if !holds(known, *family, (key, value)).map_err(|_| Side::Read)? {
            more.push((key, value));
        }
    }
    add(&mut keepers, to, (*family, into), &mut more, &mut count).map_err(written)?;
    Ok((added, count))
}

/// Whether an index has a record already, or one that says more.
fn holds(sorted: &Sorted, family: Family, (key, value): (Key, Value)) -> Result<bool, StoreError> {
    let mut held: Option<Value> = None;
    let keep = |older| {
        held = Some(held.map_or(older, |newer| (family.keep)(older, newer)));
        ControlFlow::<()>::Continue(())
    };
    sorted.find(key, keep)?;
    Ok(held.is_some_and(|held| (family.keep)(held, value) == held))
}

fn add(
    keepers: &mut Keepers,
    to: &Connection,
    (family, into): (Family, &Sorted),
    together: &mut Vec<(Key, Value)>,
    count: &mut u64,
) -> Result<(), StoreError> {
    let mut new = Vec::with_capacity(together.len());
    for (key, value) in together.drain(..) {
        if !holds(into, family, (key, value))? {
            new.push((key, value));
        }
    }
    *count += new.len() as u64;
    keepers.insert(family, new.into_iter());
    let transaction = to.unchecked_transaction().doing(DOING)?;
    keepers.flush_added(&transaction)?;
    transaction.commit().doing(DOING)?;
    keepers.committed();
    Ok(())
}

struct HeldBefore {
    id: i64,
    at_ms: i64,
    by: String,
    reason: String,
    until_ms: Option<i64>,
    keys: Vec<Vec<u8>>,
}

fn holds_of(known: &Connection) -> rusqlite::Result<Vec<HeldBefore>> {
    let mut statement = known.prepare("SELECT id, at_ms, by, reason, until_ms FROM holds ORDER BY id")?;
    let hold = |row: &rusqlite::Row<'_>| {
        Ok(HeldBefore {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            by: row.get(2)?,
            reason: row.get(3)?,
            until_ms: row.get(4)?,
            keys: Vec::new(),
        })
    };
    let mut holds = statement.query_map([], hold)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut keys = known.prepare("SELECT key FROM held WHERE hold = ?1")?;
    for hold in &mut holds {
        hold.keys = keys.query_map([hold.id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    }
    Ok(holds)
}

/// Adds the holds that the copy does not have; gives how many.
fn add_holds(holds: &[HeldBefore], to: &Connection) -> rusqlite::Result<u64> {
    let mut added = 0;
    for HeldBefore { id, at_ms, by, reason, until_ms, keys } in holds {
        // A number can be given again after a hold was taken away; a moment cannot.
        let sql = "SELECT count(*) FROM holds WHERE id = ?1 AND at_ms = ?2";
        if to.query_row(sql, [id, at_ms], |row| row.get::<_, i64>(0))? > 0 {
            continue;
        }
        let sql = "INSERT INTO holds (at_ms, by, reason, until_ms) VALUES (?1, ?2, ?3, ?4)";
        to.execute(sql, params![at_ms, by, reason, until_ms])?;
        let id = to.last_insert_rowid();
        for key in keys {
            to.execute("INSERT OR IGNORE INTO held (key, hold) VALUES (?1, ?2)", params![key, id])?;
        }
        added += 1;
    }
    Ok(added)
}
