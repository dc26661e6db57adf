//! Why a body cannot be read.
//!
//! Says which release could, or what is wrong with the bytes, and never what they hold.

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A later release wrote it.
    #[error("its kind is {0}, which this release does not know; use the release that wrote it")]
    UnknownKind(u8),
    /// A later release wrote it.
    #[error(
        "kind {kind} has format {version}, which this release does not know; use the release that wrote it"
    )]
    UnknownVersion {
        /// Number of the kind.
        kind: u8,
        /// Its version.
        version: u8,
    },
    /// It ends too early.
    #[error("it is cut off")]
    CutOff,
    /// It goes on after its end.
    #[error("{0} bytes stand after its end")]
    TooLong(usize),
    /// A part of it is not what the format allows.
    #[error("its {0} is not valid")]
    NotValid(&'static str),
}
