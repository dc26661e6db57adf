//! Why something could not be done in a store, here or in the process that owns it.
//!
//! An error crosses the socket as a [`Refusal`]: its text with all causes, and what kind it is, so that
//! the asker ends with the same words and the same exit code as if it had done the work itself.

use std::error::Error;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::approvers::MayNot;
use crate::config::TokenError;
use crate::directory::DirectoryError;
use crate::engine::{EngineError, JobError, Undecidable};
use crate::intake::InputError;
use crate::job::{JobId, RunId, Status, WindowId};
use crate::journal::{StoreError, has_no_room};
use crate::source::{Colour, Mistake, Source, render};
use crate::wire::WireError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The engine, where no job was driven.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A workflow has mistakes.
    #[error("{} cannot be used", file.name)]
    Mistakes {
        /// The file.
        file: Box<Source>,
        /// All of them.
        mistakes: Vec<Mistake>,
    },
    /// A workflow has no `file` among its triggers.
    #[error("workflow `{0}` cannot be run on a file: add `file: {{}}` under its `on`")]
    NotOnFiles(String),
    /// A window of what came in was named as an input.
    #[error(
        "`{0}` is a part of what came in, which only its own job reads; a file of that name is given as `./{0}`"
    )]
    Window(WindowId),
    /// What came in waits for its workflow.
    #[error(
        "workflow `{0}` is not on the disk, not enabled, or not approved; `privaflow workflows list` shows which"
    )]
    NotReady(String),
    /// The settings do not say where the workflow's calls go.
    #[error(
        "the settings have no profile for this workflow: add one of the system it calls under `profiles`, or try it with --sandbox"
    )]
    NoProfile,
    /// The settings of the process that owns the store have no canary.
    #[error("the settings have no `canary`")]
    NoCanary,
    /// A profile has a credential of another kind.
    #[error("profile `{0}` is for Braze and needs a `token`, not `oauth2`")]
    NoToken(String),
    /// Who works in OneTrust could not be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A credential is not there.
    #[error(transparent)]
    Credential(#[from] TokenError),
    /// A profile cannot be used.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Another job left requests in the air that must be answered before anything newer leaves for the same
    /// people.
    #[error("{job} was left with requests in the air, and {}", why.until_then(*job))]
    InTheAir {
        /// That job.
        job: JobId,
        /// Why they could not be answered now.
        why: StillInTheAir,
    },
    /// The guard holds the job.
    #[error("{0} is held by its guard: `privaflow jobs approve {0}` first, or `privaflow jobs cancel {0}`")]
    Held(JobId),
    /// A decision that the job is not waiting for.
    #[error("{job} is {}: there is nothing to decide", status.word())]
    NothingToDecide {
        /// The job.
        job: JobId,
        /// Where it stands.
        status: Status,
    },
    /// Nothing is known of a run.
    #[error("there is no run {0} as far as the journal knows")]
    NoSuchRun(RunId),
    /// Somebody else is asked.
    #[error("{by} may not answer for {run}: {why}")]
    MayNotAnswer {
        /// The run.
        run: RunId,
        /// Who wanted to, as the system knows them.
        by: String,
        /// Why not.
        why: MayNot,
    },
    /// A decision that a run does not allow.
    #[error(transparent)]
    Undecidable(#[from] Undecidable),
    /// The store stopped writing.
    #[error("{0} cannot be changed: the store does not take it")]
    NotWritten(JobId),
    /// It was asked to stop before it began.
    #[error("interrupted before anything was done; the same command begins")]
    Interrupted,
    /// The socket of the store cannot be used.
    #[error("cannot {doing} `{}`", path.display())]
    Socket {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// Another release owns the store.
    #[error(
        "the store is owned by process {pid}, which is privaflow {theirs} (protocol {their_protocol}); this is {ours} (protocol {our_protocol}): use that release, or wait for the process to end"
    )]
    OtherRelease {
        /// Its process.
        pid: u32,
        /// Its release.
        theirs: String,
        /// Of the socket.
        their_protocol: u32,
        /// This release.
        ours: &'static str,
        /// Of the socket.
        our_protocol: u32,
    },
    /// The owner of the store has other settings.
    #[error(
        "the store is owned by a process with other settings: {theirs} there, {ours} here; use the same file, or wait for the process to end"
    )]
    OtherSettings {
        /// Its file.
        theirs: String,
        /// Our file.
        ours: String,
    },
    /// The file of the settings is the same, and was changed since the owner read it.
    #[error(
        "the settings in {path} were changed since the process that owns the store, {pid}, was started with them: restart it, or put them back as they were"
    )]
    ChangedSettings {
        /// The file.
        path: String,
        /// The process of the owner.
        pid: u32,
    },
    /// What came through the socket is no line of the protocol.
    #[error("what came through the store's socket makes no sense: {0}")]
    Nonsense(&'static str),
    /// The owner of the store refused.
    #[error("{}", .0.text)]
    Refused(Refusal),
}

