//! Whom a command is about, as typed: read alike by every command, and refused where nobody can be meant.
//!
//! Nothing that was typed is shown, whatever is wrong with it.

use super::Failure;
use crate::host::Typed;
use crate::request::Named;

/// Somebody as they were typed.
pub(super) fn named(typed: &str) -> Result<Named, Failure> {
    Named::parse(typed).map_err(|why| Failure::Usage(why.to_string()))
}

/// The same of somebody whom calls can address, to be handed to whoever owns the store.
pub(super) fn addressed(typed: &str) -> Result<Typed, Failure> {
    match named(typed)? {
        Named::By("device_id", _) => Err(Failure::Usage(
            "no call addresses anybody by a device, so nothing is kept of one here: name the person by an id, an address, \
             a number or an alias"
                .to_owned(),
        )),
        Named::Any(_) | Named::By(..) | Named::Alias { .. } => Ok(Typed(typed.to_owned())),
    }
}
