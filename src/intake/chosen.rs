//! Some records of an input, as an input of their own.
//!
//! Its records are numbered anew, without gaps; their lines stay those of the whole. Its digest is another one
//! than that of the whole, so whoever opens the whole for a job on a part of it is refused.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::job::{Finished, JobId, Position};

/// Records of the input of a job, chosen by what became of them.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The job that carried them out.
    pub of: JobId,
    /// What became of them was written down behind this event,
    pub from_event: i64,
    /// and up to this one.
    pub to_event: i64,
    /// The records, by their place in the whole input.
    pub records: Arc<Finished>,
}

impl Chosen {
    /// The digest of the part, by that of the whole.
    pub(super) fn digest(&self, whole: &[u8; 32]) -> [u8; 32] {
        let hasher = Sha256::new().chain_update(b"chosen of ").chain_update(self.of.0.to_be_bytes());
        let hasher =
            hasher.chain_update(self.from_event.to_be_bytes()).chain_update(self.to_event.to_be_bytes());
        hasher.chain_update(whole).finalize().into()
    }

    /// Whether a record of the whole is in it.
    pub(super) fn has(&self, position: Position) -> bool {
        self.records.contains(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::{Input, Reading};

    fn part(name: &str, text: &str) -> (Input, Input) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let whole = Input::open(&path, &Reading::default()).unwrap();
        let mut records = Finished::default();
        assert!(records.insert(1) && records.insert(3));
        let chosen = Chosen { of: JobId(7), from_event: 0, to_event: 9, records: Arc::new(records) };
        (whole.clone(), whole.only(chosen))
    }

    fn read(input: &Input) -> Vec<(Position, u64, String)> {
        let mut records = input.records().unwrap();
        let mut read = Vec::new();
        while let Some(chunk) = records.next_chunk(1, 1 << 20).unwrap() {
            read.extend(chunk.records().map(|record| {
                let row = record.row().unwrap();
                (record.position(), record.line(), row["id"].as_str().unwrap().to_owned())
            }));
        }
        read
    }

    #[test]
    fn a_part_is_numbered_anew_keeps_its_lines_and_is_another_input_than_the_whole() {
        let lines: String = (0..5).map(|number| format!("{{\"id\":\"r-{number}\"}}\n")).collect();
        let rows: String = (0..5).map(|number| format!("r-{number},x\n")).collect();
        for (name, text, first_line) in [("a.ndjson", lines, 1), ("a.csv", format!("id,more\n{rows}"), 2)] {
            let (whole, part) = part(name, &text);

            assert_eq!(read(&whole).len(), 5);
            let expected = [(0, first_line + 1, "r-1".to_owned()), (1, first_line + 3, "r-3".to_owned())];
            assert_eq!(read(&part), expected, "{name}");
            assert_ne!(whole.digest(), part.digest());
        }
    }
}
