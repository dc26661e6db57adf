//! What there is to tell: how a job stands, and which deadline is near.
//!
//! A standing is all that is known of a job at a moment, not a change: noting it twice tells nothing
//! twice, and noting it after a restart tells what was not told before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::word::Word;
use crate::engine::Summary;
use crate::job::Totals;
use crate::workflow::Occasion;

/// Requests that nobody has to be told of: a later start of the same work goes on with them by itself.
const GO_ON_BY_THEMSELVES: [&str; 2] = ["wait", "retry"];

/// A job that others wait for.
pub(super) const IN_THE_AIR: &str = "in_the_air";

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
    /// Of the people whom a job erased: those who are there again, and what else a look found that is not well.
    #[serde(default)]
    pub came_back: BTreeMap<Word, u64>,
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
        let failed = summary.failed_by.iter().map(|(word, count)| (word.as_str(), *count));
        let waiting = summary.waiting_by.iter().map(|(word, count)| (word.as_str(), *count));
        Standing::counted(&summary.workflow, &summary.job, words(failed), words(waiting))
    }

    /// How a job stands by what the journal says of it.
    pub fn of_totals(workflow: &str, job: &str, totals: &Totals) -> Standing {
        let failed = totals.failed_by.iter().map(|(fail, count)| (fail.word(), *count));
        let waiting = totals.waiting_by.iter().map(|(pause, count)| (pause.word(), *count));
        Standing::counted(workflow, job, words(failed), words(waiting))
    }

    fn counted(
        workflow: &str,
        job: &str,
        failed: BTreeMap<Word, u64>,
        mut waiting: BTreeMap<Word, u64>,
    ) -> Standing {
        waiting.retain(|word, _| !GO_ON_BY_THEMSELVES.contains(&word.as_str()));
        let counts = Counts { failed, waiting, came_back: BTreeMap::new() };
        Standing { workflow: Word::of(workflow), job: Word::of(job), counts }
    }

    /// What is wrong with the canary of a workflow, in words.
    pub fn of_canary(workflow: &str, troubles: &[(&str, u64)]) -> Standing {
        Standing::counted(workflow, "canary", words(troubles.iter().copied()), BTreeMap::new())
    }

    /// A job that was left with requests in the air is in the way of others until somebody goes on with it or gives
    /// it up.
    pub fn in_the_way(workflow: &str, job: &str) -> Standing {
        Standing::counted(workflow, job, BTreeMap::new(), words([(IN_THE_AIR, 1)].into_iter()))
    }

    /// What a look found at the people whom a job erased, and who of it waits for a person. It goes by a name of
    /// its own: a job is looked at more than once.
    pub fn of_look(
        workflow: &str,
        look: &str,
        found: &[(&str, u64)],
        waiting: &BTreeMap<&'static str, u64>,
    ) -> Standing {
        let waiting = words(waiting.iter().map(|(word, count)| (*word, *count)));
        let mut standing = Standing::counted(workflow, look, BTreeMap::new(), waiting);
        standing.counts.came_back = words(found.iter().copied());
        standing
    }
}

/// Counts by words; what is no word is counted together.
fn words<'w>(counts: impl Iterator<Item = (&'w str, u64)>) -> BTreeMap<Word, u64> {
    let mut words = BTreeMap::new();
    for (word, count) in counts.filter(|(_, count)| *count > 0) {
        *words.entry(Word::of(word)).or_default() += count;
    }
    words
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
            came_back: only(Occasion::CameBack, &self.came_back),
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
        Counts {
            failed: more(&self.failed, &other.failed),
            waiting: more(&self.waiting, &other.waiting),
            came_back: more(&self.came_back, &other.came_back),
        }
    }

    /// What both have.
    #[must_use]
    pub(super) fn common(&self, other: &Counts) -> Counts {
        self.beyond(&self.beyond(other))
    }

    /// Nothing failed, nothing waits and nobody came back.
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.waiting.is_empty() && self.came_back.is_empty()
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
