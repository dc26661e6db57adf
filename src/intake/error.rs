//! Why an input cannot be read at all.
//!
//! These stop a job before its first call (exit code 2), so each says the way out. They name files
//! and columns of headers, never what stands in a row.

use std::io;

/// What spoils a whole input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Nothing has that name.
    #[error("there is no file `{path}`: check the path, or give `-` to read standard input")]
    Missing {
        /// As given.
        path: String,
    },
    /// A folder stands where a file belongs.
    #[error("`{path}` is a folder: name one file, or pipe several with `cat` and give `-`")]
    Folder {
        /// As given.
        path: String,
    },
    /// The system refused.
    #[error("`{path}` cannot be read: check who may read it")]
    Unreadable {
        /// As given.
        path: String,
        /// In the words of the system.
        #[source]
        source: io::Error,
    },
    /// There is no room or right for what comes by standard input.
    #[error(
        "standard input could not be kept in a temporary file: name another folder in TMPDIR, or give a file"
    )]
    Spool {
        /// In the words of the system.
        #[source]
        source: io::Error,
    },
    /// Reading broke off; everything before it was read.
    #[error("{name} could not be read to its end: it may be cut short or damaged")]
    Broken {
        /// The input.
        name: String,
        /// In the words of the system or of the decompressor.
        #[source]
        source: io::Error,
    },
    /// Somebody wrote into the file after it was digested.
    #[error("{name} was changed while it was read: put it back and resume, or cancel the job")]
    Changed {
        /// The input.
        name: String,
    },
    /// `on.file.encoding` is no known label.
    #[error("unknown encoding `{label}`{}", closest.as_ref().map(|word| format!(": did you mean `{word}`?")).unwrap_or_default())]
    Encoding {
        /// As written in the workflow.
        label: String,
        /// A label that was perhaps meant.
        closest: Option<String>,
    },
    /// A spreadsheet or another archive.
    #[error("{name} is a spreadsheet or zip archive: save it as CSV (UTF-8), or unpack it first")]
    Archive {
        /// The input.
        name: String,
    },
    /// All records in one list.
    #[error("{name} is one JSON list: write one object a line, for example with `jq -c '.[]'`")]
    JsonList {
        /// The input.
        name: String,
    },
    /// Objects that span lines.
    #[error(
        "{name} has its JSON spread over several lines: write one object a line, for example with `jq -c .`"
    )]
    JsonSpread {
        /// The input.
        name: String,
    },
    /// Nobody can say what the columns are called.
    #[error(
        "the header of {name} is not valid UTF-8: name the encoding in `on.file.encoding`, for example windows-1252"
    )]
    HeaderNotUtf8 {
        /// The input.
        name: String,
    },
    /// The quotes of the first row never end, or it is no header at all.
    #[error(
        "the header of {name} cannot be read: its first line must name the columns, with quotes that match"
    )]
    Header {
        /// The input.
        name: String,
    },
    /// Line ends of a system long gone: the whole file would be one line.
    #[error("{name} ends its lines with carriage returns alone: save it with LF or CRLF line ends")]
    CarriageReturns {
        /// The input.
        name: String,
    },
    /// A column that somebody reads is not there.
    #[error(
        "{name} has no column `{column}`{}: its columns are {columns}",
        closest.as_ref().map(|word| format!(", did you mean `{word}`?")).unwrap_or_default()
    )]
    NoColumn {
        /// The input.
        name: String,
        /// What was looked for.
        column: String,
        /// A column that was perhaps meant.
        closest: Option<String>,
        /// The first few, for a person to compare.
        columns: String,
    },
    /// A column that somebody reads is there more than once.
    #[error("{name} has two columns `{column}`: rename or remove one of them")]
    ColumnTwice {
        /// The input.
        name: String,
        /// Its name.
        column: String,
    },
}
