//! Why a look came to nothing, and whether the next one may fare better.

use crate::journal::StoreError;
use crate::onetrust::ApiError;
use crate::onetrust::page::PageError;

/// Why a look ended early. What was read before is in the inbox.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// OneTrust did not answer, or not with what was asked for.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The answer is no list.
    #[error("the answer of {endpoint} cannot be read: {why}")]
    Page {
        /// A method and a path template.
        endpoint: &'static str,
        /// What is wrong with it.
        why: PageError,
    },
    /// Asking for the next page brings the same one again.
    #[error("{endpoint} answers the same page again: what follows it cannot be read")]
    SamePage {
        /// A method and a path template.
        endpoint: &'static str,
    },
    /// Only the newer list of subtasks knows systems.
    #[error(
        "subtasks can be found by `systems` only through POST /api/datasubject/v3/subtasks, which is refused: \
         give the credentials the scope DSAR_READ, or name the subtasks with `names` and leave `systems` out"
    )]
    SystemsNeedSearch,
    /// Version 4 of the consent lists is not for everybody.
    #[error(
        "the list `unordered` is refused: it needs the scope CONSENT_READ, and OneTrust's support must have \
         enabled version 4 for the account; or write `feed: profiles`"
    )]
    NotEnabled,
    /// The inbox did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the cursor says is not what this program writes.
    #[error("the cursor `{name}` of the store cannot be read")]
    Cursor {
        /// Which.
        name: String,
    },
    /// The thread that talks to the store is gone.
    #[error("the store stopped")]
    Stopped,
}

impl FeedError {
    /// Whether looking again brings nothing until a person changes something: credentials, scopes, the
    /// host, the workflow.
    pub fn needs_a_person(&self) -> bool {
        match self {
            FeedError::Api(error) => {
                error.is_of_the_profile()
                    || matches!(error, ApiError::Forbidden { .. } | ApiError::NotFound { .. })
            }
            FeedError::SystemsNeedSearch | FeedError::NotEnabled | FeedError::Cursor { .. } => true,
            FeedError::Page { .. }
            | FeedError::SamePage { .. }
            | FeedError::Store(_)
            | FeedError::Stopped => false,
        }
    }

    /// When to look again at the earliest, in steady milliseconds, if OneTrust said so.
    pub fn not_before_ms(&self) -> Option<i64> {
        match self {
            FeedError::Api(ApiError::Limited { not_before_ms, .. }) => Some(*not_before_ms),
            _ => None,
        }
    }
}
