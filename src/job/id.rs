//! How jobs and their records are named: by number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a record stands in its input: 0 for the first record. Blank lines are not counted.
pub type Position = u64;

/// The number of a job in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job-{}", self.0)
    }
}

impl FromStr for JobId {
    type Err = NotAnId;

    /// Takes `job-7`, and `7` for those who type.
    fn from_str(text: &str) -> Result<JobId, NotAnId> {
        text.strip_prefix("job-").unwrap_or(text).parse().map(JobId).map_err(|_| NotAnId)
    }
}

/// One request of a job: what templates read as `run.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    /// The job.
    pub job: JobId,
    /// Where its record stands in the input.
    pub position: Position,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.job, self.position)
    }
}

impl FromStr for RunId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<RunId, NotAnId> {
        let (job, position) = text.split_once(':').ok_or(NotAnId)?;
        Ok(RunId { job: job.parse()?, position: position.parse().map_err(|_| NotAnId)? })
    }
}

/// A window of what came in from outside, which one job carries out. Its name is that job's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(pub i64);

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inbox:{}", self.0)
    }
}

impl FromStr for WindowId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<WindowId, NotAnId> {
        let number = text.strip_prefix("inbox:").ok_or(NotAnId)?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { number.parse().map(WindowId).map_err(|_| NotAnId) } else { Err(NotAnId) }
    }
}

/// A text that names no job or run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not written like job-7 or job-7:123")]
pub struct NotAnId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_from_a_file_by_its_name() {
        assert_eq!((WindowId(7).to_string(), "inbox:7".parse()), ("inbox:7".to_owned(), Ok(WindowId(7))));
        for file in ["./inbox:7", "inbox:", "inbox:+7", "inbox:7.ndjson", "-", "inbox:99999999999999999999"] {
            assert_eq!(file.parse::<WindowId>(), Err(NotAnId), "{file}");
        }
    }

    #[test]
    fn a_run_is_named_by_its_job_and_its_place_in_the_input() {
        let run = RunId { job: JobId(7), position: 123 };

        assert_eq!((run.to_string(), "job-7:123".parse()), ("job-7:123".to_owned(), Ok(run)));
        assert_eq!("7:123".parse(), Ok(run));
        for wrong in ["job-7", "job-7:", "job-7:-1", "job-x:1", "", "job-7:1:2"] {
            assert_eq!(wrong.parse::<RunId>(), Err(NotAnId), "{wrong}");
        }
    }
}
