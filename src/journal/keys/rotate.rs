//! Wrapping every key anew with another master key.
//!
//! It is one transaction: a crash leaves all keys wrapped with the one or all with the other, and the next
//! start finds out with which. What is sealed stays as it is.

use super::super::error::{Doing, StoreError};
use super::master::Master;
use super::ring::{Open, Ring};
use super::table::{WRITING, set};
use super::wanted;

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// How many keys were wrapped anew.
    pub keys: u64,
    /// Where the master key is now, as the settings say it; `None`: in the folder of the keys.
    pub to: Option<String>,
}

impl Ring {
    /// Wraps the keys with the master key of the settings; with a new one when the store has its own.
    pub(in crate::journal) fn rotate(&self) -> Result<Rotated, StoreError> {
        let mut file = self.file();
        let open = self.opened(&mut file)?;
        let wanted = self.masters().wanted.as_ref();
        let master = match wanted {
            Some(source) => {
                let master = source.read()?;
                if master.print() == open.master.print() {
                    return Err(StoreError::NothingToRotate { from: source.name().to_owned() });
                }
                master
            }
            None => wanted::make_next(self.folder())?,
        };
        let keys = wrap_anew(open, &master)?;
        open.master = master;
        open.table.empty_log()?;
        match wanted {
            Some(_) => wanted::destroy_file(self.folder())?,
            None => wanted::put_next_in_place(self.folder())?,
        }
        Ok(Rotated { keys, to: wanted.map(|source| source.name().to_owned()) })
    }
}

fn wrap_anew(open: &mut Open, next: &Master) -> Result<u64, StoreError> {
    let Open { table, master } = open;
    let transaction = table.connection().transaction().doing(WRITING)?;
    let mut keys = 0;
    {
        let mut select = transaction
            .prepare("SELECT id, wrapped FROM keys WHERE id > ?1 ORDER BY id LIMIT 1000")
            .doing(WRITING)?;
        let mut update = transaction.prepare("UPDATE keys SET wrapped = ?2 WHERE id = ?1").doing(WRITING)?;
        let mut after = 0;
        loop {
            let rows = select.query_map([after], |row| Ok((row.get(0)?, row.get(1)?))).doing(WRITING)?;
            let rows: Vec<(i64, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>().doing(WRITING)?;
            let Some((last, _)) = rows.last() else { break };
            after = *last;
            for (number, wrapped) in rows {
                let key = master.unwrap(number, &wrapped);
                let key = key.ok_or(StoreError::Damaged { what: "a key does not open" })?;
                update.execute(rusqlite::params![number, next.wrap(number, &key)?]).doing(WRITING)?;
                keys += 1;
            }
        }
    }
    set(&transaction, "master", &next.print()).doing(WRITING)?;
    transaction.commit().doing(WRITING)?;
    Ok(keys)
}
