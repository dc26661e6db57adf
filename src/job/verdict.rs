//! What a request came to, what a job came to, and their reasons, as words and as numbers.
//!
//! The words are the contract of summaries and files, the numbers that of the journal: a number is
//! never changed and never used again. Counting verdicts is the work of [`super::State`].

/// What one request came to, with the reason (design section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// At least one write was accepted and nothing failed; without writes, every step ended well.
    Done,
    /// No write was needed.
    Skipped(Skip),
    /// Something failed, finally.
    Failed(Fail),
    /// Not over yet.
    Waiting(Pause),
}

impl Verdict {
    /// Whether the request came under an id that another request has: its end is not the other's.
    pub fn is_of_a_repeated_id(self) -> bool {
        match self {
            Verdict::Skipped(Skip::Duplicate) | Verdict::Failed(Fail::IdConflict) => true,
            Verdict::Done | Verdict::Skipped(_) | Verdict::Failed(_) | Verdict::Waiting(_) => false,
        }
    }
}

/// Why no write was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// Nothing in the record concerns the workflow: every loop over it was empty.
    NoMatch,
    /// The same content under the same id was finished before.
    Duplicate,
    /// A newer change of the same target was there first.
    Superseded,
    /// The change happened before an erasure of the person.
    Erased,
    /// A look-up found no profile of the person.
    NoProfile,
    /// An `if` was false.
    Condition,
    /// The job only looks: what it would have written was not sent.
    Shadow,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fail {
    /// The service will never accept the call as it stands.
    Refused,
    /// A member of the record or of a rendered call has the wrong type, or the line is no record.
    WrongType,
    /// The workflow does not take requests of this kind.
    KindMismatch,
    /// Other content under an id that was used before.
    IdConflict,
    /// A template or expression could not be rendered for this record.
    Template,
    /// An `assert` was false.
    Assert,
    /// A `fail` step said so.
    Fail,
    /// A person rejected what the guard held.
    GuardRejected,
    /// It did not come true in time.
    Timeout,
    /// The job was cancelled before the request was finished.
    Cancelled,
    /// What was kept of the request was destroyed before it was finished.
    Forgotten,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pause {
    /// A person's approval.
    Approval,
    /// The guard held the job; a person decides.
    Guard,
    /// A point in time.
    Wait,
    /// A person must look: it is not known whether a call that must not be repeated took effect.
    NeedsAttention,
    /// The service could not be reached, or asked to wait.
    Retry,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Something is left to do, and it may be done.
    Open,
    /// The guard stopped it; a person approves or cancels it.
    Held,
    /// Nothing is left to do.
    Finished,
    /// A person ended it.
    Cancelled,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal = $number:literal),+ $(,)? }) => {
        impl $type {
            /// Every case, in the order of its number.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The word of summaries and files.
            pub fn word(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }

            /// The number in the journal. Never reused, never changed.
            pub fn number(self) -> u8 {
                match self { $($type::$variant => $number),+ }
            }

            /// The case a journal number stands for.
            pub fn of_number(number: u8) -> Option<$type> {
                match number { $($number => Some($type::$variant),)+ _ => None }
            }
        }
    };
}

words!(Skip {
    NoMatch = "no_match" = 1,
    Duplicate = "duplicate" = 2,
    Superseded = "superseded" = 3,
    Erased = "erased" = 4,
    NoProfile = "no_profile" = 5,
    Condition = "condition" = 6,
    Shadow = "shadow" = 7,
});
words!(Fail {
    Refused = "refused" = 1,
    WrongType = "wrong_type" = 2,
    KindMismatch = "kind_mismatch" = 3,
    IdConflict = "id_conflict" = 4,
    Template = "template" = 5,
    Assert = "assert" = 6,
    Fail = "fail" = 7,
    GuardRejected = "guard_rejected" = 8,
    Timeout = "timeout" = 9,
    Cancelled = "cancelled" = 10,
    Forgotten = "forgotten" = 11,
});
words!(Pause {
    Approval = "approval" = 1,
    Guard = "guard" = 2,
    Wait = "wait" = 3,
    NeedsAttention = "needs_attention" = 4,
    Retry = "retry" = 5,
});
words!(Status {
    Open = "open" = 1,
    Held = "held" = 2,
    Finished = "finished" = 3,
    Cancelled = "cancelled" = 4,
});

impl Status {
    /// Whether nothing can happen to the job any more.
    pub fn is_closed(self) -> bool {
        match self {
            Status::Finished | Status::Cancelled => true,
            Status::Open | Status::Held => false,
        }
    }
}
