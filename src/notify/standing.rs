//! What there is to tell: how a job stands, and which deadline is near.
//!
//! A standing is all that is known of a job at a moment, not a change: noting it twice tells nothing
//! twice, and noting it after a restart tells what was not told before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::word::Word;
use crate::engine::Summary;
use crate::workflow::Occasion;

/// Requests that nobody has to be told of: a later start of the same work goes on with them by itself.
const GO_ON_BY_THEMSELVES: [&str; 2] = ["wait", "retry"];

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Name of the workflow.
    pub workflow: Word,
    /// `job-7`.
    pub job: Word,
    /// Requests that failed or wait for a person.
    pub counts: Counts,
}

/// Requests by why they failed or wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Failed, finally.
    pub failed: BTreeMap<Word, u64>,
    /// Waiting for a person.
    pub waiting: BTreeMap<Word, u64>,
}

/// A request that is not over although its deadline is near.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// Name of the workflow.
    pub workflow: Word,
    /// Stands for the request.
    pub request: String,
    /// Unix milliseconds.
    pub due_ms: i64,
}

impl Standing {
    /// How a job stands by its summary.
    pub fn of(summary: &Summary) -> Standing {
        let words = |counts: &BTreeMap<String, u64>| {
            let mut words = BTreeMap::new();
            for (word, count) in counts.iter().filter(|(_, count)| **count > 0) {
                *words.entry(Word::of(word)).or_default() += count;
            }
            words
        };
        let mut waiting = words(&summary.waiting_by);
        waiting.retain(|word, _| !GO_ON_BY_THEMSELVES.contains(&word.as_str()));
        Standing {
            workflow: Word::of(&summary.workflow),
            job: Word::of(&summary.job),
            counts: Counts { failed: words(&summary.failed_by), waiting },
        }
    }
}

impl Counts {
    /// What of it belongs to some occasions.
    #[must_use]
    pub(super) fn on(&self, occasions: &[Occasion]) -> Counts {
        let only = |occasion, counts: &BTreeMap<Word, u64>| {
            if occasions.contains(&occasion) { counts.clone() } else { BTreeMap::new() }
        };
        Counts {
            failed: only(Occasion::Failure, &self.failed),
            waiting: only(Occasion::Waiting, &self.waiting),
        }
    }

    /// What it has more than another.
    #[must_use]
    pub(super) fn beyond(&self, other: &Counts) -> Counts {
        let more = |ours: &BTreeMap<Word, u64>, theirs: &BTreeMap<Word, u64>| {
            let more = |(word, count): (&Word, &u64)| {
                let more = count.saturating_sub(theirs.get(word).copied().unwrap_or(0));
                (more > 0).then(|| (word.clone(), more))
            };
            ours.iter().filter_map(more).collect()
        };
        Counts { failed: more(&self.failed, &other.failed), waiting: more(&self.waiting, &other.waiting) }
    }

    /// What both have.
    #[must_use]
    pub(super) fn common(&self, other: &Counts) -> Counts {
        self.beyond(&self.beyond(other))
    }

    /// Nothing failed and nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.waiting.is_empty()
    }
}

impl Late {
    /// A request, by anything that tells it apart from others of its workflow; only a digest of that is
    /// kept.
    pub fn of(workflow: &str, request: &[u8], due_ms: i64) -> Late {
        let digest = Sha256::new().chain_update(b"late").chain_update(request).finalize();
        let request = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Late { workflow: Word::of(workflow), request, due_ms }
    }
}
