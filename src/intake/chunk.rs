//! A stretch of an input: many raw records in one buffer.
//!
//! A chunk owns its bytes, so it can be handed to any thread; no line has an allocation of its own.
//! Its bytes are personal data: `Debug` shows how many there are, never what they say.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Columns;
use crate::job::Position;
use crate::request::{self, BadRecord, Problem, Request, Spare, Warnings};

/// Consecutive records of one input.
pub struct Chunk {
    pub(super) first: Position,
    pub(super) bytes: Vec<u8>,
    /// Ends of the cells of all rows, in `bytes`; empty for lines.
    pub(super) ends: Vec<u32>,
    pub(super) places: Vec<Place>,
    /// Of a table.
    pub(super) columns: Option<Arc<Columns>>,
    pub(super) input_bytes: u64,
    /// Its records are requests already, whatever `on.file.map` says of files.
    pub(super) is_requests: bool,
}

/// Where one record stands.
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) offset: u64,
    /// In `bytes`.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The first of its `ends`.
    pub(super) first_cell: u32,
    /// It was seen to be no record already; then `bytes` holds nothing of it.
    pub(super) problem: Option<Box<Problem>>,
}

impl Chunk {
    pub(super) fn new(first: Position, columns: Option<Arc<Columns>>) -> Chunk {
        Chunk {
            first,
            bytes: Vec::new(),
            ends: Vec::new(),
            places: Vec::new(),
            columns,
            input_bytes: 0,
            is_requests: false,
        }
    }

    /// How many records there are, those that are no records included.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// A chunk that was handed out never is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The position of the first record; the others follow without a gap.
    pub fn first_position(&self) -> Position {
        self.first
    }

    /// How many bytes of the input, as given, were read when the chunk was complete.
    pub fn input_bytes(&self) -> u64 {
        self.input_bytes
    }

    /// The record at a place in the chunk, from 0.
    pub fn record(&self, index: usize) -> Option<RawRecord<'_>> {
        let place = self.places.get(index)?;
        Some(RawRecord { chunk: self, place, position: self.first + index as u64 })
    }

    /// Every record, in the order of the input.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> {
        let first = self.first;
        self.places.iter().enumerate().map(move |(index, place)| RawRecord {
            chunk: self,
            place,
            position: first + index as u64,
        })
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("first", &self.first)
            .field("records", &self.len())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// One line or row, not yet looked into.
#[derive(Clone, Copy)]
pub struct RawRecord<'c> {
    chunk: &'c Chunk,
    place: &'c Place,
    position: Position,
}

impl<'c> RawRecord<'c> {
    /// From 0; blank lines are not counted.
    pub fn position(self) -> Position {
        self.position
    }

    /// Where it begins, from 1; blank lines and the header are counted.
    pub fn line(self) -> u64 {
        self.place.line
    }

    /// Where it begins in the decompressed, decoded text, in bytes.
    pub fn offset(self) -> u64 {
        self.place.offset
    }

    /// Whether it is a request already, to which no `on.file.map` applies.
    pub fn is_request(self) -> bool {
        self.chunk.is_requests
    }

    /// Whether its line is exactly this.
    pub fn is(self, line: &str) -> bool {
        let Place { start, end, .. } = *self.place;
        self.chunk.bytes.get(start as usize..end as usize) == Some(line.as_bytes())
    }

    /// The record, for a workflow without `on.file.map`. The columns of a table are named like the
    /// members they fill: `kind`, `subject.email`, `consents.0.status`, `fields.State`.
    pub fn request(self, warnings: &mut Warnings) -> Result<Request, BadRecord> {
        self.request_in(warnings, &mut Spare::default())
    }

    /// The same, in maps of earlier records.
    pub fn request_in(self, warnings: &mut Warnings, spare: &mut Spare) -> Result<Request, BadRecord> {
        self.check()?;
        match &self.chunk.columns {
            None => Request::parse_in(self.bytes(), warnings, spare),
            Some(columns) => Request::from_value(columns.record(self.cells())?, warnings),
        }
    }

    /// What `on.file.map` reads as `row`: the object of the line, or the cells by their column.
    pub fn row(self) -> Result<Map<String, Value>, BadRecord> {
        self.check()?;
        match &self.chunk.columns {
            None => request::parse_row(self.bytes()),
            Some(columns) => columns.row(self.cells()),
        }
    }

    fn check(self) -> Result<(), BadRecord> {
        match &self.place.problem {
            Some(problem) => Err(BadRecord::from(Problem::clone(problem))),
            None => Ok(()),
        }
    }

    fn bytes(self) -> &'c [u8] {
        self.chunk.bytes.get(self.place.start as usize..self.place.end as usize).unwrap_or_default()
    }

    fn cells(self) -> impl Iterator<Item = &'c [u8]> {
        let ends = self.chunk.ends.get(self.place.first_cell as usize..).unwrap_or_default();
        let mut start = self.place.start as usize;
        ends.iter().map(move |&end| {
            let cell = self.chunk.bytes.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            cell
        })
    }
}

impl fmt::Debug for RawRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRecord")
            .field("position", &self.position)
            .field("line", &self.place.line)
            .finish_non_exhaustive()
    }
}
