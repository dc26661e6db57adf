//! What can be asked of the process that owns a store.
//!
//! A command says everything that the owner must know, and nothing that depends on where the owner
//! was started: paths are whole, and what the asker has in its memory comes as text. The same command
//! is carried out here when this process owns the store. A new one is a variant here and an arm in
//! `Host::execute`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::report::Report;
use crate::engine::{Standing, Summary};
use crate::job::{Answer as RunAnswer, JobId, Position, Reason};

/// What is to be done in a store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Carry a workflow out for every request of an input.
    Run(Run),
    /// Go on with a job where it stopped.
    Resume(Resume),
    /// Give a job up for good.
    Cancel {
        /// Which.
        job: JobId,
        /// Folder to which the path of its input is relative.
        folder: PathBuf,
        /// Who decided it.
        by: String,
    },
    /// Let a job begin that its guard holds.
    Approve {
        /// Which.
        job: JobId,
        /// Who decided it.
        by: String,
    },
    /// Open runs of a job again, so that going on with it carries them out.
    Reopen {
        /// Which job.
        job: JobId,
        /// Its runs.
        positions: Vec<Position>,
        /// Also calls that must not be repeated and may have been sent.
        even_if_sent: bool,
        /// Who decided it.
        by: String,
    },
    /// Give runs of a job up.
    GiveUp {
        /// Which job.
        job: JobId,
        /// Its runs.
        positions: Vec<Position>,
        /// Folder to which the path of its input is relative.
        folder: PathBuf,
        /// Who decided it.
        by: String,
    },
    /// Answer runs of a job that wait for somebody's yes or no.
    Decide {
        /// Which job.
        job: JobId,
        /// Its runs.
        positions: Vec<Position>,
        /// What is said.
        answer: RunAnswer,
        /// Who says it.
        by: String,
        /// Why, in their words.
        reason: Option<Reason>,
    },
    /// Look through the gate, or let somebody through.
    Gate(GateCommand),
    /// Change the hold list, or look at it.
    Hold(HoldCommand),
    /// Take a person who does not exist through a workflow, now.
    Canary {
        /// What messages call the workflow's file.
        workflow_name: String,
        /// The workflow itself.
        workflow_text: String,
    },
    /// Look again for the people whom jobs erased.
    Watch {
        /// Of these jobs; none: of all.
        jobs: Vec<JobId>,
        /// Also before it is due: the next look of each job.
        is_early: bool,
        /// How long to stay through pauses, in milliseconds.
        wait_ms: u64,
    },
    /// Remove jobs that were over before a moment, and give room back.
    Prune {
        /// Unix milliseconds.
        before_ms: i64,
    },
    /// Let texts of workflows start by themselves that write what cannot be undone.
    ApproveWorkflows {
        /// Names, with the SHA-256 of the texts.
        workflows: Vec<(String, [u8; 32])>,
        /// Who decided it.
        by: String,
    },
    /// Read who works in the tenants of OneTrust.
    SyncDirectory {
        /// By which profiles; none: as the settings say.
        profiles: Vec<String>,
    },
    /// Somebody has read what a restored store may have forgotten.
    AcknowledgeRestore {
        /// Who did.
        by: String,
    },
    /// Destroy what is kept of a person.
    Forget {
        /// Digests of what was typed (`request::Named::identifiers`), in hexadecimal digits.
        like: Vec<String>,
        /// Who decided it.
        by: String,
    },
    /// Wrap the keys of what waits with another master key.
    RotateKeys,
    /// Look at the emergency stop now: it was changed.
    Look,
}

impl Command {
    /// Whether it may take so long that others should not wait for the store meanwhile.
    pub fn is_long(&self) -> bool {
        match self {
            Command::Run(_)
            | Command::Resume(_)
            | Command::Watch { .. }
            | Command::Canary { .. }
            | Command::SyncDirectory { .. } => true,
            Command::Cancel { .. }
            | Command::Approve { .. }
            | Command::Reopen { .. }
            | Command::GiveUp { .. }
            | Command::Decide { .. }
            | Command::Gate(_)
            | Command::Hold(_)
            | Command::Prune { .. }
            | Command::ApproveWorkflows { .. }
            | Command::AcknowledgeRestore { .. }
            | Command::Forget { .. }
            | Command::RotateKeys
            | Command::Look => false,
        }
    }
}

