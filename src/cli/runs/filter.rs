//! Which runs are meant: by state, reason, code, workflow, job, id, or a person's identifier.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use crate::cli::Failure;
use crate::cli::who::named;
use crate::engine::{Fate, Fates, Gone, Kept, Known, requests_of};
use crate::job::{Fail, JobId, Pause, RunId, Skip};
use crate::journal::{JobRecord, Reader};
use crate::request::{Identity, identity};
use crate::source::{closest, safe_id};

/// Runs whose records are looked up together: a few megabytes.
const TOGETHER: usize = 8192;

/// What became of a run, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum State {
    Done,
    Skipped,
    Failed,
    Waiting,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Skipped => "skipped",
            State::Failed => "failed",
            State::Waiting => "waiting",
        }
    }
}

/// Which runs are meant; each option narrows the choice.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Filter {
    /// Only those that came to this
    #[arg(long, value_enum, value_name = "done|skipped|failed|waiting", hide_possible_values = true)]
    pub state: Option<State>,
    /// Only those for this reason, such as refused or needs_attention
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only those with this code, as the failures file has it
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Only those of this workflow
    #[arg(long, value_name = "NAME")]
    pub workflow: Option<String>,
    /// Only those of this job, such as job-7
    #[arg(long, value_name = "JOB")]
    pub job: Option<JobId>,
    /// Only requests with this id
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// Only those of the person with this identifier, such as an e-mail address, phone number or external
    /// id; - reads it from standard input. It is compared by digests, and shown nowhere
    #[arg(long, value_name = "IDENTIFIER")]
    pub subject: Option<Typed>,
}

/// An identifier that somebody typed.
#[derive(Clone)]
pub(super) struct Typed(String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(redacted)")
    }
}

impl std::str::FromStr for Typed {
    type Err = std::io::Error;

    fn from_str(text: &str) -> Result<Typed, std::io::Error> {
        let mut typed = text.to_owned();
        if text == "-" {
            typed.clear();
            std::io::stdin().read_line(&mut typed)?;
            typed.truncate(typed.trim_end_matches(['\r', '\n']).len());
        }
        Ok(Typed(typed))
    }
}

/// A run that was asked for, with what its record says of itself where that is known.
pub(super) struct Found {
    pub run: RunId,
    pub fate: Fate,
    pub known: Option<Known>,
}

impl Found {
    /// Its id, fit to be shown.
    pub fn request(&self) -> Option<&str> {
        let failure = self.fate.failure.as_ref();
        let noted = failure.and_then(|failure| failure.request.as_deref());
        noted.or_else(|| self.known.as_ref()?.request.as_deref())
    }

    /// Its line, from 1.
    pub fn line(&self) -> Option<u64> {
        let failure = self.fate.failure.as_ref();
        failure.map(|failure| failure.line).or_else(|| self.known.as_ref().map(|known| known.line))
    }
}

impl Filter {
    /// Whether every run is meant.
    pub fn is_empty(&self) -> bool {
        let Filter { state, reason, code, workflow, job, request, subject } = self;
        let words = [reason, code, workflow, request];
        state.is_none() && job.is_none() && subject.is_none() && words.iter().all(|word| word.is_none())
    }

