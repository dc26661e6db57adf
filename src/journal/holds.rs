//! The hold list: who must not be erased, and why, until when.
//!
//! A hold knows digests only, made under the key of the gate: of every kind of identifier that what was typed
//! could be. It holds in every workspace. All holds are in memory, since they are few and are asked before
//! every erasure; what is asked is what is on the disk, since memory follows it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, Transaction, params};

use super::commit::Committer;
use super::error::{Doing, StoreError};
use super::marks::{HOLDS, Secret, key_of};
use super::{Marks, Store};
use crate::job::Reason;
use crate::ledger::{Digests, Fact};
use crate::plan::PersonKey;

const DOING: &str = "write its hold list";

/// Why somebody must not be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub id: i64,
    /// When it was made, in Unix milliseconds.
    pub at_ms: i64,
    /// Who made it, as the system knows them.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// When it ends by itself, in Unix milliseconds.
    pub until_ms: Option<i64>,
}

impl Hold {
    /// Whether it holds at a moment.
    pub fn is_in_force(&self, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// A person as somebody typed them, who is put on hold or let go.
#[derive(Clone)]
pub struct Held {
    /// Everybody it could be.
    pub people: Vec<PersonKey>,
    /// The same as the ledger compares them, see `request::Named::identifiers`.
    pub identifiers: Vec<u128>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// The holds of a store. Clone it freely; asking takes no turn behind the writer.
#[derive(Clone)]
pub struct Holds {
    gate: Arc<Secret>,
    by_key: Arc<RwLock<HashMap<[u8; 16], Vec<Hold>>>>,
}

impl std::fmt::Debug for Holds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Holds").finish_non_exhaustive()
    }
}

impl Holds {
    /// Those that a store has.
    pub(super) fn open(connection: &Connection, marks: &Marks) -> Result<Holds, StoreError> {
        let holds = Holds { gate: marks.gate_key(), by_key: Arc::default() };
        holds.read_again(connection)?;
        Ok(holds)
    }

    /// Whether there are none.
    pub fn are_none(&self) -> bool {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What holds any of these people at a moment.
    pub fn of(&self, people: &[PersonKey], now_ms: i64) -> Option<Hold> {
        let by_key = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        if by_key.is_empty() {
            return None;
        }
        let of_person = |person: &PersonKey| by_key.get(&self.key(*person));
        let mut holds = people.iter().filter_map(of_person).flatten();
        holds.find(|hold| hold.is_in_force(now_ms)).cloned()
    }

    fn key(&self, person: PersonKey) -> [u8; 16] {
        key_of(&self.gate, &[0; 8], HOLDS, person.digest())
    }

    fn read_again(&self, connection: &Connection) -> Result<(), StoreError> {
        let doing = "read its hold list";
        let sql =
            "SELECT held.key, id, at_ms, by, reason, until_ms FROM held JOIN holds ON id = hold ORDER BY id";
        let mut statement = connection.prepare(sql).doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let mut by_key: HashMap<[u8; 16], Vec<Hold>> = HashMap::new();
        while let Some(row) = rows.next().doing(doing)? {
            let hold = || -> rusqlite::Result<_> {
                let hold = Hold {
                    id: row.get(1)?,
                    at_ms: row.get(2)?,
                    by: row.get(3)?,
                    reason: row.get(4)?,
                    until_ms: row.get(5)?,
                };
                Ok((row.get(0)?, hold))
            };
            let (key, hold): ([u8; 16], Hold) = hold().doing(doing)?;
            by_key.entry(key).or_default().push(hold);
        }
        *self.by_key.write().unwrap_or_else(PoisonError::into_inner) = by_key;
        Ok(())
    }
}

impl Store {
    /// Who must not be erased.
    pub fn hold_list(&self) -> &Holds {
        &self.holds
    }

    /// Every hold, oldest first, those that have ended by themselves too.
    pub fn all_holds(&self) -> Vec<Hold> {
        let by_key = self.holds.by_key.read().unwrap_or_else(PoisonError::into_inner);
        let mut holds: Vec<Hold> = by_key.values().flatten().cloned().collect();
        holds.sort_by_key(|hold| hold.id);
        holds.dedup_by_key(|hold| hold.id);
        holds
    }

