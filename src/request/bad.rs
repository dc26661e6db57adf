//! Why a line is no request record.
//!
//! Every text here may stand in a failures file or on a screen: it names known members of the
//! record and columns of the header, never anything that the line itself said.

use std::fmt;

/// A line that is no record: what is wrong, and how far the reader had come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}{}", Place(*column))]
pub struct BadRecord {
    /// What is wrong.
    pub problem: Problem,
    /// The character of the line at which it was noticed, from 1; rows of tables have none.
    pub column: Option<usize>,
}

impl BadRecord {
    /// The code of the failures file; every line that is no record has the same one.
    pub const CODE: &'static str = "wrong_type";
}

impl From<Problem> for BadRecord {
    fn from(problem: Problem) -> BadRecord {
        BadRecord { problem, column: None }
    }
}

/// What is wrong with a line or a row. `member` is a path such as `consents[2].updated_at`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Bytes that no UTF-8 text has.
    #[error(
        "the line is not valid UTF-8: save the file as UTF-8, or name its encoding in `on.file.encoding`"
    )]
    NotUtf8,
    /// The JSON grammar is broken; `reason` is the decoder's own and quotes nothing.
    #[error("the line is not valid JSON: {reason}")]
    NotJson {
        /// In the words of the decoder.
        reason: String,
    },
    /// A list, a string or a number stands alone on the line.
    #[error("the line is JSON, but no object: a record is written `{{\"kind\": …}}`")]
    NotAnObject,
    /// Nobody can say what was asked.
    #[error("`kind` is missing: one of deletion, access, consent, rectification, opt_out, other")]
    KindMissing,
    /// Not one of the six words.
    #[error("`kind` must be one of deletion, access, consent, rectification, opt_out, other")]
    KindUnknown,
    /// A number may have lost digits or leading zeros already; it is never converted.
    #[error("`{member}` is a number: write it in quotes")]
    Number {
        /// Its path in the record.
        member: String,
    },
    /// Another type of JSON value than the member takes.
    #[error("`{member}` must be {expected}")]
    WrongType {
        /// Its path in the record.
        member: String,
        /// The type it takes.
        expected: &'static str,
    },
    /// A call with an empty identifier may reach the wrong person, or everyone.
    #[error("`{member}` is empty: leave it out or give its value")]
    Empty {
        /// Its path in the record.
        member: String,
    },
    /// A date alone, a time without its offset, a day that no calendar has.
    #[error("`{member}` must be an RFC 3339 time such as 2026-11-20T10:00:00Z")]
    NotATime {
        /// Its path in the record.
        member: String,
    },
    /// Two values for one name: choosing one would be guessing.
    #[error("{member} stands twice")]
    Twice {
        /// Its path in the record.
        member: String,
    },
    /// More than a record can sensibly be; it was not kept in memory.
    #[error("the line is longer than {} MB", limit_bytes / 1_000_000)]
    TooLong {
        /// The most a line may have.
        limit_bytes: usize,
    },
    /// A row that does not fit under the header.
    #[error("the row has {found} columns, the header names {expected}")]
    Cells {
        /// Cells of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// Quotes that no reader can agree on; the rows inside them were not read.
    #[error(
        "the quotes of the row do not match, so lines {first_line} to {last_line} could not be read: \
         write a quote inside a quoted cell twice"
    )]
    Quotes {
        /// Where the row begins.
        first_line: u64,
        /// Where it was given up.
        last_line: u64,
    },
    /// Bytes that no UTF-8 text has, in one cell.
    #[error(
        "column `{column}` is not valid UTF-8: save the file as UTF-8, or name its encoding in `on.file.encoding`"
    )]
    CellNotUtf8 {
        /// As the header names it.
        column: String,
    },
}

/// The end of a message: where in the line.
struct Place(Option<usize>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(column) => write!(f, " (at column {column})"),
            None => Ok(()),
        }
    }
}
