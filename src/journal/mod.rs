//! The store of a process: what came in, jobs, their events, the indexes of ids and marks, and the keys, on the
//! disk.
//!
//! One process owns a store; one thread in it writes, and groups what came meanwhile into one commit
//! that is on the disk before anyone hears of it. Readers have connections of their own. What events
//! mean is the work of `job`; acting on them that of `engine`. The rule that keeps it right: nothing
//! is ever reported durable that is not, and after one failed write nothing is written any more.

mod backup;
mod canary;
mod carried;
mod checksum;
mod codec;
mod commit;
mod compact;
mod directory;
mod erasures;
mod error;
mod events;
mod forget;
mod gate;
mod guard;
mod holds;
mod ids;
mod inbox;
mod index;
mod jobs;
mod keys;
mod ledger;
mod marks;
mod pages;
mod pauses;
mod prune;
mod pseudonyms;
mod reader;
mod remembered;
mod rests;
mod retention;
mod schema;
mod seal;
mod segments;
mod sought;
mod staff;
mod store;
mod unfinished;
mod unwatched;
mod watches;
mod writer;

pub use backup::{Backup, Replace, Restored, restore};
pub use canary::{CANARY_CURSOR, CANARY_ORIGIN, canary_queue, is_canary_queue, of_queue};
pub use carried::{Carried, Lost};
pub use codec::{CodecError, decode, encode};
pub use erasures::ErasedBy;
pub use error::{StoreError, has_no_room};
pub use forget::Destroyed;
pub use gate::{Asked as GateAsked, Erased, Release, Released};
pub use guard::Irreversible;
pub use holds::{Held, Hold, Holds};
pub use ids::{Ids, IdsLooked, Seen};
pub use inbox::{
    Accepted, Approval, Arrival, Came, Cursor, Due, FORGOTTEN, MOST_RECORD_BYTES, Most, Queued, SkipCount,
    Skipped, Standing, Turn, Window,
};
pub use jobs::{InputKind, JobRecord, NewJob};
pub use keys::{MasterSource, Masters, Rotated, Sealer};
pub use ledger::Stored;
pub use marks::{GateSeen, Marks, Space, TargetsLooked};
pub use pages::OwedPages;
pub use pauses::{Pause, Pauses, Scope, Switch};
pub use prune::Pruned;
pub use pseudonyms::Pseudonyms;
pub use reader::{Events, Reader, Recorded};
pub use rests::Rest;
pub use sought::Sought;
pub use staff::{StaffKind, StaffRecord, StaffRemoved, StaffRow, StaffSync, StaffWritten};
pub use store::Store;
pub use unfinished::{LeftJob, Unfinished};
pub use watches::{Found, WATCH, Watch};
pub use writer::{Sealed, Writer};

#[cfg(test)]
mod tests;
