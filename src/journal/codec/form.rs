//! How much of an event is written, and how much a reader believes in.

/// Records in one batch that a reader believes in: far more than any endpoint takes, and little
/// enough that a damaged count cannot fill the memory.
pub(super) const MOST_IN_BATCH: usize = 1 << 20;

/// How much of an end or an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// All of it.
    Whole,
    /// All but what only the indexes of ids and marks need, once they have it; of an id its first bytes are
    /// left, as the ledger has them. Outputs of steps only where they are of use.
    Small,
    /// The same with all outputs, and more room for each step. Only read.
    Compact,
    /// As it was before there was a ledger: nothing of an id is left. Only read.
    Bare,
}
