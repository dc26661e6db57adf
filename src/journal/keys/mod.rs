//! A key for every request that something is kept of: made with what it seals, destroyed with the request.
//!
//! ```text
//! keys/   keys.db   master.key        beside the database, and never in a backup of it
//! ```
//!
//! What must wait (a record that came in, what a step answered) is sealed with a key of its request. The key
//! is wrapped by the master key of the store and lies in a file of its own; when the request is over the key
//! is destroyed, and no copy of the database can be read any more, by us either. What is sealed says the
//! number of its key. The rules that keep it right: a key is on the disk before what it seals is, it is
//! destroyed only after the end of its request is on the disk, and what a crash leaves is swept up at the
//! next start. A job that keeps nothing makes no key and costs nothing.

mod master;
mod outputs;
mod record;
mod restored;
mod ring;
mod rotate;
mod sealer;
mod sweep;
mod table;
mod wanted;

pub use master::{MasterSource, Masters};
pub use rotate::Rotated;
pub use sealer::Sealer;

pub(super) use outputs::Outputs;
pub(super) use record::{number_of, open_with, seal_with};
pub(super) use restored::{lost, numbers, take_out_lost};
pub(super) use ring::{Key, Ring};
pub(super) use sweep::ended_for_good;
pub(super) use table::TABLE;
