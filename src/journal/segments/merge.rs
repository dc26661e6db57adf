//! Merging segments into one of the next tier, a slice at a time.
//!
//! Inputs are read and the output is written inside the writer's transactions, between its commits,
//! so that no commit waits for a whole merge. After a crash the output is a leftover and the merge
//! begins again.

use std::sync::Arc;

use rusqlite::Connection;

use super::segment::{Builder, Segment};
use super::{Family, Key, Value, block};
use crate::journal::error::{Doing, StoreError};

/// A merge that is on its way.
#[derive(Debug)]
pub(super) struct Merge {
    /// Oldest first, so that equal keys meet in the order they were written.
    inputs: Vec<Cursor>,
    output: Builder,
}

impl Merge {
    /// Begins to merge segments, oldest first, into one.
    pub(super) fn new(inputs: &[Arc<Segment>], id: i64, tier: u8) -> Merge {
        let room = inputs.iter().map(|segment| segment.records as usize).sum();
        let inputs = inputs.iter().map(|segment| Cursor::new(Arc::clone(segment))).collect();
        Merge { inputs, output: Builder::new(id, tier, room) }
    }

    /// Merges up to so many records more; `true` when none are left.
    pub(super) fn go_on(
        &mut self,
        connection: &Connection,
        family: Family,
        records: usize,
    ) -> Result<bool, StoreError> {
        for _ in 0..records {
            let mut least: Option<Key> = None;
            for input in &mut self.inputs {
                if let Some((key, _)) = input.peek(connection)? {
                    least = Some(least.map_or(key, |least| least.min(key)));
                }
            }
            let Some(least) = least else { return Ok(true) };
            let mut merged: Option<Value> = None;
            for input in &mut self.inputs {
                if let Some((key, value)) = input.peek(connection)?
                    && key == least
                {
                    merged = Some(merged.map_or(value, |older| (family.keep)(older, value)));
                    input.index += 1;
                }
            }
            if let Some(value) = merged {
                self.output.push(connection, least, value).doing("merge its index")?;
            }
        }
        Ok(false)
    }

    /// Makes the output a segment and its inputs none.
    pub(super) fn finish(
        self,
        connection: &Connection,
        family: Family,
    ) -> Result<(Segment, Vec<Arc<Segment>>), StoreError> {
        let doing = "merge its index";
        let inputs: Vec<_> = self.inputs.into_iter().map(|input| input.segment).collect();
        let output = self.output.finish(connection, family.number).doing(doing)?;
        for input in &inputs {
            let mut statement =
                connection.prepare_cached("DELETE FROM segments WHERE id = ?1").doing(doing)?;
            statement.execute([input.id]).doing(doing)?;
        }
        Ok((output, inputs))
    }
}

/// A place in an input.
#[derive(Debug)]
struct Cursor {
    segment: Arc<Segment>,
    next_block: u32,
    block: Vec<(Key, Value)>,
    index: usize,
}

impl Cursor {
    fn new(segment: Arc<Segment>) -> Cursor {
        Cursor { segment, next_block: 0, block: Vec::new(), index: 0 }
    }

    fn peek(&mut self, connection: &Connection) -> Result<Option<(Key, Value)>, StoreError> {
        loop {
            if let Some(record) = self.block.get(self.index) {
                return Ok(Some(*record));
            }
            if self.next_block == self.segment.blocks() {
                return Ok(None);
            }
            let row = block::row_of(self.segment.id, self.next_block);
            let read = block::read(connection, row, |block| {
                self.block.clear();
                self.block.extend(block.records());
            });
            if read?.is_none() {
                return Err(StoreError::Damaged { what: "a block of its index is missing" });
            }
            self.next_block += 1;
            self.index = 0;
        }
    }
}
