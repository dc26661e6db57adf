//! What stands beside a key of the gate: when, in which workspace, and with which others somebody was erased.
//!
//! All of it is one [`Order`]. Its place tells the workspace; what is finer than a millisecond, and the upper bits
//! of the place, tell the request that erased, so that everything it covered can be let through at once. The
//! rule that keeps it right: moments of the gate are compared by the millisecond, so this changes no answer of
//! it. What an earlier release wrote names no request, and older still no workspace.

use super::Space;
use crate::job::{Erasure, JobId, Mark, MarkKind, Position};
use crate::request::{Order, OrderParts};

/// Bits of a place that tell the workspace.
const TAG_BITS: u32 = 40;
/// What the rest of the place, and of the moment, can tell apart; a moment without such a rest names no request.
const HIGH: u64 = 1 << 7;
const LOW: u64 = 999_999;
const MILLISECOND: i64 = 1_000_000;

/// The request whose calls erased somebody, among those of the same days: one in a hundred million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErasedBy(u64);

impl ErasedBy {
    /// Of a record of a job. Records of one job differ.
    pub fn of(job: JobId, position: Position) -> ErasedBy {
        let job = job.0.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        ErasedBy(position.wrapping_add(job) % (HIGH * LOW))
    }
}

impl Space {
    /// What a mark of the gate says of an erasure that was accepted at a moment in Unix milliseconds.
    pub fn erasure(&self, at_ms: i64, by: ErasedBy) -> Order {
        order(at_ms, self.tag(), by)
    }
}

/// The same of a workspace by its tag.
pub(super) fn order(at_ms: i64, tag: u64, ErasedBy(by): ErasedBy) -> Order {
    let (high, low) = (by / LOW % HIGH, by % LOW + 1);
    let nanoseconds = at_ms.saturating_mul(MILLISECOND).saturating_add(low.cast_signed());
    let place = Some((high << TAG_BITS) | (tag % (1 << TAG_BITS)));
    Order::from(OrderParts { nanoseconds, digits: 9, place, opts_out: false })
}

/// The tag of the workspace and the request, as far as an entry names them.
pub(super) fn parts(order: Order) -> (u64, Option<ErasedBy>) {
    let OrderParts { nanoseconds, place, .. } = order.into();
    let place = place.unwrap_or_default();
    let low = nanoseconds.rem_euclid(MILLISECOND).cast_unsigned();
    let by = low.checked_sub(1).map(|low| ErasedBy((place >> TAG_BITS) % HIGH * LOW + low));
    (place % (1 << TAG_BITS), by)
}

/// What the gate keeps of an erasure that may have taken effect.
pub(super) fn mark_of(job: JobId, erasure: &Erasure) -> Mark {
    let by = ErasedBy::of(job, erasure.position);
    let order = order(erasure.at_ms, erasure.tag, by);
    Mark { kind: MarkKind::Erased, key: erasure.key, order }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_tells_when_where_and_by_which_request() {
        for (job, position) in [(1, 0), (1, 1), (7, 999_998), (7, 999_999), (90_000, 5_000_000)] {
            let by = ErasedBy::of(JobId(job), position);

            let order = order(1_800_000_000_123, 0xff_ffff_fffe, by);

            assert_eq!(order.at_ms(), 1_800_000_000_123);
            assert_eq!(parts(Order::of_bytes(order.to_bytes())), (0xff_ffff_fffe, Some(by)));
        }
    }

    #[test]
    fn what_an_earlier_release_wrote_names_no_request() {
        assert_eq!(parts(Order::placed(1_800_000_000_123, 77)), (77, None));
    }

    #[test]
    fn requests_of_one_job_are_told_apart() {
        let all: std::collections::HashSet<ErasedBy> =
            (0..100_000).map(|position| ErasedBy::of(JobId(3), position * 50)).collect();

        assert_eq!(all.len(), 100_000);
    }
}
