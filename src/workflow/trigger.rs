//! What starts a workflow, how its file of requests is read, and how far it may go unasked.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::Cron;
use crate::request;
use crate::template::Tree;

/// What starts a workflow. All but `file` are acted on by `serve`.
#[derive(Debug, Default)]
pub struct On {
    /// It can be run on a file.
    pub file: Option<FileTrigger>,
    /// A subtask of a data-subject request that is open in OneTrust.
    pub onetrust_subtask: Option<SubtaskTrigger>,
    /// A consent that changed in OneTrust.
    pub onetrust_consent: Option<ConsentTrigger>,
    /// A time of the day, week or month.
    pub schedule: Option<ScheduleTrigger>,
    /// A call from outside.
    pub webhook: Option<WebhookTrigger>,
}

/// Open subtasks in OneTrust start the workflow; they are found by asking again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtaskTrigger {
    /// A profile of the system `onetrust`.
    pub profile: String,
    /// How long after one look the next begins; default one minute.
    pub every: Duration,
    /// How far before the newest change seen the next look begins, for changes that show late; default
    /// ten minutes.
    pub overlap: Duration,
    /// Names of systems that system subtasks belong to, as OneTrust shows them; none: of any.
    pub systems: Vec<String>,
    /// Which subtasks, and what becomes of them.
    pub rules: SubtaskRules,
}

/// Which subtasks start a workflow, and how a request is made of one. Every member that is not empty
/// narrows the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtaskRules {
    /// Exact names of subtasks; none: any name.
    pub names: Vec<String>,
    /// Display names of request types of which the request has at least one; none: any.
    pub request_types: Vec<String>,
    /// Names of stages the request may be in, in any case and spelling of spaces; none: any that comes
    /// after the person's identity was verified and before the end.
    pub stages: Vec<String>,
    /// The kind of the requests that are made; `None`: by the request's types, and `other` when their
    /// names say nothing.
    pub kind: Option<request::Kind>,
    /// The language in which OneTrust names stages and types; default `en-us`.
    pub language: String,
    /// For an identifier of the person, the custom field that holds it. The e-mail address is that of
    /// the request unless a field is named for it.
    pub identifiers: IndexMap<Identifier, String>,
    /// Requests that OneTrust marks as tests start the workflow too; default no.
    pub take_test_requests: bool,
    /// Requests whose deadline is paused start the workflow too; default no.
    pub take_paused_requests: bool,
}

/// A way to name a person, and the member of `subject` that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// The customer's own id of the person, in Braze.
    ExternalId,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// Braze's own id of the person.
    BrazeId,
}

impl Identifier {
    /// All of them.
    pub const ALL: [Identifier; 4] =
        [Identifier::ExternalId, Identifier::Email, Identifier::Phone, Identifier::BrazeId];

    /// The member of `subject`.
    pub fn word(self) -> &'static str {
        match self {
            Identifier::ExternalId => "external_id",
            Identifier::Email => "email",
            Identifier::Phone => "phone",
            Identifier::BrazeId => "braze_id",
        }
    }

    /// The identifier of a member's name.
    pub fn of(word: &str) -> Option<Identifier> {
        Identifier::ALL.into_iter().find(|identifier| identifier.word() == word)
    }
}

/// Consents that change in OneTrust start the workflow; they are found by reading a list of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentTrigger {
    /// A profile of the system `onetrust`.
    pub profile: String,
    /// Which list of changes.
    pub feed: Feed,
    /// How long after one look the next begins; default one minute.
    pub every: Duration,
    /// How far before the newest change seen the next look begins, for changes that show late; default
    /// ten minutes.
    pub overlap: Duration,
    /// Where a look begins once a day, for changes that show long after they are dated; default two days
    /// before the newest change seen, and zero for never.
    pub look_back: Duration,
    /// Where the very first look begins; `None`: when `serve` first sees the trigger, less the overlap.
    pub start: Option<jiff::Timestamp>,
    /// Ask for the state of every topic and option, so that those that were refused show too. Only the
    /// list of profiles can say it.
    pub all_preferences: bool,
    /// Which changes, and what becomes of them.
    pub rules: ConsentRules,
}

/// The lists of changes that OneTrust keeps (OneTrust's OpenAPI, Universal Consent & Preference
/// Management).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feed {
    /// People and all their purposes, version 1; every account has it.
    Profiles,
    /// Rows of one person and one purpose, version 4; OneTrust's support enables it.
    Unordered,
    /// Single transactions.
    Transactions,
}

impl Feed {
    /// All of them.
    pub const ALL: [Feed; 3] = [Feed::Profiles, Feed::Unordered, Feed::Transactions];

    /// How workflows name it.
    pub fn word(self) -> &'static str {
        match self {
            Feed::Profiles => "profiles",
            Feed::Unordered => "unordered",
            Feed::Transactions => "transactions",
        }
    }
}

/// Which changes of consent start a workflow, and how a request is made of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRules {
    /// What the primary identifier of people in OneTrust is; default an e-mail address.
    pub identifier: Identifier,
    /// For an identifier of the person, the data element that holds it.
    pub data_elements: IndexMap<Identifier, String>,
    /// Ids of the purposes that count; none: all.
    pub purposes: Vec<String>,
    /// People whom OneTrust marks as tests start the workflow too; default no.
    pub take_test_subjects: bool,
}

impl Default for SubtaskRules {
    fn default() -> SubtaskRules {
        SubtaskRules {
            names: Vec::new(),
            request_types: Vec::new(),
            stages: Vec::new(),
            kind: None,
            language: "en-us".to_owned(),
            identifiers: IndexMap::new(),
            take_test_requests: false,
            take_paused_requests: false,
        }
    }
}

impl Default for ConsentRules {
    fn default() -> ConsentRules {
        ConsentRules {
            identifier: Identifier::Email,
            data_elements: IndexMap::new(),
            purposes: Vec::new(),
            take_test_subjects: false,
        }
    }
}

/// A time of the day, week or month starts the workflow: on a file, or once as a request of kind `other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleTrigger {
    /// When, in which time zone.
    pub cron: Cron,
    /// The file of requests, as `run --input` takes it; `None`: one request without a person.
    pub input: Option<PathBuf>,
}

/// A call to a hook of the settings starts the workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTrigger {
    /// A name under `hooks` of the settings.
    pub hook: String,
    /// For a hook whose calls name a subtask.
    pub subtask: SubtaskRules,
    /// For a hook whose calls are pushed changes of consent.
    pub consent: ConsentRules,
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

/// How far a job may go before a person is asked: how many distinct people it may touch irreversibly,
/// and how much larger or smaller than the last one it may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guard {
    /// In one job; default 500 for a workflow with an irreversible action.
    pub per_job: Option<u64>,
    /// In any rolling hour of the workspace; default none.
    pub per_hour: Option<u64>,
    /// By how many percent the requests of a file may be more or fewer than those of the last finished
    /// job of the workflow; default any.
    pub max_change: Option<u64>,
}
