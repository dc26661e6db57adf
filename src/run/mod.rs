//! One workflow carried out for one request: what comes next, given what was answered so far.
//!
//! A run is a state machine without a clock, a connection or a task. [`Run::next`] says what it
//! needs (a call, a pause, nothing more) and [`Run::answer`] tells it what a call came to. The same
//! answers in the same order give the same calls, which is how a run goes on after a crash: it is
//! started again and fed the answers that the journal kept.

mod approval;
mod composed;
mod course;
mod cover;
mod ending;
mod facts;
mod finish;
mod foreseen;
mod forget;
mod frame;
mod inside;
mod last;
mod looks;
mod loops;
mod machine;
mod open;
mod pauses;
mod phases;
mod preview;
mod quiet;
mod reads;
mod refused;
mod revealed;
mod sought;
mod spaces;
mod steps;
mod times;
mod unmapped;

pub use composed::STILL_THERE;
pub use course::{Course, Courses, Led};
pub use cover::Deserted;
pub use ending::Ending;
pub use facts::{Facts, Origin, Program};
pub use finish::{Finish, Trouble};
pub use machine::{Answer, CANARY_PROFILES, Next, Prepared, Run};
pub use preview::{Known, Preview, Previewed, preview, preview_failing};
pub use refused::{NO_PROFILE, UNKNOWN_PROFILE};
pub use revealed::{Revealed, Trusted, Whose};
pub use sought::Sought;
pub use spaces::Spaces;
pub use steps::NOT_THE_CANARY;
pub use times::Times;
pub use unmapped::count_unmapped;

#[cfg(test)]
mod tests;
