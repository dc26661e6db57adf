//! Who may act in OneTrust, and who does: the staff of a tenant, read as identity products do.
//!
//! ```text
//! what may the credential ask? ─ users ─ who was not seen is looked up ─ groups ─ organisations ─ sign-ins ─ changes of profiles
//! ```
//!
//! A sync is resumable after every page, never takes anybody for gone whom it only did not meet, and says what
//! it could not learn and which scope would tell. What was read is sealed in the store and forgotten in time;
//! lists, reviews and approvals are answered from there by pure rules. The rule that keeps it right: what
//! nobody said is unknown, and unknown is never a permission.

mod approvers;
mod ask;
mod capability;
mod cursor;
mod error;
mod filter;
mod groups;
mod history;
mod live;
mod pattern;
mod person;
mod read;
mod review;
mod sync;
mod users;

pub use approvers::{Approvers, Denied, Meant, Named};
pub use capability::{Capability, Held, Standing, standing};
pub use cursor::{Counts, Gap, Told, Users};
pub use error::DirectoryError;
pub use filter::Filter;
pub use history::SignIns;
pub use live::{Life, live};
pub use person::{Person, Seen};
pub use read::{Directory, Own};
pub use review::{Finding, Section, review};
pub use sync::{Sync, Synced};

#[cfg(test)]
mod tests;
