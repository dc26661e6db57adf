//! How jobs and their records are named: by number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a record stands in its input: 0 for the first record. Blank lines are not counted.
pub type Position = u64;

/// The number of a job in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job-{}", self.0)
    }
}
