//! What the ledger says of single requests, and the page that an officer can file of each.

mod certificates;
mod find;
mod owed;

pub use certificates::{Certified, CertifyError, certify};
pub use find::{entries_of, runs_of};
