//! The files of a bulk export, row by row, into records.

use std::path::Path;

use crate::intake::{Input, InputError, Reading};
use crate::onetrust::{BulkColumns, BulkColumnsError, BulkPerson, Judged};
use crate::request::BadRecord;
use crate::workflow::{ConsentRules, Format};

/// Rows that are read together.
const TOGETHER: usize = 4096;

/// Why a file of an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError<E> {
    /// The file.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Its columns.
    #[error(transparent)]
    Columns(#[from] BulkColumnsError),
    /// A row of it.
    #[error("line {line} is no row of the table")]
    Row {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: BadRecord,
    },
    /// Whoever took the records.
    #[error(transparent)]
    Taken(E),
}

/// Calls `see` with what every person of a file comes to; gives the number of rows. `named` says which
/// columns say what, where their names do not.
pub fn each_person<E>(
    path: &Path,
    named: &[(String, String)],
    rules: &ConsentRules,
    mut see: impl FnMut(Judged) -> Result<(), E>,
) -> Result<u64, RowsError<E>> {
    let input = Input::open(path, &Reading { format: Some(Format::Csv), encoding: None })?;
    let mut records = input.records()?;
    // An export of nobody may be an empty file.
    let Some(names) = records.columns().map(|columns| columns.names().to_vec()) else { return Ok(0) };
    let columns = BulkColumns::find(named, names.iter().map(String::as_str))?;
    let (mut rows, mut person) = (0, BulkPerson::default());
    while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20)? {
        for record in chunk.records() {
            rows += 1;
            let row = record.row().map_err(|source| RowsError::Row { line: record.line(), source })?;
            if let Some(judged) = person.add(&columns, rules, row) {
                see(judged).map_err(RowsError::Taken)?;
            }
        }
    }
    person.finish(&columns, rules).map_or(Ok(()), see).map_err(RowsError::Taken)?;
    Ok(rows)
}
