//! The sandbox: look-alikes of Braze and OneTrust on loopback, to try workflows and test the product
//! against. OneTrust's half stands in `onetrust`, both with the same people are a [`Scene`]; the rest
//! here is Braze's half.
//!
//! It enforces what Braze documents (keys, shapes, caps, per-object errors, limits, delayed
//! deletion) and says what it holds under `/sandbox/`. It knows nothing of workflows or jobs, and
//! nothing of the client's own catalogue: a rule both got wrong from one source would never show.
//! The same seed and the same requests in the same order give the same answers.
//!
//! ```text
//! GET  /sandbox/profiles[?external_id=|email=]   every profile, one JSON object a line
//! POST /sandbox/profiles                         one more profile, by its identifiers
//! GET  /sandbox/requests                         how often each path was asked
//! POST /sandbox/faults                           {"faults":[{"effect":"drop_after_applying","when":{"every":3}}]}
//! ```

mod admin;
mod alias;
mod body;
mod connection;
mod delete;
mod email;
mod exchange;
mod export;
mod faults;
mod identify;
mod limits;
mod listing;
pub mod onetrust;
mod options;
mod people;
mod rename;
mod reply;
mod route;
mod scene;
mod seed;
mod server;
mod shared;
mod subscription;
mod subscription_read;
mod track;
mod view;
mod world;

pub use faults::{Effect, Fault, Faults, When};
pub use limits::{Limit, Limits, Pool, Reset};
pub use onetrust::OneTrust;
pub use options::{Options, SandboxError};
pub use people::Identity;
pub use scene::{Scene, Statement, Story, Task};
pub use seed::{AliasName, Identifiers};
pub use server::Sandbox;
pub use shared::Requests;
pub use view::Profile;
