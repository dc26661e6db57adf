//! `POST /hooks/NAME`: requests and consent changes that somebody pushes.
//!
//! ```text
//! who may call ─ who it is ─ how often ─ what is sent ─ durable ─ 202
//! ```
//!
//! Anything an outsider can send is bounded before it is read and proved before it is looked at, as far
//! as its kind of proof allows. The caller hears 202 only once everything is on the disk, and the same
//! event again is 202, too, and starts nothing. What is done with it then is the work of the inbox.

mod answer;
mod body;
mod call;
mod caller;
mod event;
mod gate;
mod intake;
mod kept;
mod looker;
mod looks;
mod proof;
mod rate;
mod record;
mod router;
mod subtask;
mod taken;

use call::Call;

pub use intake::{Intake, Look};
pub use looker::keep_looking;
pub use looks::Found;
pub use router::{Hooks, HooksError};
