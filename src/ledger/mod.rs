//! The ledger: what was done, entry by entry, so that others can check it years later without us.
//!
//! ```text
//! event ─ fact ─ entry ─ chain (SHA-256) ─ signed head (Ed25519) ─ export ─ verified by anybody
//! ```
//!
//! An entry is a line of JSON, and its hash covers its bytes and the hash before it; an export carries
//! the bytes as they are stored. Here is what entries say and how they are checked; storing them is the
//! work of `journal`. The rule that keeps it right: no entry names a person. Requests and subjects are
//! digests under the secret of the store, and a bulk job leaves only the root over blinded leaves.

mod certificate;
mod chain;
mod concerns;
mod entry;
mod export;
mod fact;
mod hex;
mod leaf;
mod of_event;
mod outcome;
mod page;
mod proof;
mod remains;
mod signature;
mod teller;
mod tree;
mod verify;
mod watched;
mod witness;

pub use certificate::{Certificate, Ended, Line, Standing, Told};
pub use chain::{Chain, Hash};
pub use entry::{Entry, day_leaf, moment};
pub use export::{Exporter, head_of, keys_of};
pub use fact::{FEW, Fact};
pub use hex::{from_hex, to_hex};
pub use leaf::{Blinds, Said, said};
pub use of_event::of_event;
pub use outcome::{Answered, Asked, Grouped, Outcome};
pub use page::page;
pub use proof::{Proof, ProofError, Proved};
pub use remains::Remains;
pub use signature::{BadKey, PublicKey, Signer};
pub use tree::Tree;
pub use verify::{Broken, Verified, Verifier, Why};
pub use witness::{Answer, Digests, Received, Witness};

#[cfg(test)]
mod tests;
