//! Drives jobs: decides with the rules, acts through the services, and writes everything down first.
//!
//! A job goes one way: the reader cuts the input into chunks, workers plan them on every core, the
//! driver keeps order, gathers calls into batches, writes down that a batch is about to leave, sends
//! it, writes down what came of it, and only then lets its runs go on.

mod abandoned;
mod again;
mod answers;
mod aside;
mod asker;
mod batches;
mod brake;
mod cancel;
mod cut;
mod driver;
mod fair;
mod fresh;
mod gate;
mod guard;
mod history;
mod idle;
mod in_hand;
mod in_the_air;
mod job;
mod kept_back;
mod lanes;
mod limits;
mod look;
mod looked;
mod open;
mod outside;
mod plan_record;
mod planned;
mod progress;
mod reader;
mod recall;
mod relay;
mod replay;
mod report;
mod runs;
mod seeks;
mod send;
mod service;
mod shadow;
mod shared;
mod summary;
mod task;
mod thin;
mod timers;
mod turns;
mod unreadable;
mod witness;
mod worker;

pub use asker::{Asker, Told};
pub use brake::Brake;
pub use cancel::cancelled;
pub use cut::Cut;
pub use guard::DEFAULT_PER_JOB;
pub use history::{
    Decided, Fate, Fates, Gone, Happened, Kept, Known, Shown, Theirs, Undecidable, Way, answer, erased_among,
    forget, give_up, looked_at, looked_for_by, may_be_answered, may_be_cancelled, may_be_retried, reopen,
    requests_of, runs_of, shown_like, sought_like, story, watched, watched_given_up, ways,
};
pub use in_the_air::{Extent, Turn};
pub use job::{Order, Outcome, run};
pub use look::{Planned, each_request, nowhere, planned_calls, taken};
pub use open::{JobError, Place, find_or_create};
pub use progress::{Progress, Standing};
pub use recall::Recall;
pub use report::{standing, summary};
pub use service::{Service, Stopped};
pub use shared::Shared;
pub use summary::Summary;
pub use task::{EngineError, Patience, kinds_taken};
