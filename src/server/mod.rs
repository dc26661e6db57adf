//! The process that stays: takes requests in, and carries them out whenever they come.
//!
//! ```text
//! hook, poller, schedule ─ inbox ─ dispatcher ─ jobs of `host` ─ over
//! ```
//!
//! Whoever brings a request hears that it was taken once it is durable; from then on it is carried out, or
//! waits where everybody can see it. How a job is driven is the work of `engine`; which process owns the
//! store, that of `host`.

mod board;
mod canary;
mod carry;
mod directory;
mod dispatch;
mod files;
mod forecast;
mod health;
mod holds;
pub mod hooks;
mod idle;
mod in_the_way;
mod intake;
mod kept_texts;
mod listening;
mod polling;
mod pruning;
mod schedule;
mod serve;
mod shelf;
mod staying;
mod tell;
mod unreported;
mod watch;

pub use carry::{Seed, Ways};
pub use forecast::Late;
pub use idle::Idle;
pub use intake::Inbox;
pub use listening::{Line, Listening, Patience, answer};
pub use serve::{ServeError, Served, Server};
pub use shelf::{Placed, Shelf, Shown, Standing, standing};
