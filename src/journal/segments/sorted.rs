//! A family's records as everyone may ask for them: the table in memory and the segments.
//!
//! Questions take a short read lock; only a key that a filter lets through reads the database, with
//! no lock held. A merge may remove a segment between the two: the question is then asked again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::Connection;

use super::filter::Probe;
use super::segment::Segment;
use super::{Key, Value, block};
use crate::journal::error::StoreError;

/// The records of one family.
#[derive(Debug)]
pub(in crate::journal) struct Sorted {
    contents: RwLock<Contents>,
    reader: Arc<Mutex<Connection>>,
}

#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Records whose events are durable but in no segment yet.
    pub recent: HashMap<Key, Value, BuildHasherDefault<KeyHasher>>,
    /// Newest first.
    pub segments: Vec<Arc<Segment>>,
    /// How often the table became a segment.
    pub flushes: u64,
    /// How often records were added.
    pub additions: u64,
}

/// What the segments held of some keys at one moment. It holds for as long as no table becomes a segment:
/// merging changes nothing of it.
#[derive(Debug, Clone)]
pub(in crate::journal) struct Looked {
    flushes: u64,
    /// Of each key the newest first; mostly none.
    found: Vec<(Key, Value)>,
}

impl Sorted {
    /// Starts empty; [`super::Keepers`] fills it. Families that are rarely asked at the same time can
    /// share a connection.
    pub(in crate::journal) fn new(reader: Arc<Mutex<Connection>>) -> Sorted {
        Sorted { contents: RwLock::default(), reader }
    }

    /// Shows every record of a key, newest first, until `decide` breaks. Records can be shown twice.
    pub(in crate::journal) fn find<T>(
        &self,
        key: Key,
        mut decide: impl FnMut(Value) -> ControlFlow<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut missing = None;
        'ask: loop {
            let mut candidates = Vec::new();
            {
                let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(value) = contents.recent.get(&key)
                    && let ControlFlow::Break(found) = decide(*value)
                {
                    return Ok(Some(found));
                }
                if contents.segments.is_empty() {
                    return Ok(None);
                }
                let probe = Probe::of(key);
                for segment in &contents.segments {
                    if let Some(row) = segment.row_of(key, probe) {
                        candidates.push(row);
                    }
                }
            }
            for row in candidates {
                let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                let found = block::read(&reader, row, |block| block.find(key));
                drop(reader);
                match found? {
                    Some(None) => {}
                    Some(Some(value)) => {
                        if let ControlFlow::Break(found) = decide(value) {
                            return Ok(Some(found));
                        }
                    }
                    None if missing == Some(row) => {
                        return Err(StoreError::Damaged { what: "a block of its index is missing" });
                    }
                    None => {
                        missing = Some(row);
                        continue 'ask;
                    }
                }
            }
            return Ok(None);
        }
    }

    /// Looks for keys in all segments at once. A filter is in no cache when only one key is asked of it.
    pub(in crate::journal) fn look(&self, keys: &[Key]) -> Result<Looked, StoreError> {
        let probes: Vec<(Key, Probe)> = keys.iter().map(|key| (*key, Probe::of(*key))).collect();
        let mut missing = None;
        'ask: loop {
            let (mut candidates, mut found) = (Vec::new(), Vec::new());
            let flushes = self.with(|contents| {
                for segment in &contents.segments {
                    let row = |(key, probe): &(Key, Probe)| Some((*key, segment.row_of(*key, *probe)?));
                    candidates.extend(probes.iter().filter_map(row));
                }
                contents.flushes
            });
            for (key, row) in candidates {
                let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                let read = block::read(&reader, row, |block| block.find(key));
                drop(reader);
                match read? {
                    Some(value) => found.extend(value.map(|value| (key, value))),
                    None if missing == Some(row) => {
                        return Err(StoreError::Damaged { what: "a block of its index is missing" });
                    }
                    None => {
                        missing = Some(row);
                        continue 'ask;
                    }
                }
            }
            return Ok(Looked { flushes, found });
        }
    }

    /// As [`Sorted::find`], for a key among those that were looked for.
    pub(in crate::journal) fn find_looked<T>(
        &self,
        key: Key,
        looked: &Looked,
        mut decide: impl FnMut(Value) -> ControlFlow<T>,
    ) -> Result<Option<T>, StoreError> {
        let recent = self.with(|contents| {
            let is_true = contents.flushes == looked.flushes;
            is_true.then(|| contents.recent.get(&key).copied())
        });
        let Some(recent) = recent else { return self.find(key, decide) };
        let of_key = looked.found.iter().filter(|(found, _)| *found == key).map(|(_, value)| *value);
        for value in recent.into_iter().chain(of_key) {
            if let ControlFlow::Break(found) = decide(value) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// How often records were added, and whether there is none: while that is the same, what was asked
    /// before is still true.
    pub(in crate::journal) fn standing(&self) -> (u64, bool) {
        self.with(|contents| (contents.additions, contents.recent.is_empty() && contents.segments.is_empty()))
    }

    /// Of which of these keys there are records, by their places.
    pub(in crate::journal) fn holds(&self, keys: &[Key]) -> Result<Vec<usize>, StoreError> {
        let mut places: Vec<usize> = self.with(|contents| {
            let recent = &contents.recent;
            let is_recent = |(_, key): &(usize, &Key)| !recent.is_empty() && recent.contains_key(*key);
            keys.iter().enumerate().filter(is_recent).map(|(place, _)| place).collect()
        });
        let found = self.look(keys)?.found;
        if !found.is_empty() {
            let is_found = |(_, key): &(usize, &Key)| found.iter().any(|(found, _)| found == *key);
            places.extend(keys.iter().enumerate().filter(is_found).map(|(place, _)| place));
        }
        Ok(places)
    }

    /// Shows every record, in no order; a key can be shown twice.
    pub(in crate::journal) fn each(&self, mut see: impl FnMut(Key, Value)) -> Result<(), StoreError> {
        let (recent, mut segments) = self.with(|contents| {
            let recent: Vec<(Key, Value)> =
                contents.recent.iter().map(|(key, value)| (*key, *value)).collect();
            (recent, contents.segments.clone())
        });
        recent.into_iter().for_each(|(key, value)| see(key, value));
        'segments: while let Some(segment) = segments.pop() {
            for number in 0..segment.blocks() {
                let row = block::row_of(segment.id, number);
                let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                let shown = block::read(&reader, row, |block| {
                    block.records().for_each(|(key, value)| see(key, value));
                });
                drop(reader);
                if shown?.is_none() {
                    // It was merged meanwhile: what it became is shown instead.
                    let is_known = |other: &Arc<Segment>| other.id == segment.id;
                    let now = self.with(|contents| contents.segments.clone());
                    if now.iter().any(is_known) {
                        return Err(StoreError::Damaged { what: "a block of its index is missing" });
                    }
                    segments = now;
                    continue 'segments;
                }
            }
        }
        Ok(())
    }

    /// Whether there is no record at all.
    pub(in crate::journal) fn is_empty(&self) -> bool {
        self.with(|contents| contents.recent.is_empty() && contents.segments.is_empty())
    }

    /// Changes what questions see. Only the writer does, after its transaction is on the disk.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(&mut self.contents.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// What questions see now.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        look(&self.contents.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keys are digests already: half of one is as good a hash as any.
#[derive(Debug, Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = ((key >> 64) as u64 ^ key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
