//! Why a channel cannot be used or did not take a message, and where books are kept.

use std::time::Duration;

use crate::config::{AddressError, TokenError};
use crate::journal::{Cursor, Store, StoreError};

/// Why a channel cannot be used, or did not take a message. Nothing here repeats what it answered.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Its password, token or address is not there.
    #[error(transparent)]
    Credential(#[from] TokenError),
    /// The address that was found cannot be posted to.
    #[error("its address cannot be used: {0}")]
    Address(#[from] AddressError),
    /// TLS could not be set up.
    #[error("TLS cannot be set up for it")]
    Tls,
    /// Nobody answers there, or not with TLS.
    #[error("it cannot be reached, or not over TLS that this machine trusts")]
    Unreachable,
    /// No answer in time.
    #[error("it did not answer in time")]
    TooSlow,
    /// It answered that it does not take this.
    #[error("it refused with {status}")]
    Refused {
        /// Of HTTP or SMTP.
        status: u16,
        /// It does not know who we are.
        is_credential: bool,
        /// When it can be asked again, if it said so.
        after: Option<Duration>,
    },
    /// A message could not be written as mail.
    #[error("the message cannot be written as mail")]
    Message,
}

/// Keeps the books of channels over restarts. Both block.
pub trait Memory: Send + Sync + 'static {
    /// What was kept under a name.
    fn load(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Keeps something under a name; it is on the disk when this returns.
    fn save(&self, name: &str, value: String) -> Result<(), StoreError>;
}

impl Memory for Store {
    fn load(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.cursor(name)
    }

    fn save(&self, name: &str, value: String) -> Result<(), StoreError> {
        self.accept(Vec::new(), Some(Cursor { name: name.to_owned(), value })).map(drop)
    }
}
