//! OneTrust's words for stages, statuses and request types, compared without case and separators.
//!
//! The same word comes as `In Progress`, `IN_PROGRESS` or `In progress`, and customers make stages of
//! their own. A word that is not known stays text: only what is known to be closed, or known to come
//! before the person's identity was verified, counts as such. Sources: OneTrust's OpenAPI, `POST
//! /v3/subtasks` and `GET /v2/requestqueues`, and real answers.

use crate::request::Kind;

/// The statuses of subtasks that wait for somebody's work, as the filter of `POST /v3/subtasks` spells
/// them (OneTrust's OpenAPI, `getAllSubtasksV3UsingPost`).
pub const OPEN_STATUSES: [&str; 6] =
    ["Open", "Not Run", "Assigned", "Unassigned", "In Progress", "Processing"];

/// How far a subtask is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for work, or work goes on.
    Open,
    /// The work was done; a person looks at it.
    InReview,
    /// It was given up; a person decides.
    Failed,
    /// Nothing more happens.
    Closed,
    /// A word that nobody told us of.
    Unknown,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It came in; nobody has looked at it.
    New,
    /// Who asked is being verified, or could not be.
    Unverified,
    /// Nothing more happens.
    Closed,
    /// Any other stage, the customer's own included.
    Working,
}

/// A word without case, spaces and signs.
pub fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// Whether two words are the same but for case, spaces and signs.
pub fn same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// The status that a word names.
pub fn status(word: &str) -> Status {
    match plain(word).as_str() {
        "OPEN" | "NEW" | "NOTRUN" | "ASSIGNED" | "UNASSIGNED" | "INPROGRESS" | "PROCESSING" | "REOPENED" => {
            Status::Open
        }
        "READYFORREVIEW" | "INREVIEW" => Status::InReview,
        "FAILED" => Status::Failed,
        "COMPLETED" | "COMPLETE" | "REJECTED" | "DELETED" | "CLOSED" | "CANCELLED" | "CANCELED" => {
            Status::Closed
        }
        _ => Status::Unknown,
    }
}

/// The stage that a word names.
pub fn stage(word: &str) -> Stage {
    match plain(word).as_str() {
        "NEW" => Stage::New,
        "COMPLETE" | "COMPLETED" | "REJECTED" | "CLOSED" | "EXPIRED" | "DELETED" | "CANCELLED"
        | "CANCELED" => Stage::Closed,
        "UNVERIFIED" | "NOTVERIFIED" => Stage::Unverified,
        // Verifying identity, Verification, Identity verification, Verify identity; but not Verified.
        word if word.contains("VERIFY") || word.contains("VERIFICATION") => Stage::Unverified,
        _ => Stage::Working,
    }
}

/// The timer of a request stands still: `PAUSED`, or its code 10 (OneTrust's OpenAPI,
/// `additionalStatuses`; that 10 means paused and 0 not is inferred).
pub fn is_paused(word: &str) -> bool {
    matches!(plain(word).as_str(), "PAUSED" | "PAUSE" | "10")
}

/// Names under which request types ask for each kind; OneTrust's own and those customers commonly give.
const KINDS: [(Kind, &[&str]); 4] = [
    (
        Kind::Deletion,
        &[
            "ERASURE",
            "DATAERASURE",
            "ERASUREREQUEST",
            "ERASEMYDATA",
            "RIGHTTOERASURE",
            "RIGHTTOBEFORGOTTEN",
            "DELETE",
            "DELETION",
            "DATADELETION",
            "DELETIONREQUEST",
            "DATADELETIONREQUEST",
            "DELETEDATA",
            "DELETEMYDATA",
            "DELETEINFORMATION",
            "DELETEMYINFORMATION",
            "DELETEPERSONALDATA",
            "DELETEMYPERSONALDATA",
            "DELETEPERSONALINFORMATION",
            "DELETEMYPERSONALINFORMATION",
            "RIGHTTODELETE",
            "RIGHTTODELETION",
        ],
    ),
    (
        Kind::Access,
        &[
            "ACCESS",
            "DATAACCESS",
            "ACCESSREQUEST",
            "RIGHTTOACCESS",
            "RIGHTTOKNOW",
            "INFOREQUEST",
            "INFORMATIONREQUEST",
            "REQUESTINFORMATION",
            "ACCESSMYDATA",
            "ACCESSMYINFORMATION",
            "DATAPORTABILITY",
            "PORTABILITY",
        ],
    ),
    (
        Kind::Rectification,
        &[
            "RECTIFICATION",
            "DATARECTIFICATION",
            "CORRECTION",
            "DATACORRECTION",
            "UPDATEDATA",
            "CORRECTMYDATA",
        ],
    ),
    (
        Kind::OptOut,
        &[
            "OPTOUT",
            "OBJECTION",
            "UNSUBSCRIBE",
            "DONOTSELL",
            "DONOTSELLMYINFORMATION",
            "DONOTSELLMYINFO",
            "DONOTSELLMYPERSONALINFORMATION",
            "DONOTSELLORSHAREMYPERSONALINFORMATION",
            "WITHDRAWCONSENT",
            "OBJECTTOPROCESSING",
        ],
    ),
];

/// The kind that all of these request types ask for; `other` when there are none, when one is not known,
/// or when they ask for different things.
pub fn kind<'t>(types: impl IntoIterator<Item = &'t str>) -> Kind {
    let one = |name: &str| {
        let word = plain(name);
        KINDS.iter().find(|(_, names)| names.contains(&word.as_str())).map_or(Kind::Other, |(kind, _)| *kind)
    };
    let mut kinds = types.into_iter().map(one);
    let first = kinds.next().unwrap_or(Kind::Other);
    if kinds.all(|kind| kind == first) { first } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_same_in_every_spelling() {
        for word in ["In Progress", "IN_PROGRESS", "in progress", "InProgress", " in-progress "] {
            assert_eq!(status(word), Status::Open, "{word}");
        }
        assert_eq!(status("Ready for Review"), Status::InReview);
        assert_eq!(status("READY_FOR_REVIEW"), Status::InReview);
        assert_eq!(status("Completed"), Status::Closed);
        assert_eq!(status("Offen"), Status::Unknown);
    }

    #[test]
    fn every_open_status_of_the_filter_is_open() {
        assert!(OPEN_STATUSES.iter().all(|word| status(word) == Status::Open));
    }

    #[test]
    fn a_stage_before_the_person_was_verified_is_told_from_one_after() {
        for word in
            ["Verifying identity", "VERIFYING_IDENTITY", "VERIFICATION", "UNVERIFIED", "Verify Identity"]
        {
            assert_eq!(stage(word), Stage::Unverified, "{word}");
        }
        for word in ["In progress", "Identity verified", "Legal hold", "Löschung läuft"] {
            assert_eq!(stage(word), Stage::Working, "{word}");
        }
        assert_eq!(stage("Complete"), Stage::Closed);
        assert_eq!(stage("EXPIRED"), Stage::Closed);
    }

    #[test]
    fn request_types_that_ask_for_different_things_are_of_no_kind() {
        assert_eq!(kind(["Erasure"]), Kind::Deletion);
        assert_eq!(kind(["Delete My Data", "Erasure"]), Kind::Deletion);
        assert_eq!(kind(["Erasure", "Access"]), Kind::Other);
        assert_eq!(kind(["Do not delete my data"]), Kind::Other);
        assert_eq!(kind([]), Kind::Other);
    }
}
