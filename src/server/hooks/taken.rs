//! What a body comes to: arrivals for workflows, and how the answer counts them.
//!
//! A body holds items, each of which may start several workflows; the answer counts items, as callers
//! know nothing of workflows. What came under the same key before is counted as repeated.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::intake::{Intake, Look};
use crate::journal::{Accepted, Arrival, Skipped, StoreError};

/// What a body comes to.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// For each arrival the item it was made of.
    pub items: Vec<usize>,
    /// Requests for workflows.
    pub arrivals: Vec<Arrival>,
    /// What starts nothing.
    pub skipped: Vec<Skipped>,
    /// Subtasks to look at; each an item of its own.
    pub looks: Vec<Look>,
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Items that are new to at least one workflow.
    pub accepted: u64,
    /// Items that came before and start nothing.
    pub repeated: u64,
    /// Items that are older than what came before of the same person, and start nothing.
    #[serde(skip_serializing_if = "is_none")]
    pub outdated: u64,
    /// Items that no workflow wants.
    #[serde(skip_serializing_if = "is_none")]
    pub skipped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// Counts items by the best that became of any of their arrivals; an item without any is skipped.
    pub fn of(items: &[usize], accepted: &[Accepted], all: usize) -> Counts {
        let rank = |accepted: Accepted| match accepted {
            Accepted::Outdated => 1,
            Accepted::Repeated => 2,
            Accepted::New => 3,
        };
        let mut best = vec![0; all];
        for (item, accepted) in items.iter().zip(accepted) {
            if let Some(best) = best.get_mut(*item) {
                *best = rank(*accepted).max(*best);
            }
        }
        let count = |rank: i32| best.iter().filter(|best| **best == rank).count() as u64;
        Counts { accepted: count(3), repeated: count(2), outdated: count(1), skipped: count(0) }
    }
}

/// Names an event: a digest of its parts, under the secret of the store. Parts are told apart by their
/// lengths.
pub(super) fn key(intake: &dyn Intake, parts: &[&[u8]]) -> Result<[u8; 32], StoreError> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let plain: [u8; 32] = hasher.finalize().into();
    let mut key = [0; 32];
    for (half, plain) in key.chunks_exact_mut(16).zip(plain.chunks_exact(16)) {
        let plain: [u8; 16] = plain.try_into().unwrap_or_default();
        half.copy_from_slice(&intake.pseudonym(u128::from_be_bytes(plain))?);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_counts_once_by_the_best_that_became_of_it() {
        use Accepted::{New, Outdated, Repeated};

        let counts = Counts::of(
            &[0, 0, 1, 1, 2, 2, 3],
            &[New, Repeated, Repeated, Outdated, Outdated, New, Outdated],
            5,
        );

        assert_eq!(counts, Counts { accepted: 2, repeated: 1, outdated: 1, skipped: 1 });
        let json = serde_json::to_string(&Counts { accepted: 1, ..Counts::default() }).unwrap();
        assert_eq!(json, r#"{"accepted":1,"repeated":0}"#);
    }
}