    /// Refuses words that no run can have.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(Typed(typed)) = &self.subject {
            named(typed)?;
        }
        let Some(reason) = &self.reason else { return Ok(()) };
        let skips = Skip::ALL.iter().map(|skip| skip.word());
        let fails = Fail::ALL.iter().map(|fail| fail.word());
        let words: Vec<_> = skips.chain(fails).chain(Pause::ALL.iter().map(|pause| pause.word())).collect();
        if words.contains(&reason.as_str()) {
            return Ok(());
        }
        let hint = match closest(reason, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", words.join(", ")),
        };
        Err(Failure::Usage(format!("there is no reason `{reason}`; {hint}")))
    }

    /// The jobs that are meant, newest first.
    pub fn jobs(&self, reader: &Reader) -> Result<Vec<JobRecord>, Failure> {
        let mut jobs = match self.job {
            Some(job) => vec![reader.job(job)?],
            None => {
                // Nobody is behind a canary.
                let mut jobs = reader.jobs().map_err(Failure::wrong)?;
                jobs.retain(|job| !job.is_canary());
                jobs
            }
        };
        jobs.retain(|job| self.workflow.as_ref().is_none_or(|name| *name == job.workflow_name));
        jobs.reverse();
        Ok(jobs)
    }

    /// Calls `see` with the runs of a job that are meant, until it has seen enough.
    pub fn each(
        &self,
        reader: &Reader,
        fates: &Fates,
        mut see: impl FnMut(Found) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<ControlFlow<()>, Failure> {
        let record = fates.record();
        let mut looking = Looking { filter: self, reader, record, kept: None };
        let key = self.request.as_ref().map(|id| identity(&record.workflow_name, Identity::Id(id)));
        let theirs = match &self.subject {
            Some(Typed(identifier)) => {
                let (theirs, gone) = requests_of(reader, record, &named(identifier)?)?;
                if let Some(gone) = gone {
                    let job = record.id;
                    anstream::eprintln!(
                        "note: of {job} only requests that failed or wait for a person were looked up: {gone}"
                    );
                }
                if theirs.is_empty() {
                    return Ok(ControlFlow::Continue(()));
                }
                Some(theirs)
            }
            None => None,
        };
        let mut page = Vec::new();
        let went = fates.each(|fate| {
            if theirs.as_ref().is_some_and(|theirs| !theirs.contains(&fate.position)) {
                return Ok(ControlFlow::Continue(()));
            }
            let is_other = key.is_some() && fate.key.is_some() && fate.key != key;
            if is_other || !self.takes(&fate) {
                return Ok(ControlFlow::Continue(()));
            }
            page.push(fate);
            if page.len() < TOGETHER {
                return Ok(ControlFlow::Continue(()));
            }
            looking.show(std::mem::take(&mut page), &mut see)
        })?;
        match went {
            ControlFlow::Continue(()) => looking.show(page, &mut see),
            ControlFlow::Break(()) => Ok(ControlFlow::Break(())),
        }
    }

    fn takes(&self, fate: &Fate) -> bool {
        self.state.is_none_or(|state| state.word() == fate.state())
            && self.reason.as_deref().is_none_or(|reason| fate.reason() == Some(reason))
            && self.code.as_deref().is_none_or(|code| fate.code() == Some(code))
    }
}

/// Looking through one job.
struct Looking<'f> {
    filter: &'f Filter,
    reader: &'f Reader,
    record: &'f JobRecord,
    /// Its input, once something had to be looked up there.
    kept: Option<Result<Kept, Gone>>,
}

impl Looking<'_> {
    fn show(
        &mut self,
        page: Vec<Fate>,
        see: &mut impl FnMut(Found) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<ControlFlow<()>, Failure> {
        let is_unknown = |fate: &&Fate| fate.failure.is_none();
        let wanted: BTreeSet<u64> = page.iter().filter(is_unknown).map(|fate| fate.position).collect();
        let mut known = self.look_up(&wanted)?;
        let asked_for = self.filter.request.as_deref().map(|id| {
            let key = identity(&self.record.workflow_name, Identity::Id(id));
            (key, safe_id(id))
        });
        for fate in page {
            let run = RunId { job: self.record.id, position: fate.position };
            let known = known.remove(&fate.position);
            let found = Found { run, fate, known };
            if let Some((key, shown)) = &asked_for {
                let known_key = found.fate.key.or(found.known.as_ref().map(|known| known.key));
                let is_it = match known_key {
                    Some(known) => known == *key,
                    None => found.request() == Some(shown),
                };
                if !is_it {
                    continue;
                }
            }
            if see(found)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn look_up(&mut self, wanted: &BTreeSet<u64>) -> Result<HashMap<u64, Known>, Failure> {
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let (reader, record, is_first) = (self.reader, self.record, self.kept.is_none());
        match self.kept.get_or_insert_with(|| Kept::open(reader, record)) {
            Ok(kept) => kept.look_up(wanted).map_err(Failure::wrong),
            Err(gone) => {
                if is_first {
                    anstream::eprintln!("note: of {} no ids and lines are shown: {gone}", record.id);
                }
                Ok(HashMap::new())
            }
        }
    }
}