/// Why requests that a job left in the air could not be answered, and what helps.
#[derive(Debug, thiserror::Error)]
pub enum StillInTheAir {
    /// Its input is kept nowhere.
    #[error("its input was standard input")]
    StandardInput,
    /// Its workflow is no longer understood.
    #[error("its workflow cannot be read by this release")]
    Workflow,
    /// It cannot be driven.
    #[error("{}", with_causes(&**.0))]
    Unready(Box<HostError>),
    /// Its service was asked.
    #[error(transparent)]
    Left(Unanswered),
}

impl StillInTheAir {
    /// What waits until then, why, and the ways out.
    fn until_then(&self, job: JobId) -> String {
        let whom = match self {
            // The store stops everything: to give the job up would help nobody, and could not be written either.
            StillInTheAir::Unready(error) if error.is_unwritten() => {
                return format!("cannot have them answered now: {self}");
            }
            StillInTheAir::Left(_) => "for the same people",
            StillInTheAir::StandardInput | StillInTheAir::Workflow | StillInTheAir::Unready(_) => {
                "(for whom they are cannot be told)"
            }
        };
        let helps = self.what_helps(job);
        format!(
            "until they are answered nothing newer may leave {whom}: {helps}; then run the same command again, or give {job} up with `privaflow jobs cancel {job}`"
        )
    }

    /// Why they are not answered, and what helps but giving the job up.
    pub fn what_helps(&self, job: JobId) -> String {
        match self {
            StillInTheAir::StandardInput => {
                format!("{self}: give the same once more with `privaflow jobs resume {job} < FILE`")
            }
            StillInTheAir::Workflow => format!("{self}: go on with it with the release that began it"),
            StillInTheAir::Unready(error) if error.is_unwritten() => self.to_string(),
            StillInTheAir::Unready(_) => format!("{self}: mend that first"),
            StillInTheAir::Left(Unanswered::NoAnswer) => {
                format!("{self}: `privaflow jobs resume {job}` waits longer for it, once no pause holds it")
            }
            StillInTheAir::Left(Unanswered::Stopped { .. }) => self.to_string(),
        }
    }
}

/// Why a service that was asked again did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unanswered {
    /// The service refuses, or cannot be reached.
    #[error("profile {profile} is stopped: {why}: mend that first")]
    Stopped {
        /// The profile.
        profile: String,
        /// What is wrong.
        why: String,
    },
    /// It was sent again and again, or is held.
    #[error("there is no answer yet")]
    NoAnswer,
}

/// An error as it is told to another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong, with its causes.
    pub text: String,
    /// What kind of error it is.
    pub kind: Kind,
}

/// What an error means for who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing was done.
    Wrong,
    /// The mistakes of a file, written out.
    Mistakes,
    /// The job had to give up half-way.
    GaveUp,
    /// A service refused, or cannot be reached.
    Service,
    /// A person asked to stop.
    Interrupted,
}

