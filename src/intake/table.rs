//! A text into rows of cells, under a header that names the columns.
//!
//! Positions and lines are exact with line ends inside cells and blank lines between rows. A row
//! that does not fit is a record with a problem; a header that does not is an [`InputError`].

use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use super::chunk::{Chunk, Place};
use super::decoded::{BUFFER_BYTES, Text};
use super::quotes::{End, Scan};
use super::{Columns, InputError, MOST_LINE_BYTES};
use crate::request::Problem;

/// Cuts a text into rows.
pub(super) struct Table {
    text: BufReader<Text>,
    separator: u8,
    columns: Option<Arc<Columns>>,
    /// Of the next row, from 1.
    line: u64,
    /// Of the next row, in bytes.
    offset: u64,
}

/// A row that was read; its cells are at the end of the chunk.
struct Row {
    line: u64,
    offset: u64,
    cells: usize,
    is_quoted: bool,
    problem: Option<Problem>,
}

impl Table {
    /// Reads the header. `skip` bytes of the text say nothing but its separator.
    pub(super) fn new(name: &str, text: Text, separator: u8, skip: usize) -> Result<Table, InputError> {
        let broken = |source: io::Error| InputError::Broken { name: name.to_owned(), source };
        let text = BufReader::with_capacity(BUFFER_BYTES, text);
        let mut table = Table { text, separator, columns: None, line: 1, offset: 0 };
        if skip > 0 {
            io::copy(&mut io::Read::take(&mut table.text, skip as u64), &mut io::sink()).map_err(broken)?;
            (table.line, table.offset) = (2, skip as u64);
        }
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        if let Some(row) = table.next_row(&mut bytes, &mut ends).map_err(broken)? {
            if row.problem.is_some() {
                return Err(InputError::Header { name: name.to_owned() });
            }
            table.columns = Some(Arc::new(Columns::new(name, &bytes, &ends)?));
        }
        Ok(table)
    }

    /// `None` when the text has no header, and so no rows.
    pub(super) fn columns(&self) -> Option<&Arc<Columns>> {
        self.columns.as_ref()
    }

    /// Adds the next record to the chunk; `false` at the end of the text.
    pub(super) fn next_into(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        let (start, first_cell) = (chunk.bytes.len(), chunk.ends.len());
        let Some(row) = self.next_row(&mut chunk.bytes, &mut chunk.ends)? else { return Ok(false) };
        let expected = self.columns.as_ref().map_or(0, |columns| columns.names().len());
        let misfit = (row.cells != expected).then_some(Problem::Cells { found: row.cells, expected });
        let problem = row.problem.or(misfit);
        if problem.is_some() {
            chunk.bytes.truncate(start);
            chunk.ends.truncate(first_cell);
        }
        chunk.places.push(Place {
            line: row.line,
            offset: row.offset,
            start: start as u32,
            end: chunk.bytes.len() as u32,
            first_cell: first_cell as u32,
            problem: problem.map(Box::new),
        });
        Ok(true)
    }

    /// Appends the cells of the next row that is not blank; `None` at the end of the text.
    fn next_row(&mut self, bytes: &mut Vec<u8>, ends: &mut Vec<u32>) -> io::Result<Option<Row>> {
        loop {
            let (start, first_cell) = (bytes.len(), ends.len());
            let Some(row) = self.any_row(bytes, ends)? else { return Ok(None) };
            let text = bytes.get(start..).unwrap_or_default();
            let is_blank = row.problem.is_none()
                && row.cells == 1
                && !row.is_quoted
                && text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
            if !is_blank {
                return Ok(Some(row));
            }
            bytes.truncate(start);
            ends.truncate(first_cell);
        }
    }

    fn any_row(&mut self, bytes: &mut Vec<u8>, ends: &mut Vec<u32>) -> io::Result<Option<Row>> {
        let mut scan = Scan::new(self.separator, bytes.len());
        let has_line_end = loop {
            let buffer = self.text.fill_buf()?;
            if buffer.is_empty() {
                break false;
            }
            let (count, is_end) = scan.feed(buffer, bytes, ends);
            self.text.consume(count);
            if is_end {
                break true;
            }
        };
        if scan.taken == 0 {
            return Ok(None);
        }
        let end = scan.finish(bytes, ends, has_line_end);
        let (line, offset) = (self.line, self.offset);
        self.line += scan.line_ends;
        self.offset += scan.taken as u64;
        let last_line = line + scan.line_ends - u64::from(has_line_end);
        let problem = match end {
            End::Whole => None,
            End::TooLong => Some(Problem::TooLong { limit_bytes: MOST_LINE_BYTES }),
            End::Broken => Some(Problem::Quotes { first_line: line, last_line }),
        };
        Ok(Some(Row { line, offset, cells: scan.cells, is_quoted: scan.is_quoted, problem }))
    }
}
