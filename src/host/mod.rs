//! Who owns a store, and how everybody else has something done in it.
//!
//! One process owns a store. It carries out its own job and, beside it, whatever other processes hand
//! over through a socket in the store: a [`Command`] goes there as one line, and comes back as the same
//! answer that it would have had here. A process that hands over keeps everything that it needs to do
//! the work itself, so nothing depends on who came first or who stays. How a job is driven is the work
//! of `engine`; what people read, and when a process owns or hands over, that of `cli`.

mod approve;
mod approvers;
mod behind;
mod canary;
mod canary_flight;
mod clients;
mod command;
mod connection;
mod decide;
mod deciding;
mod directory;
mod entered;
mod error;
pub mod evidence;
mod execute;
mod folder;
mod forget;
mod gate;
mod give_up;
mod guests;
mod let_go;
mod line;
mod look_said;
mod owner;
mod prepare;
pub mod probe;
mod protocol;
mod report;
mod serve;
mod services;
mod settle;
mod socket;
mod turns;
mod watching;

pub use approvers::{MayNot, approvers_of, approvers_of_nobody};
pub use canary::{Act, Beat, CanaryState, SOMEBODY_ELSE, UnderWay, explain};
pub use clients::Clients;
pub use command::{Answer, Command, GateCommand, Heard, HoldCommand, InputOrder, Resume, Run, Talk, Typed};
pub use connection::Connection;
pub use directory::staff_profiles;
pub use error::{HostError, Kind, Refusal, StillInTheAir, Unanswered};
pub use folder::{FolderError, workflow_files};
pub use look_said::{after, said, state, watch_line};
pub use owner::{Host, Job};
pub use prepare::{SPOOLED, open_input, warn_if_empty};
pub use protocol::SettingsName;
pub use report::{Ending, Report};
pub use serve::Listening;
pub use services::profiles;
pub use watching::{Looked, Through};
