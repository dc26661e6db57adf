//! An end to waiting: what a service has not answered by now counts as unknown.
//!
//! A job that stops in order waits for the answers of what it has sent; a service that hangs would keep whoever
//! decides about the job waiting, too. So the wait can be cut: the request ends, and its call is what any call
//! without an answer is. One that may be repeated stays in the air; one that must not be waits for a person, so
//! it is cut only for a decision that is about it. An answer that is there already always counts.

use tokio_util::sync::CancellationToken;

use super::batches::Batch;

/// Cuts the wait for the answers of one engine; clone it freely.
#[derive(Debug, Clone)]
pub struct Cut {
    all: CancellationToken,
    repeatable: CancellationToken,
}

impl Default for Cut {
    fn default() -> Cut {
        let all = CancellationToken::new();
        Cut { repeatable: all.child_token(), all }
    }
}

impl Cut {
    /// Nothing is waited for any more.
    pub fn all(&self) {
        self.all.cancel();
    }

    /// Nothing is waited for any more that may be repeated.
    pub fn repeatable(&self) {
        self.repeatable.cancel();
    }

    /// What ends the wait for the answer of a batch.
    pub(super) fn of(&self, batch: &Batch) -> &CancellationToken {
        match batch.is_repeatable() || batch.can_look() {
            true => &self.repeatable,
            false => &self.all,
        }
    }
}
