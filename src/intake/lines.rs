//! A text into lines, for one object a line.
//!
//! A line ends with LF or CRLF; the last one may end with the file. A line that is too long is
//! stepped over without being held, and reading goes on after it.

use std::io::{self, BufRead, BufReader};

use super::chunk::{Chunk, Place};
use super::decoded::{BUFFER_BYTES, Text};
use crate::request::Problem;

/// The most bytes of one line or row: far above any record, and small enough to be held by each
/// reader. The contract promises a clear failure for a line of 10 MB.
pub const MOST_LINE_BYTES: usize = 8_000_000;

/// Cuts a text at its line ends.
pub(super) struct Lines {
    text: BufReader<Text>,
    /// Of the next line, from 1.
    line: u64,
    /// Of the next line, in bytes.
    offset: u64,
}

impl Lines {
    pub(super) fn new(text: Text) -> Lines {
        Lines { text: BufReader::with_capacity(BUFFER_BYTES, text), line: 1, offset: 0 }
    }

    /// Adds the next record to the chunk; `false` at the end of the text.
    pub(super) fn next_into(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        loop {
            let (line, offset, start) = (self.line, self.offset, chunk.bytes.len());
            let Some(is_whole) = self.append_line(&mut chunk.bytes)? else { return Ok(false) };
            let content = chunk.bytes.get(start..).unwrap_or_default();
            let length = content.len() - usize::from(content.last() == Some(&b'\r'));
            if is_whole && content.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                chunk.bytes.truncate(start);
                continue;
            }
            chunk.bytes.truncate(start + length);
            let problem = (!is_whole).then_some(Problem::TooLong { limit_bytes: MOST_LINE_BYTES });
            let (start, end) = (start as u32, (start + length) as u32);
            chunk.places.push(Place {
                line,
                offset,
                start,
                end,
                first_cell: 0,
                problem: problem.map(Box::new),
            });
            return Ok(true);
        }
    }

    /// Appends the next line without its end; `Some(false)` if it was too long and left out, `None`
    /// at the end of the text.
    fn append_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<Option<bool>> {
        let (start, mut is_whole, mut taken) = (bytes.len(), true, 0_u64);
        loop {
            let buffer = self.text.fill_buf()?;
            if buffer.is_empty() {
                self.offset += taken;
                return Ok((taken > 0).then_some(is_whole));
            }
            let end = memchr::memchr(b'\n', buffer);
            let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            if is_whole && bytes.len() - start + piece.len() > MOST_LINE_BYTES {
                is_whole = false;
                bytes.truncate(start);
            }
            if is_whole {
                bytes.extend_from_slice(piece);
            }
            let count = piece.len() + usize::from(end.is_some());
            self.text.consume(count);
            taken += count as u64;
            if end.is_some() {
                self.offset += taken;
                self.line += 1;
                return Ok(Some(is_whole));
            }
        }
    }
}
