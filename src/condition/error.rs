//! Why an expression could not be evaluated for one record.
//!
//! A message names paths, functions and types and never a value: values are about people.

/// Why an expression could not be evaluated for one record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The scope has no such value.
    #[error("`{path}` is missing")]
    Missing {
        /// As far as the expression spells it out.
        path: String,
    },
    /// An operator or function was given types that it cannot take.
    #[error("`{operation}` cannot be applied to {types}")]
    WrongTypes {
        /// `<`, `size`, …
        operation: &'static str,
        /// `string and int`.
        types: String,
    },
    /// An operator or function was given a value that it cannot take.
    #[error("`{operation}`: {problem}")]
    BadValue {
        /// `/`, `timestamp`, …
        operation: &'static str,
        /// What is wrong, without any value.
        problem: &'static str,
    },
    /// A condition must come to true or false.
    #[error("the condition is {found}, not true or false")]
    NotBool {
        /// Name of the type it came to.
        found: &'static str,
    },
    /// The lists are too long for what the expression does with them.
    #[error("the expression has too much data to work through")]
    TooMuch,
}
