//! A workflow: what starts it, and its steps, decoded, compiled and checked.
//!
//! Everything that can be known from the file alone is decided here, once, and all mistakes are
//! reported together. What is left at run time are the person's values.

use std::time::Duration;

use indexmap::IndexMap;

use crate::catalogue::Action;
use crate::condition::Condition;
use crate::request;
use crate::template::{Leaf, Tree};

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
    /// Rendered once at the start of a run, in order.
    pub vars: Vec<(String, Tree)>,
    /// In order.
    pub steps: Vec<Step>,
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

/// What starts a workflow.
#[derive(Debug, Default)]
pub struct On {
    /// It can be run on a file.
    pub file: Option<FileTrigger>,
    /// Other triggers that stand in the file, by name; `serve` acts on them.
    pub others: Vec<String>,
}

/// How a file of requests is read.
#[derive(Debug, Default)]
pub struct FileTrigger {
    /// The kinds taken; `None` leaves it to the default (only `deletion` for irreversible actions).
    pub kinds: Option<Vec<request::Kind>>,
    /// `None`: by the file's name.
    pub format: Option<Format>,
    /// Of CSV and NDJSON; `None`: UTF-8.
    pub encoding: Option<String>,
    /// Templates over `row` that make a record, for files of another shape.
    pub map: Option<Tree>,
}

/// The format of a request file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Comma, semicolon or tab separated, first line names the columns.
    Csv,
}

/// How many distinct people may be touched irreversibly before a person is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guard {
    /// In one job; default 500 for a workflow with an irreversible action.
    pub per_job: Option<u64>,
    /// In any rolling hour of the workspace; default none.
    pub per_hour: Option<u64>,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Unique in the workflow, from 0 in the order of the file, loops included.
    pub number: u32,
    /// `[a-z][a-z0-9_]*`.
    pub id: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// How reports name it: the id, else `step-N` with N from 1 in the order of the file.
    pub label: String,
    /// Skipped when false.
    pub condition: Option<Condition>,
    /// What it does.
    pub kind: StepKind,
    /// Only on actions.
    pub repeat: Option<Repeat>,
    /// How often and how long a call is tried.
    pub retry: Retry,
    /// For the whole step, tries included; time in a limiter's queue does not count.
    pub timeout: Option<Duration>,
    /// A failure is a warning and the run goes on.
    pub continue_on_error: bool,
    /// Name of the profile, when the step says so.
    pub profile: Option<Leaf>,
    /// Byte range of the step in the file.
    pub at: crate::source::Span,
}

/// What a step does.
#[derive(Debug)]
pub enum StepKind {
    /// Calls a service.
    Action {
        /// From the catalogue.
        action: &'static Action,
        /// Body or query.
        with: Tree,
        /// Overrules the catalogue's reading of a reply.
        success_when: Option<Condition>,
    },
    /// Writes into `vars`.
    Set(Vec<(String, Setting)>),
    /// The steps once for each item, one item after another.
    ForEach {
        /// The list.
        list: Condition,
        /// What an item is called, default `item`.
        name: String,
        /// The body.
        steps: Vec<Step>,
    },
    /// Waits.
    Wait(Duration),
    /// Fails the run when false. The message is printed with everything but request id, kind,
    /// reason and step status redacted.
    Assert {
        /// What must hold.
        that: Condition,
        /// For people.
        message: Option<Leaf>,
    },
    /// Fails the run.
    Fail(Leaf),
    /// Ends the run: done if anything was written, else skipped.
    Stop(Option<Leaf>),
    /// Says something in the log.
    Log(Leaf),
}

/// A value that `set` writes.
#[derive(Debug)]
pub enum Setting {
    /// An expression.
    Expression(Condition),
    /// A number, boolean or null, as it stands.
    Literal(serde_json::Value),
}

/// The same call again until something holds.
#[derive(Debug)]
pub struct Repeat {
    /// Pause between tries.
    pub every: Duration,
    /// From the first try; when it passes, the step fails with `timeout`.
    pub at_most: Duration,
    /// Reads `output` and `response`.
    pub until: Condition,
}

/// Attempt and time budgets of a call.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Most attempts; a 429 is none.
    pub attempts: u32,
    /// From the first attempt.
    pub at_most: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: u32::MAX, at_most: Duration::from_secs(3600) }
    }
}