/// Somebody as they were typed: an id, an address, a number; shown by nothing that prints this.
#[derive(Clone, Serialize, Deserialize)]
pub struct Typed(pub String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(redacted)")
    }
}

/// What is done with the gate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateCommand {
    /// Tell what it keeps.
    List {
        /// Of somebody.
        subject: Option<Typed>,
        /// Of these workspaces; of all that the settings have if there are none.
        workspaces: Vec<String>,
        /// Erased at this moment or later, in Unix milliseconds.
        since_ms: Option<i64>,
        /// Erased before this moment.
        before_ms: Option<i64>,
        /// So many at most, the newest.
        limit: usize,
    },
    /// Let people through, each with all that their erasure covered.
    Release {
        /// Whom.
        subjects: Vec<Typed>,
        /// In these workspaces.
        workspaces: Vec<String>,
        /// Why.
        reason: Reason,
        /// Who decided it.
        by: String,
    },
}

/// What is done with the hold list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCommand {
    /// Put somebody on it.
    Add {
        /// Whom.
        subject: Typed,
        /// Why.
        reason: Reason,
        /// When it ends by itself, in Unix milliseconds.
        until_ms: Option<i64>,
        /// Who decided it.
        by: String,
    },
    /// Take somebody off it.
    Remove {
        /// Whom.
        subject: Typed,
        /// Who decided it.
        by: String,
    },
    /// Tell all of it.
    List,
}

/// A workflow and an input.
#[derive(Clone, Serialize, Deserialize)]
pub struct Run {
    /// What messages call the workflow's file.
    pub workflow_name: String,
    /// The workflow itself.
    pub workflow_text: String,
    /// On what.
    pub input: InputOrder,
    /// SHA-256 of the input as the asker read it.
    pub input_digest: [u8; 32],
    /// How long to stay through pauses, in milliseconds.
    pub wait_ms: u64,
}

// The text of a workflow is long, and an address may stand in it.
impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("workflow_name", &self.workflow_name).finish_non_exhaustive()
    }
}

/// A job that is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resume {
    /// Which.
    pub job: JobId,
    /// Its input.
    pub input: InputOrder,
    /// How long to stay through pauses, in milliseconds.
    pub wait_ms: u64,
}

/// Where an input is found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InputOrder {
    /// The whole path; `-` for the standard input of this very process.
    pub path: PathBuf,
    /// As it was given; `-` for standard input.
    pub name: String,
    /// The file was made for this and goes away once it is open.
    pub is_spooled: bool,
}

/// What came of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A job was carried out, as far as it went.
    Job(Box<Report>),
    /// A job was changed; this is what it came to so far.
    Summary(Box<Summary>),
    /// Something else, as the command's own result.
    Result(serde_json::Value),
}

/// What is told while a command is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// A word for people.
    Say(String),
    /// How far the job is.
    Progress(Standing),
}

/// Tells whoever asked; nobody needs to listen.
#[derive(Debug, Clone)]
pub struct Talk(UnboundedSender<Heard>);

impl Talk {
    /// To whoever has the other end. A word now and then and ten figures a second: nothing piles up.
    pub fn to(heard: UnboundedSender<Heard>) -> Talk {
        Talk(heard)
    }

    /// Nobody listens.
    pub(crate) fn to_nobody() -> Talk {
        Talk(tokio::sync::mpsc::unbounded_channel().0)
    }

    /// A word for people.
    pub fn say(&self, text: impl Into<String>) {
        // Who asked may be gone.
        drop(self.0.send(Heard::Say(text.into())));
    }

    /// How far the job is.
    pub fn progress(&self, standing: Standing) {
        // Who asked may be gone.
        drop(self.0.send(Heard::Progress(standing)));
    }
}
