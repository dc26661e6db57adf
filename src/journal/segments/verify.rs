//! Looking at every segment and block of a database, as is done with a backup before it is trusted.

use rusqlite::Connection;

use super::block;
use super::segment::{COLUMNS, Segment};
use crate::journal::error::{Doing, StoreError};

/// Fails when a segment or a block is missing or not as it was written.
pub(in crate::journal) fn verify(connection: &Connection) -> Result<(), StoreError> {
    let doing = "read its index";
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM segments")).doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let segment = Segment::read(row).doing(doing)?;
        let segment = segment.ok_or(StoreError::Damaged { what: "a segment of its index is not whole" })?;
        let mut records = 0;
        for number in 0..segment.blocks() {
            let found = block::read(connection, block::row_of(segment.id, number), |block| block.count())?;
            records += found.ok_or(StoreError::Damaged { what: "a block of its index is missing" })?;
        }
        if records != segment.records as usize {
            return Err(StoreError::Damaged { what: "a segment of its index is not whole" });
        }
    }
    Ok(())
}
