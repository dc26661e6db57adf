//! The actions a workflow can name: what an endpoint takes, how it is batched, limited and read.
//!
//! Entries are data (`catalogue.yaml` beside the reader of each service), never code. The rules they state are checked when
//! a workflow is loaded, as far as its text tells ([`check`]), and again on what was rendered
//! ([`check_rendered`]). Merging calls is the work of `plan`, reading replies that
//! of `braze` and `onetrust`.

mod action;
mod batch;
mod check;
mod composed;
mod entries;
mod field;
mod findings;
mod refusal;
mod reread;
mod rules;
mod shown;
mod targets;
mod wire;

pub use action::{Action, Effect, Limit, Method};
pub use batch::{Alone, Array, Batch, Groups, Identifier, Reply};
pub use check::{check, check_rendered, fits, fits_in_list};
pub use composed::{Choice, Composed, Compound, OWN, composed, find_composed};
pub use entries::{all, braze_hosts, find, is_known_host};
pub use field::{Field, Format, Shape};
pub use refusal::Refusal;
pub use reread::{Done, Reread};
pub use targets::{Members, OPTS_OUT, State, Targets};
pub use wire::{Multipart, Place};

#[cfg(test)]
mod check_tests;
