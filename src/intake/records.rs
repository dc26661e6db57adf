//! The records of an input, from the first to the last, in chunks.
//!
//! Meant for a thread of its own: it blocks on the disk, owns everything it needs, and holds no more
//! than one chunk. The same input gives the same records however large the chunks are.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chunk::Chunk;
use super::decoded::Text;
use super::input::Watch;
use super::lines::Lines;
use super::table::Table;
use super::{Chosen, Columns, Input, InputError, format};
use crate::job::Position;
use crate::workflow::Format;

/// Keeps places in a chunk within 32 bits, with room for one line more.
const MOST_CHUNK_BYTES: usize = 1 << 30;

/// Reads an input from its start.
pub struct Records {
    name: String,
    reader: Reader,
    next: Position,
    /// The next record of the whole input.
    next_of_all: Position,
    chosen: Option<Arc<Chosen>>,
    input_bytes: Arc<AtomicU64>,
    watch: Watch,
    is_requests: bool,
    state: State,
}

enum Reader {
    Lines(Lines),
    Table(Table),
}

enum State {
    Reading,
    /// The last records were handed out; what ended them is told next.
    Ended(io::Result<()>),
    Over,
}

impl Records {
    pub(super) fn new(
        input: &Input,
        start: &[u8],
        text: Text,
        input_bytes: Arc<AtomicU64>,
    ) -> Result<Records, InputError> {
        let name = input.name();
        let reader = match input.format() {
            Format::Ndjson => Reader::Lines(Lines::new(text)),
            Format::Csv => {
                let (separator, skip) = format::separator(input.path(), start);
                Reader::Table(Table::new(&name, text, separator, skip)?)
            }
        };
        let (watch, is_requests) = (input.watch(), input.is_requests());
        let chosen = input.chosen().cloned();
        Ok(Records {
            name,
            reader,
            next: 0,
            next_of_all: 0,
            chosen,
            input_bytes,
            watch,
            is_requests,
            state: State::Reading,
        })
    }

    /// The columns of a table; `None` for lines of JSON and for an empty file. Check them before the
    /// first chunk, with [`Columns::require`] or [`Columns::require_record`].
    pub fn columns(&self) -> Option<&Columns> {
        match &self.reader {
            Reader::Lines(_) => None,
            Reader::Table(table) => table.columns().map(Arc::as_ref),
        }
    }

    /// The next records: at least one, at most `max_records`, and no more once they fill
    /// `max_bytes`. `None` after the last one.
    pub fn next_chunk(&mut self, max_records: usize, max_bytes: usize) -> Result<Option<Chunk>, InputError> {
        let mut chunk = Chunk::new(self.next, self.own_columns());
        chunk.is_requests = self.is_requests;
        if matches!(self.state, State::Reading) {
            self.fill(&mut chunk, max_records, max_bytes.min(MOST_CHUNK_BYTES));
        }
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
        let name = self.name.clone();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Ended(Err(source)) => Err(InputError::Broken { name, source }),
            State::Ended(Ok(())) if self.watch.saw_a_change() => Err(InputError::Changed { name }),
            State::Ended(Ok(())) | State::Reading | State::Over => Ok(None),
        }
    }

    fn fill(&mut self, chunk: &mut Chunk, max_records: usize, max_bytes: usize) {
        loop {
            let before = (chunk.bytes.len(), chunk.ends.len());
            match self.next_into(chunk) {
                Ok(true) if self.is_left_out() => {
                    chunk.places.pop();
                    chunk.bytes.truncate(before.0);
                    chunk.ends.truncate(before.1);
                    continue;
                }
                Err(error) => self.state = State::Ended(Err(error)),
                Ok(false) => self.state = State::Ended(Ok(())),
                Ok(true) if chunk.len() >= max_records || chunk.bytes.len() >= max_bytes => {}
                Ok(true) => continue,
            }
            break;
        }
        self.next += chunk.len() as u64;
        chunk.input_bytes = self.input_bytes.load(Ordering::Relaxed);
    }

    /// Whether the record that was just read is none of those that are wanted.
    fn is_left_out(&mut self) -> bool {
        let position = self.next_of_all;
        self.next_of_all += 1;
        self.chosen.as_ref().is_some_and(|chosen| !chosen.has(position))
    }

    fn own_columns(&self) -> Option<Arc<Columns>> {
        match &self.reader {
            Reader::Lines(_) => None,
            Reader::Table(table) => table.columns().cloned(),
        }
    }

    fn next_into(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        match &mut self.reader {
            Reader::Lines(lines) => lines.next_into(chunk),
            Reader::Table(table) => table.next_into(chunk),
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("input", &self.name).field("next", &self.next).finish_non_exhaustive()
    }
}
