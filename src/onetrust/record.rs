//! What an answer of OneTrust came to: a request record, or a reason why none.
//!
//! A record is complete and never changes: it holds nothing of when or how often it was read, so reading
//! again gives the same id and the same bytes, and starts nothing twice.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::source::safe_id;

/// What one subtask, row or event came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Judged {
    /// It starts the workflow.
    Start(Record),
    /// It does not, as it stands now.
    Skip(Reason),
}

/// Why something of OneTrust starts no workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The subtask has another name.
    WrongName,
    /// The request asks for something else.
    WrongType,
    /// The request is at a stage that the trigger does not take.
    WrongStage,
    /// The person's identity is not verified yet.
    NotVerified,
    /// The subtask or its request is completed, rejected or deleted.
    AlreadyClosed,
    /// The work of the subtask is done; a person looks at it.
    InReview,
    /// The subtask was given up; a person decides.
    Failed,
    /// The subtask's status is a word that nobody knows.
    UnknownStatus,
    /// The deadline of the request is paused.
    DeadlinePaused,
    /// The request is marked as a test.
    TestRequest,
    /// The person is marked as a test.
    TestSubject,
    /// Nothing says who the person is.
    NoIdentifier,
    /// None of the purposes counts for the trigger.
    NoPurpose,
    /// The answer lacks what tells it apart from others.
    Unreadable,
    /// OneTrust does not find it any more.
    Gone,
    /// The record is longer than any may be.
    TooLong,
}

impl Reason {
    /// It may be over soon without the subtask being touched: worth another look.
    pub fn may_pass(self) -> bool {
        matches!(self, Reason::WrongStage | Reason::NotVerified | Reason::DeadlinePaused)
    }

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Reason::WrongName => "wrong_name",
            Reason::WrongType => "wrong_type",
            Reason::WrongStage => "wrong_stage",
            Reason::NotVerified => "not_verified",
            Reason::AlreadyClosed => "already_closed",
            Reason::InReview => "in_review",
            Reason::Failed => "failed",
            Reason::UnknownStatus => "unknown_status",
            Reason::DeadlinePaused => "deadline_paused",
            Reason::TestRequest => "test_request",
            Reason::TestSubject => "test_subject",
            Reason::NoIdentifier => "no_identifier",
            Reason::NoPurpose => "no_purpose",
            Reason::Unreadable => "unreadable",
            Reason::Gone => "gone",
            Reason::TooLong => "too_long",
        }
    }
}

/// A request record as one line of JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    id: String,
    due: Option<Timestamp>,
    line: Vec<u8>,
}

impl Record {
    /// A record with an id of OneTrust's.
    pub(super) fn new(id: String, due: Option<Timestamp>, members: Map<String, Value>) -> Record {
        let mut record = Map::with_capacity(members.len() + 1);
        record.insert("id".to_owned(), Value::String(id.clone()));
        record.extend(members);
        Record { id, due, line: Value::Object(record).to_string().into_bytes() }
    }

    /// A record whose id is the digest of all it says, for what OneTrust gives no id.
    pub(super) fn digested(prefix: &str, members: Map<String, Value>) -> Record {
        let content = Value::Object(members);
        let id = format!("{prefix}:{}", hex(&Sha256::digest(content.to_string().as_bytes()), 16));
        let Value::Object(members) = content else { return Record::new(id, None, Map::new()) };
        Record::new(id, None, members)
    }

    /// The id: a stable one of OneTrust's, or a digest; never a personal value.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The legal deadline.
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The record, without a line end. It names the person.
    pub fn into_line(self) -> Vec<u8> {
        self.line
    }

    /// The record, without a line end. It names the person.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// What tells it apart from every other that may start a workflow.
    pub fn key(&self, workflow: &str) -> [u8; 32] {
        key(workflow, &self.id)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &safe_id(&self.id))
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

/// What tells the start of a workflow by a record apart from every other start, whichever way the record
/// came: a subtask that is pushed and found is one.
pub fn key(workflow: &str, id: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(workflow.len().to_le_bytes());
    digest.update(workflow.as_bytes());
    digest.update(id.as_bytes());
    digest.finalize().into()
}

/// The first bytes of a digest in hexadecimal.
pub(super) fn hex(digest: &[u8], bytes: usize) -> String {
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// An id that may be written as it stands, or a digest of it.
pub(super) fn safe(prefix: &str, id: &str) -> String {
    if safe_id(id) == id {
        format!("{prefix}:{id}")
    } else {
        format!("{prefix}:{}", hex(&Sha256::digest(id), 16))
    }
}
