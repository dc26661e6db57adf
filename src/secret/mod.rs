//! Values that must not be printed: credentials.
//!
//! Printing the type is safe, whoever prints it; `expose` is the one door out.

use std::fmt;
use zeroize::Zeroizing;

/// A credential. No `Display`, no `Serialize`, a `Debug` that says nothing, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a credential as it was read.
    pub fn new(value: String) -> Secret {
        Secret(Zeroizing::new(value))
    }

    /// The raw value. Call it only where it leaves for the service that must see it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
