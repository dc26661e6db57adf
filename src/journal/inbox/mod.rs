//! What came in from outside, durable before anybody is told that it was taken.
//!
//! ```text
//! hook, poller, schedule ─ accept ─ queue ─ window ─ job ─ the job is over ─ gone
//! ```
//!
//! An [`Arrival`] is a request record for one workflow. The same event again starts nothing, also long
//! after its row is gone; an older one of a sequence starts nothing either; a cursor moves in the
//! transaction of what was read up to it. Records are sealed. What they say, and when a window is made
//! of them, is for others to decide. The rule that keeps it right: a row goes only with the job that
//! carried it out, in the transaction that ends that job.

mod accept;
mod approvals;
mod arrival;
mod carry;
mod carry_known;
mod cipher;
mod look;
mod rows;
mod windows;

pub use approvals::Approval;
pub use arrival::{Accepted, Arrival, Cursor, MOST_RECORD_BYTES, SkipCount, Skipped, Turn};
pub use carry::Came;
pub use look::{Due, Queued, Standing};
pub use windows::{FORGOTTEN, Most, Window};

pub(super) use accept::{Accept, write};
pub(super) use arrival::{MOST_BYTES, MOST_ROWS};
pub(super) use carry::{Leave, has_newer, rows_of, take_over, waiting, windows};
pub(super) use cipher::Lock;
pub(super) use rows::{Amount, amount, forget_old, holds_of_one_key, move_cursor};
pub(super) use windows::{began, drop_waiting, job_is_gone};
