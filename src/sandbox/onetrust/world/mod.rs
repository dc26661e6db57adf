//! What the OneTrust look-alike holds: requests with their subtasks, people with their consents, files,
//! users, and a record in order of everything that was changed.
//!
//! Nothing here knows HTTP, and nothing reads a clock: every change is told when it happens. The same
//! calls in the same order with the same seed give the same world, ids included.

mod add;
mod change;
mod consent;
mod consent_change;
mod directory;
mod export;
mod new;
mod request;
mod staff;
mod staff_change;
mod status;
mod subtask;

use std::collections::HashMap;

use indexmap::IndexMap;

pub use change::Change;
pub(super) use consent::{Profile, Purpose, Subject, Transaction};
pub use consent_change::{Choice, ConsentChange};
pub(super) use directory::Organization;
pub(super) use export::Export;
pub use new::{AddError, NewRequest, NewSubtask, TaskType};
pub(super) use request::{Comment, Request, Results};
pub(super) use staff::{Staff, User, UserGroup};
pub use staff_change::StaffChange;
pub(super) use status::{STAGES, Status, folded, stage_number};
pub(super) use subtask::Subtask;

/// Everything there is.
pub(super) struct World {
    seed: u64,
    drawn: u64,
    /// In the order in which they came.
    pub requests: Vec<Request>,
    by_ref: HashMap<String, usize>,
    /// In the order in which they came.
    pub subtasks: Vec<Subtask>,
    by_subtask: HashMap<String, usize>,
    /// Name by id.
    pub files: HashMap<String, String>,
    /// Stages that requests can be in, the documented ones first.
    pub stages: Vec<String>,
    /// Purposes by id.
    pub purposes: IndexMap<String, Purpose>,
    /// In the order in which they came.
    pub people: Vec<Subject>,
    by_identifier: HashMap<String, usize>,
    /// In the order in which they were saved.
    pub transactions: Vec<Transaction>,
    /// The one at the top, with those below it.
    pub organization: Organization,
    /// People who work in OneTrust.
    pub staff: Staff,
    /// Bulk exports, in the order in which they were asked for.
    pub exports: Vec<Export>,
    /// Everything that was changed, in order.
    pub changes: Vec<Change>,
}
