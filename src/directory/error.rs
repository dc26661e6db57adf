//! Why a sync ended early, or what was kept could not be used. What was read before is kept.

use crate::feeds::FeedError;
use crate::journal::StoreError;
use crate::onetrust::ApiError;

/// Why the directory could not be read or used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// OneTrust did not answer, or not with what was asked for.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No way to users is open to the credential.
    #[error(
        "`{profile}` may not read users{}: give its credential the scope USER, which tells roles and sign-ins too, \
         or SCIM, which does not",
        if *.is_chosen { " where `users` of the settings says" } else { "" }
    )]
    NoUsers {
        /// The profile.
        profile: String,
        /// The settings name one way only.
        is_chosen: bool,
    },
    /// A record of the store cannot be read.
    #[error("what is kept of the directory cannot be read; `privaflow directory sync` reads it anew")]
    Record,
    /// A thread of ours is gone.
    #[error("the store stopped")]
    Stopped,
    /// The emergency stop holds the profile.
    #[error("`{profile}` is paused: `privaflow resume` lets it go on")]
    Paused {
        /// The profile.
        profile: String,
    },
    /// A person asked to stop.
    #[error("interrupted; the next sync goes on where this one stopped")]
    Interrupted,
}

impl From<ApiError> for DirectoryError {
    fn from(error: ApiError) -> DirectoryError {
        DirectoryError::Feed(FeedError::Api(error))
    }
}

impl DirectoryError {
    /// What OneTrust answered, if it was that.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            DirectoryError::Feed(FeedError::Api(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether a service refused us or cannot be reached.
    pub fn is_of_the_service(&self) -> bool {
        match self {
            DirectoryError::Feed(error) => !matches!(error, FeedError::Store(_) | FeedError::Stopped),
            DirectoryError::NoUsers { .. } => true,
            DirectoryError::Store(_)
            | DirectoryError::Record
            | DirectoryError::Paused { .. }
            | DirectoryError::Stopped
            | DirectoryError::Interrupted => false,
        }
    }
}
