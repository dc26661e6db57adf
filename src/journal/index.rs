//! The indexes of a store: what an event adds to them, and what the last process did not write.
//!
//! Everything in them comes from events. At a start the events that a family's segments do not cover
//! are folded once more; how records are kept is the work of `segments`, what they mean that of
//! [`Ids`] and [`Marks`].

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use crate::job::{Event, JobId, Mark, MarkKind};

use super::error::{Doing, StoreError};
use super::events::{self, Row};
use super::ids::{self, Ids};
use super::marks::{self, Marks};
use super::segments::{Family, Keepers, RECENT_RECORDS, Sorted};
use super::{codec, schema};

/// The indexes as the store has them when it is open.
pub(super) struct Index {
    pub keepers: Keepers,
    pub ids: Ids,
    pub marks: Marks,
    /// Number of the newest event.
    pub last_event: i64,
}

const MARKS: [(MarkKind, Family); 2] =
    [(MarkKind::Target, marks::TARGETS), (MarkKind::Erased, marks::ERASED)];

/// Opens the indexes of a database; `recent_records` of each in memory become a segment.
pub(super) fn open(
    connection: &Connection,
    database: &Path,
    recent_records: usize,
) -> Result<Index, StoreError> {
    let reader = || Ok::<_, StoreError>(Arc::new(Mutex::new(schema::open_reader(database)?)));
    let (secret, gate) = (marks::secret(connection)?, marks::gate_key(connection)?);
    let known = Arc::new(Sorted::new(reader()?));
    let reader = reader()?;
    let targets = Arc::new(Sorted::new(Arc::clone(&reader)));
    let erased = Arc::new(Sorted::new(reader));
    let families = [(ids::FAMILY, &known), (marks::TARGETS, &targets), (marks::ERASED, &erased)];
    refuse_foreign_rows(connection, &families.map(|(family, _)| family))?;
    let keepers = Keepers::open(connection, &families, recent_records)?;
    let last_event = fold(connection, &keepers)?;
    Ok(Index { keepers, ids: Ids::new(known), marks: Marks::new(targets, erased, secret, gate), last_event })
}

/// Makes segments of all that events say, so that it stays when they are replaced by others that say less. For
/// whoever is alone with the database.
pub(super) fn keep_all(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    let doing = "write its index";
    let Index { mut keepers, last_event, .. } = open(connection, database, RECENT_RECORDS)?;
    let transaction = connection.unchecked_transaction().doing(doing)?;
    keepers.flush_all(&transaction, last_event)?;
    transaction.commit().doing(doing)?;
    keepers.committed();
    Ok(())
}

/// A segment that is of no family would be left out without a word: a row that was overwritten with zeros
/// has none.
fn refuse_foreign_rows(connection: &Connection, families: &[Family]) -> Result<(), StoreError> {
    let known: Vec<String> = families.iter().map(|family| family.number.to_string()).collect();
    let sql = format!("SELECT count(*) FROM segments WHERE family IN ({})", known.join(","));
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).doing("read its index");
    let (of_families, all) = (count(&sql)?, count("SELECT count(*) FROM segments")?);
    if of_families == all { Ok(()) } else { Err(StoreError::Damaged { what: "a segment is of no index" }) }
}

/// Adds what durable events say.
pub(super) fn add<'e>(keepers: &Keepers, events: impl Iterator<Item = (JobId, &'e Event)> + Clone) {
    keepers.insert(ids::FAMILY, events.clone().flat_map(|(job, event)| ids::records_of(job, event)));
    for (kind, family) in MARKS {
        let marks = events.clone().flat_map(|(_, event)| marks::marks_of(event));
        keepers.insert(family, marks.filter(|mark| mark.kind == kind).map(marks::record_of));
    }
}

/// Adds what no segment covers; gives the number of the newest event.
fn fold(connection: &Connection, keepers: &Keepers) -> Result<i64, StoreError> {
    let doing = "read its events";
    let covered = keepers.covered_by_all();
    let columns = events::COLUMNS;
    let sql = format!("SELECT {columns} FROM events WHERE id > ?1 AND kind IN (?2, ?3, ?4) ORDER BY id");
    let mut statement = connection.prepare(&sql).doing(doing)?;
    let kinds = (codec::kind::ANSWERED, codec::kind::ENDED, codec::kind::PRESUMED);
    let mut rows = statement.query((covered, kinds.0, kinds.1, kinds.2)).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let Row { id: number, job, body, .. } = events::of(row)?;
        let event =
            codec::decode(&body).map_err(|source| StoreError::Event { job, event: number, source })?;
        if number > keepers.watermark(ids::FAMILY) {
            keepers.insert(ids::FAMILY, ids::records_of(job, &event));
        }
        for (kind, family) in MARKS {
            if number > keepers.watermark(family) {
                let is_of_kind = |mark: &&Mark| mark.kind == kind;
                let marks = marks::marks_of(&event).iter().filter(is_of_kind);
                keepers.insert(family, marks.map(marks::record_of));
            }
        }
    }
    let sql = "SELECT ifnull(max(id), 0) FROM events";
    let newest: i64 = connection.query_row(sql, [], |row| row.get(0)).doing(doing)?;
    Ok(newest.max(covered))
}
