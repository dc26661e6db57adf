//! How it is found out whether a call took effect whose answer never came.
//!
//! A service without idempotency keys cannot be asked whether it has seen a call before, but it can be
//! asked how things stand. Facts only: making the question and reading its answer is the work of `plan`,
//! asking that of `engine`.

use indexmap::IndexMap;
use serde::Deserialize;

/// What is asked instead of sending a call again, and what answer means that it took effect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reread {
    /// Id of the action that reads, of the same system.
    pub action: String,
    /// Its members, with the members of the call that they take their value from.
    pub with: IndexMap<String, String>,
    /// When the call took effect.
    pub done: Done,
}

/// What an answer holds when the call took effect.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// A member is this word.
    Is {
        /// The member of the answer.
        member: String,
        /// The word, compared by its letters and digits.
        word: String,
    },
    /// A member is what the call asked for.
    Asked {
        /// The member of the answer.
        member: String,
        /// The member of the call.
        by: String,
    },
    /// An object of a list holds the text of the call.
    Listed {
        /// The member of the answer that is the list.
        list: String,
        /// The member of its objects.
        member: String,
        /// The member of the call.
        by: String,
    },
}
