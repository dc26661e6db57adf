//! Why a text could not be rendered for one record.
//!
//! A message names the path or the helper and never a value: values are about people.

/// Why a text could not be rendered for one record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The scope has no such value.
    #[error("`{path}` is missing")]
    Missing {
        /// As the template writes it, or `lookup vars.table`.
        path: String,
    },
    /// A list, a map or null stands where only text can.
    #[error("`{what}` is {kind}, which cannot stand in a text")]
    NotText {
        /// The path, or the helper whose answer it is.
        what: String,
        /// `a list`, `a map`, `null`.
        kind: &'static str,
    },
    /// A helper was given something that it cannot take.
    #[error("`{helper}`: {problem}")]
    Helper {
        /// Name of the helper.
        helper: &'static str,
        /// What is wrong, without any value.
        problem: String,
    },
    /// The text grew over the cap.
    #[error("the text would be longer than {most} bytes")]
    TooLong {
        /// The cap, in bytes.
        most: usize,
    },
}
