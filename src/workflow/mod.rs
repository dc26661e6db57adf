//! A workflow: what starts it, and its steps, decoded, compiled and checked.
//!
//! Everything that can be known from the file alone is decided here, once, and all mistakes are
//! reported together. What is left at run time are the person's values.

mod action;
mod composed;
mod cron;
mod kinds;
mod load;
mod look;
mod look_again;
mod look_opt_out;
mod map;
mod names;
mod notify;
mod options;
mod outline;
mod reader;
mod record;
mod report;
mod retry;
mod step;
mod steps;
mod texts;
mod trigger;
mod trigger_profile;
mod triggers;
mod triggers_onetrust;
mod triggers_schedule;
mod watch;
mod words;

use std::time::Duration;

use indexmap::IndexMap;

use crate::template::Tree;

pub use composed::{Composed, ErasedRules, FindRules, Kind, Others, Rules, StateRules};
pub use cron::{Cron, CronError};
pub use load::{Known, load, validate_text};
pub use look::{CAME_BACK, look, look_and_tell};
pub use notify::{Notify, Occasion};
pub use report::Report;
pub use retry::{Policies, Policy, Retry, Said};
pub use step::{Approve, Repeat, Setting, Step, StepKind};
pub use trigger::{
    ConsentRules, ConsentTrigger, Feed, FileTrigger, Format, Guard, Identifier, On, ScheduleTrigger,
    SubtaskRules, SubtaskTrigger, WebhookTrigger,
};
pub use trigger_profile::IDLE_TRIGGER;
pub use watch::{Again, Watch};

/// A workflow that may be carried out.
#[derive(Debug)]
pub struct Workflow {
    /// Unique name, `[a-z0-9-]`.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// `serve` runs only enabled workflows.
    pub enabled: bool,
    /// What starts it.
    pub on: On,
    /// Profile names by system, as the workflow's `profiles` gives them.
    pub profiles: IndexMap<String, String>,
    /// How many people it may touch irreversibly.
    pub guard: Guard,
    /// Each of its requests gets a certificate when it is over.
    pub certificate: bool,
    /// What people are told of it, and where.
    pub notify: Option<Notify>,
    /// Rendered once at the start of a run, in order.
    pub vars: Vec<(String, Tree)>,
    /// In order.
    pub steps: Vec<Step>,
    /// Carried out once when a run failed for good, in order; one that fails does not stop the others.
    pub on_failure: Vec<Step>,
    /// What a run tells by itself that came from a subtask of OneTrust.
    pub report: Option<Report>,
    /// When it is looked again whether the people it erased are still gone.
    pub watch: Option<Watch>,
    /// How long after the last thing that happened in a job what its failed requests remember is kept, so that
    /// they may be tried again; `None`: as long as the job is.
    pub retention: Option<Duration>,
    /// The file as it was read; a job keeps it.
    pub text: String,
    /// SHA-256 of `text`.
    pub digest: [u8; 32],
    /// Some step writes.
    pub writes: bool,
    /// Some step cannot be undone.
    pub irreversible: bool,
    /// Every key of a map in `vars` and every string that `vars` or a condition spells out, if the
    /// workflow reads `consents`: a purpose or status not among them is counted as unmapped.
    pub words: Option<std::collections::HashSet<String>>,
}
