//! One HTTP exchange, one limiter, one back-off: what every service of ours is talked to with.
//!
//! Nothing here knows a vendor. What a status or a header means is read by the module of the
//! service; what is sent next, and what is written down before it leaves, is decided by `engine`.
//! The rule that keeps it right: an exchange is [`Broken::NotSent`] only when not one byte of the
//! request can have left, and no window of a service ever sees more requests than its limit.

mod backoff;
mod bearer;
mod broken;
mod calm;
mod client;
mod exchange;
mod grant;
mod http;
mod learned;
mod limiter;
mod oauth2;
mod rate;

pub use crate::form::{Form, Part};
pub use backoff::Backoff;
pub use broken::{Broken, NotSent, Unknown};
pub use client::Client;
pub use exchange::{Answer, Exchange};
pub use grant::{GrantError, Granted};
pub use http::{Timeouts, WireError};
pub use limiter::{Grant, Limiter};
pub use oauth2::{ClientCredentials, Credential};
