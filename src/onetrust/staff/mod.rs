//! Who works in a tenant of OneTrust: what the answers about users, groups, organisations, sign-ins and
//! changes of profiles mean.
//!
//! Two families of endpoints tell the same facts differently: Access Management knows roles and the last
//! sign-in, SCIM knows neither, and nobody knows licences. What an answer does not say stays unknown here
//! and is never made up. Who asks, what is kept and for how long is the work of others.

mod group;
mod history;
mod organization;
mod scim;
mod user;

pub use group::{Group, GroupKind};
pub use history::{Activity, SignIn};
pub use organization::{Organization, organizations};
pub use scim::{Listed, list};
pub use user::{Role, User};

#[cfg(test)]
mod tests;
