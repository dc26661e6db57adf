//! The log of a store as its database left it, taken apart by its frames and torn at will.
//!
//! Format: SQLite docs, "WAL-mode File Format". A frame counts when its salts are those of the log and
//! its checksum goes on from the one before; what stands behind the last frame that ends a transaction
//! was never told to be on the disk.

use std::path::{Path, PathBuf};

use crate::chance::Chance;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A log, and where its last transaction ends.
pub struct Wal {
    path: PathBuf,
    bytes: Vec<u8>,
    page: usize,
    is_big_endian: bool,
    committed: usize,
    sums: (u32, u32),
}

impl Wal {
    /// The log of this store; `None` when it has none that holds a transaction.
    pub fn of(store: &Path) -> Option<Wal> {
        let path = store.join("journal.db-wal");
        let bytes = std::fs::read(&path).ok()?;
        if bytes.len() < HEADER {
            return None;
        }
        let (page, is_big_endian) = (number(&bytes, 8) as usize, number(&bytes, 0) & 1 == 1);
        let sums = (number(&bytes, 24), number(&bytes, 28));
        let mut wal = Wal { path, bytes, page, is_big_endian, committed: 0, sums };
        wal.find_last_commit();
        (wal.committed > 0).then_some(wal)
    }

    fn frame(&self) -> usize {
        FRAME_HEADER + self.page
    }

    fn find_last_commit(&mut self) {
        let (mut at, mut sums) = (HEADER, self.sums);
        while let Some(frame) = self.bytes.get(at..at + self.frame()) {
            sums = self.summed(sums, frame);
            if frame[8..16] != self.bytes[16..24] || (number(frame, 16), number(frame, 20)) != sums {
                return;
            }
            at += self.frame();
            if number(frame, 4) != 0 {
                (self.committed, self.sums) = (at, sums);
            }
        }
    }

    /// The checksum behind a frame.
    fn summed(&self, mut sums: (u32, u32), frame: &[u8]) -> (u32, u32) {
        for words in frame[..8].chunks_exact(8).chain(frame[FRAME_HEADER..].chunks_exact(8)) {
            let word = |at: usize| {
                let word = number(words, at);
                if self.is_big_endian { word } else { word.swap_bytes() }
            };
            sums.0 = sums.0.wrapping_add(word(0)).wrapping_add(sums.1);
            sums.1 = sums.1.wrapping_add(word(4)).wrapping_add(sums.0);
        }
        sums
    }

    /// Leaves what a write leaves that lost its power: everything that was committed, and behind it the
    /// beginning of another transaction, torn at some byte, in a file that may be longer than that.
    pub fn tear(mut self, chance: &mut Chance) {
        let frames = (self.committed - HEADER) / self.frame();
        let mut sums = self.sums;
        let mut torn = Vec::new();
        let more = chance.between(1, 4);
        for number in 1..=more {
            // A page that the store knows, with other contents.
            let from = HEADER + self.frame() * chance.between(0, frames as u64 - 1) as usize;
            let mut frame = self.bytes[from..from + self.frame()].to_vec();
            let place = chance.between(FRAME_HEADER as u64, frame.len() as u64 - 9) as usize;
            frame[place..place + 8].copy_from_slice(&chance.next().to_be_bytes());
            let pages = if number == more { frames as u32 } else { 0 };
            frame[4..8].copy_from_slice(&pages.to_be_bytes());
            sums = self.summed(sums, &frame);
            frame[16..20].copy_from_slice(&sums.0.to_be_bytes());
            frame[20..24].copy_from_slice(&sums.1.to_be_bytes());
            torn.extend(frame);
        }
        // The last byte never came, so the last frame never counts.
        let (last, never_came) = (torn.len() - 1, torn.last().copied());
        torn.truncate(chance.between(0, last as u64) as usize);
        let grown = chance.between(0, 2 * self.frame() as u64) as usize;
        match chance.between(0, 2) {
            0 => {}
            1 => torn.extend(std::iter::repeat_n(0, grown)),
            _ => torn.extend((0..grown).map(|_| chance.next() as u8)),
        }
        // Many a page ends with zeros: what the file grew by is not to be taken for what never came.
        if let (Some(byte), Some(never_came)) = (torn.get_mut(last), never_came) {
            *byte = !never_came;
        }
        self.bytes.truncate(self.committed);
        self.bytes.extend(torn);
        std::fs::write(&self.path, &self.bytes).unwrap();
    }

    /// Cuts the file at any byte, committed or not.
    pub fn cut(self, chance: &mut Chance) {
        let left = chance.between(0, self.bytes.len() as u64) as usize;
        std::fs::write(&self.path, &self.bytes[..left]).unwrap();
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
