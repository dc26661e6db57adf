//! One step of a workflow, as it is carried out: compiled, checked, without open questions.

use std::time::Duration;

use super::{Composed, Retry};
use crate::catalogue::Action;
use crate::condition::Condition;
use crate::source::Span;
use crate::template::{Leaf, Tree};

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
    /// Only on actions of the catalogue.
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
    pub at: Span,
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
    /// Makes the calls of an action made of others, one after another.
    Composed(Box<Composed>),
    /// Writes into `vars`, in order: a value may read the one before it.
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
    /// Waits until somebody says yes or no.
    Approve(Approve),
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

/// What somebody is asked.
#[derive(Debug)]
pub struct Approve {
    /// For people, with everything but request id, kind, reason and step status redacted.
    pub message: Option<Leaf>,
    /// Who may answer, as the system knows them; nobody named: everybody who may write the store.
    pub approvers: Vec<String>,
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
