//! What came of a job, as it can be told to another process: nothing in it refers to this one.

use serde::{Deserialize, Serialize};

use crate::engine::{Outcome, Summary};
use crate::job::Hold;

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Over all processes.
    pub summary: Summary,
    /// How this time ended.
    pub ending: Ending,
    /// Profiles that refused their credentials or could not be reached, and why.
    pub stopped: Vec<(String, String)>,
    /// The guard holds the job.
    pub held: Option<Hold>,
    /// Members of records that were ignored, and in how many records.
    pub unknown_members: Vec<(String, u64)>,
    /// Ignored members that are not named.
    pub unnamed_members: u64,
    /// Requests that are done although a step of theirs failed.
    pub tolerated: u64,
}

/// How the work on a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It went as far as it could.
    Worked,
    /// A person asked to stop.
    Interrupted,
    /// It was over before; nothing was done.
    WasFinished,
    /// It was given up before; nothing was done.
    WasCancelled,
    /// Somebody gave it up meanwhile.
    Cancelled,
    /// It could not go on (the disk is full, the input is gone), and why; what is known until then is told.
    GaveUp(String),
}

impl Report {
    /// Of a job that is over, whose summary is all there is to say.
    pub fn of_closed(summary: Summary, ending: Ending) -> Report {
        Report {
            summary,
            ending,
            stopped: Vec::new(),
            held: None,
            unknown_members: Vec::new(),
            unnamed_members: 0,
            tolerated: 0,
        }
    }

    /// Whether a stop left something undone.
    pub fn is_interrupted(&self) -> bool {
        self.ending == Ending::Interrupted && !self.summary.is_all_well()
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Report {
        let ending = match (outcome.was_finished, outcome.interrupted) {
            (true, _) => Ending::WasFinished,
            (false, true) => Ending::Interrupted,
            (false, false) => Ending::Worked,
        };
        Report {
            ending,
            stopped: outcome.stopped.into_iter().map(|stopped| (stopped.profile, stopped.why)).collect(),
            held: outcome.held,
            unknown_members: outcome.warnings.unknown_members().collect(),
            unnamed_members: outcome.warnings.unnamed(),
            tolerated: outcome.tolerated,
            summary: outcome.summary,
        }
    }
}
