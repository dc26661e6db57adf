//! The words for where a subtask and a request stand.
//!
//! OneTrust writes them in several ways: filters say `In Progress`, answers `IN_PROGRESS`, stages come
//! as `VERIFYING IDENTITY` or `Verifying identity` (OneTrust's OpenAPI, SubTaskV3RequestDto and
//! SubTaskV3Dto). They are compared without case and separators.

/// Where a subtask stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox::onetrust) enum Status {
    Open,
    NotRun,
    Assigned,
    Unassigned,
    InProgress,
    Processing,
    ReadyForReview,
    Completed,
    Failed,
    Deleted,
    Rejected,
}

impl Status {
    /// Every status.
    const ALL: [Status; 11] = [
        Status::Open,
        Status::NotRun,
        Status::Assigned,
        Status::Unassigned,
        Status::InProgress,
        Status::Processing,
        Status::ReadyForReview,
        Status::Completed,
        Status::Failed,
        Status::Deleted,
        Status::Rejected,
    ];

    /// As filters write it.
    pub fn words(self) -> &'static str {
        match self {
            Status::Open => "Open",
            Status::NotRun => "Not Run",
            Status::Assigned => "Assigned",
            Status::Unassigned => "Unassigned",
            Status::InProgress => "In Progress",
            Status::Processing => "Processing",
            Status::ReadyForReview => "Ready for Review",
            Status::Completed => "Completed",
            Status::Failed => "Failed",
            Status::Deleted => "Deleted",
            Status::Rejected => "Rejected",
        }
    }

    /// As answers write it.
    pub fn code(self) -> &'static str {
        match self {
            Status::Open => "OPEN",
            Status::NotRun => "NOT_RUN",
            Status::Assigned => "ASSIGNED",
            Status::Unassigned => "UNASSIGNED",
            Status::InProgress => "IN_PROGRESS",
            Status::Processing => "PROCESSING",
            Status::ReadyForReview => "READY_FOR_REVIEW",
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
            Status::Deleted => "DELETED",
            Status::Rejected => "REJECTED",
        }
    }

    /// The number beside it. Only 30 for completed was ever seen; the others are made up.
    pub fn number(self) -> u32 {
        match self {
            Status::Open => 10,
            Status::Assigned => 15,
            Status::InProgress => 20,
            Status::Completed => 30,
            Status::Rejected => 40,
            Status::Deleted => 50,
            Status::NotRun => 60,
            Status::Processing => 70,
            Status::ReadyForReview => 80,
            Status::Failed => 90,
            Status::Unassigned => 95,
        }
    }

    /// The status of a word, however it is written.
    pub fn of(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| folded(status.words()) == folded(text))
    }

    /// Whether nothing is left to do.
    pub fn is_closed(self) -> bool {
        matches!(self, Status::Completed | Status::Rejected | Status::Deleted)
    }
}

/// The stages that every tenant has (OneTrust's OpenAPI, moveStatusByRequestRefIdUsingPUT).
pub(in crate::sandbox::onetrust) const STAGES: [&str; 5] =
    ["New", "Verifying Identity", "In Progress", "Rejected", "Complete"];

/// A stage or status for comparing: no case, no separators.
pub(in crate::sandbox::onetrust) fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The number of a stage, made up: tens in the order of `stages`.
pub(in crate::sandbox::onetrust) fn stage_number(stages: &[String], stage: &str) -> usize {
    stages.iter().position(|known| known == stage).map_or(0, |place| (place + 1) * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_however_it_is_written() {
        for text in ["In Progress", "IN_PROGRESS", "in progress", "InProgress"] {
            assert_eq!(Status::of(text), Some(Status::InProgress), "{text}");
        }
        assert_eq!(Status::of("Done"), None);
    }
}