impl HostError {
    /// What the error means for who asked.
    pub fn kind(&self) -> Kind {
        match self {
            HostError::Job(JobError::Engine(_)) => Kind::GaveUp,
            error if error.is_unwritten() => Kind::GaveUp,
            HostError::InTheAir { why: StillInTheAir::Left(Unanswered::Stopped { .. }), .. } => Kind::Service,
            HostError::InTheAir { why: StillInTheAir::Left(Unanswered::NoAnswer), .. } => Kind::GaveUp,
            HostError::InTheAir { why: StillInTheAir::Unready(error), .. } => error.kind(),
            HostError::Mistakes { .. } => Kind::Mistakes,
            HostError::Interrupted | HostError::Directory(DirectoryError::Interrupted) => Kind::Interrupted,
            HostError::Directory(error) if error.is_of_the_service() => Kind::Service,
            HostError::Refused(refusal) => refusal.kind,
            HostError::Job(_)
            | HostError::Store(_)
            | HostError::Input(_)
            | HostError::Engine(_)
            | HostError::NotOnFiles(_)
            | HostError::Window(_)
            | HostError::NotReady(_)
            | HostError::NoProfile
            | HostError::NoCanary
            | HostError::NoToken(_)
            | HostError::Directory(_)
            | HostError::Credential(_)
            | HostError::Wire(_)
            | HostError::InTheAir { .. }
            | HostError::Held(_)
            | HostError::NothingToDecide { .. }
            | HostError::NoSuchRun(_)
            | HostError::MayNotAnswer { .. }
            | HostError::Undecidable(_)
            | HostError::NotWritten(_)
            | HostError::Socket { .. }
            | HostError::OtherRelease { .. }
            | HostError::OtherSettings { .. }
            | HostError::ChangedSettings { .. }
            | HostError::Nonsense(_) => Kind::Wrong,
        }
    }

    /// Whether the store could not write, which stops everything alike.
    fn is_unwritten(&self) -> bool {
        match self {
            HostError::Engine(error) | HostError::Job(JobError::Engine(error)) => {
                matches!(error, EngineError::Journal(_))
            }
            HostError::Store(error) | HostError::Job(JobError::Store(error)) => has_no_room(error),
            _ => false,
        }
    }

    /// As another process is told of it.
    pub fn refusal(&self) -> Refusal {
        let kind = self.kind();
        if let HostError::Mistakes { file, mistakes } = self {
            return Refusal { text: render(mistakes, file, Colour::Plain), kind };
        }
        let mut text = with_causes(self);
        if let HostError::Credential(_) = self {
            text.push_str(&format!(
                " (in process {}, which owns the store and carries the job out: its environment counts)",
                std::process::id()
            ));
        }
        Refusal { text, kind }
    }
}

/// What is wrong, with all causes.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(why: StillInTheAir) -> String {
        HostError::InTheAir { job: JobId(1), why }.to_string()
    }

    #[test]
    fn a_full_disk_is_said_once_and_nobody_is_told_to_give_a_job_up_for_it() {
        let full = || StoreError::Full { path: "store".into() };
        let engine = HostError::Job(JobError::Engine(EngineError::from(full())));
        for error in [engine, HostError::Job(JobError::Store(full())), HostError::Store(full())] {
            let text = text(StillInTheAir::Unready(Box::new(error)));

            assert_eq!(text.matches("run the same command again").count(), 1, "{text}");
            assert!(text.contains("no space is left for the store `store`; make room"), "{text}");
            assert!(!text.contains("cancel") && !text.contains("mend"), "{text}");
        }
    }

    #[test]
    fn whoever_waits_for_a_job_is_told_what_is_wrong_with_it_and_both_ways_out() {
        let missing = InputError::Missing { path: "a.ndjson".into() };
        let gone = text(StillInTheAir::Unready(Box::new(HostError::Input(missing))));
        let standard_input = text(StillInTheAir::StandardInput);

        for text in [&gone, &standard_input] {
            assert!(text.ends_with("or give job-1 up with `privaflow jobs cancel job-1`"), "{text}");
            assert_eq!(text.matches("run the same command again").count(), 1, "{text}");
        }
        assert!(gone.contains("there is no file `a.ndjson`"), "{gone}");
        assert!(standard_input.contains("`privaflow jobs resume job-1 < FILE`"), "{standard_input}");
    }
}