    /// Puts somebody on hold; gives the number of the hold.
    pub fn add_hold(
        &self,
        held: Held,
        reason: Reason,
        until_ms: Option<i64>,
        by: String,
        at_ms: i64,
    ) -> Result<i64, StoreError> {
        let (holds, subject) = (self.holds.clone(), self.subject(&held)?);
        self.audited(at_ms, move |transaction| {
            let sql = "INSERT INTO holds (at_ms, by, reason, until_ms) VALUES (?1, ?2, ?3, ?4)";
            let values = params![at_ms, by, reason.as_str(), until_ms];
            transaction.execute(sql, values).doing(DOING)?;
            let id = transaction.last_insert_rowid();
            for person in &held.people {
                let sql = "INSERT OR IGNORE INTO held (key, hold) VALUES (?1, ?2)";
                transaction.execute(sql, params![holds.key(*person), id]).doing(DOING)?;
            }
            Ok((id, vec![change(id, "added", &by, Some(reason.as_str()), until_ms, subject)]))
        })
    }

    /// Takes every hold of somebody away; gives their numbers.
    pub fn remove_holds(&self, held: Held, by: String, at_ms: i64) -> Result<Vec<i64>, StoreError> {
        let (holds, subject) = (self.holds.clone(), self.subject(&held)?);
        self.audited(at_ms, move |transaction| {
            let mut removed: Vec<i64> = Vec::new();
            for person in &held.people {
                let mut statement =
                    transaction.prepare("SELECT hold FROM held WHERE key = ?1").doing(DOING)?;
                let found = statement.query_map([holds.key(*person)], |row| row.get(0)).doing(DOING)?;
                removed.extend(found.collect::<rusqlite::Result<Vec<i64>>>().doing(DOING)?);
            }
            removed.sort_unstable();
            removed.dedup();
            let mut facts = Vec::new();
            for id in &removed {
                transaction.execute("DELETE FROM held WHERE hold = ?1", [id]).doing(DOING)?;
                transaction.execute("DELETE FROM holds WHERE id = ?1", [id]).doing(DOING)?;
                facts.push(change(*id, "removed", &by, None, None, subject.clone()));
            }
            Ok((removed, facts))
        })
    }

    /// What the ledger calls somebody.
    pub(super) fn subject(&self, held: &Held) -> Result<Vec<String>, StoreError> {
        let digests = self.reader().pseudonyms()?;
        Ok(held.identifiers.iter().map(|identifier| digests.subject(*identifier)).collect())
    }

    /// Changes something that the ledger tells of, both or neither.
    pub(super) fn audited<T: Send + 'static>(
        &self,
        at_ms: i64,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Vec<Fact>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (holds, marks) = (self.holds.clone(), self.marks().clone());
        self.with_committer(move |committer| {
            let done = committer.audited(at_ms, change)?;
            holds.read_again(&committer.connection)?;
            marks.read_releases(&committer.connection)?;
            Ok(done)
        })
    }
}

impl Committer {
    fn audited<T>(
        &mut self,
        at_ms: i64,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Vec<Fact>), StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.try_audited(at_ms, change);
        if done.is_err()
            && let Err(error) = self.ledger.read_again(&self.connection)
        {
            // An entry that goes on from what is not on the disk would break the chain.
            self.fail(error);
        }
        done
    }

    fn try_audited<T>(
        &mut self,
        at_ms: i64,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Vec<Fact>), StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.connection.transaction().doing(DOING)?;
        let (done, facts) = change(&transaction)?;
        for fact in &facts {
            self.ledger.append(&transaction, at_ms, fact)?;
        }
        self.ledger.sign_if_due(&transaction, at_ms)?;
        transaction.commit().doing(DOING)?;
        Ok(done)
    }
}

fn change(
    hold: i64,
    change: &str,
    by: &str,
    reason: Option<&str>,
    until_ms: Option<i64>,
    subject: Vec<String>,
) -> Fact {
    Fact::Hold {
        hold,
        change: change.to_owned(),
        by: by.to_owned(),
        reason: reason.map(str::to_owned),
        until: until_ms.map(crate::ledger::moment),
        subject,
    }
}
