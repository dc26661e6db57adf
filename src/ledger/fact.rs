//! What entries say. The words and members are what auditors read: they are added to, never changed.
//!
//! Whoever a fact concerns stands in it one by one while they are few; of more there is the root of a tree
//! with a leaf for each, and what they came to by count.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcome::{Answered, Asked, Grouped, Outcome};

/// How many people stand in an entry one by one at most.
pub const FEW: usize = 8;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// From here on heads are signed with this key: 32 bytes, in hexadecimal digits.
    Key {
        /// The key.
        public_key: String,
    },
    /// Requests came in from outside, and are on the disk.
    Received {
        /// Name of the workflow that is to carry them out.
        workflow: String,
        /// Where they came from: `hook:NAME`, `subtask:PROFILE`, `consent:PROFILE`, `schedule`.
        origin: String,
        /// How many, without those that came before.
        requests: u64,
        /// Digests of few, as far as they have an id.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        digests: Vec<String>,
    },
    /// A process began to work on a job, for the first time or again.
    Opened {
        /// The job.
        job: String,
        /// Name of the workflow.
        workflow: String,
        /// SHA-256 of the workflow and what it calls.
        workflow_sha256: String,
        /// SHA-256 of the requests as they were read.
        input_sha256: String,
        /// Nothing of it went to a real service.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sandbox: bool,
        /// It only looked: no write left.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        shadow: bool,
        /// Its person does not exist: the pipe was tried.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        canary: bool,
    },
    /// Calls of few requests are about to leave.
    Planned {
        /// The job.
        job: String,
        /// Number of the batch in its job.
        batch: u64,
        /// 0, and absent, for the first attempt.
        #[serde(default, skip_serializing_if = "is_zero")]
        attempt: u32,
        /// Id of the action.
        action: String,
        /// Where they go.
        workspace: String,
        /// The requests, or the first of them.
        runs: Vec<String>,
        /// Whose requests these are, once for each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<Asked>,
    },
    /// An exchange ended.
    Answered(Answered),
    /// Requests ended, or wait, without an exchange of their own.
    Ended {
        /// The job.
        job: String,
        /// Number of the event in the store.
        event: i64,
        /// Of few requests.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outcomes: Vec<Outcome>,
        /// Whose requests these are, once for each, where no call said it before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<Asked>,
        /// Of many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tree: Option<Grouped>,
    },
    /// Calls were not made: what they would have written is older than what is there, or the person was
    /// erased since.
    Passed {
        /// The job.
        job: String,
        /// Number of the event in the store.
        event: i64,
        /// Of few requests.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outcomes: Vec<Outcome>,
        /// Of many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tree: Option<Grouped>,
    },
    /// A request waits until a moment.
    Waiting {
        /// The job.
        job: String,
        /// The request.
        run: String,
        /// Path of the step.
        step: String,
        /// The moment.
        until: String,
    },
    /// The guard held the job before its first call.
    Held {
        /// The job.
        job: String,
        /// What the guard counted.
        counted: u64,
        /// What it allows.
        allowed: u64,
    },
    /// A person let the job go on.
    Approved {
        /// The job.
        job: String,
        /// Who, as the system knows them.
        by: String,
    },
    /// A person ended the job.
    Cancelled {
        /// The job.
        job: String,
        /// Who, as the system knows them.
        by: String,
    },
    /// A person had requests tried again.
    Reopened {
        /// The job.
        job: String,
        /// Who, as the system knows them.
        by: String,
        /// How many requests.
        requests: u64,
        /// The requests, or the first of them.
        runs: Vec<String>,
        /// Also if their calls may have been sent.
        even_if_sent: bool,
    },
    /// Somebody answered requests that waited for that.
    Decided {
        /// The job.
        job: String,
        /// Who, as the system knows them.
        by: String,
        /// `approved`, `rejected`, or `let_go` of a hold.
        answer: String,
        /// How many requests.
        requests: u64,
        /// The requests, or the first of them.
        runs: Vec<String>,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Requests were given up of which nobody knows whether they erased: nothing proves that they did, and the gate
    /// keeps whom they were about from coming back as if they had.
    Presumed {
        /// The job.
        job: String,
        /// Whether they erased: `unknown`.
        outcome: String,
        /// How many requests.
        requests: u64,
        /// The requests, or the first of them.
        runs: Vec<String>,
        /// How many identifiers the gate keeps because of them.
        identifiers: u64,
    },
    /// Somebody was let through the gate again after an erasure.
    Released {
        /// Name of the workspace.
        workspace: String,
        /// Who decided it, as the system knows them.
        by: String,
        /// Why, in their words.
        reason: String,
        /// What the ledger calls the person.
        subject: Vec<String>,
    },
    /// Somebody must not be erased, or may be again.
    Hold {
        /// Its number.
        hold: i64,
        /// `added` or `removed`.
        change: String,
        /// Who decided it, as the system knows them.
        by: String,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Until when it holds, if it ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        /// What the ledger calls the person.
        subject: Vec<String>,
    },
    /// A process stopped working on the job; `finished` when nothing is left to do.
    Stopped {
        /// The job.
        job: String,
        /// Nothing is left to do.
        finished: bool,
        /// How many requests.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests: Option<u64>,
    },
    /// Events of jobs were removed from the journal; what the ledger says of them stays.
    Pruned {
        /// The jobs.
        jobs: Vec<String>,
    },
    /// What was kept of a person was destroyed before its time.
    Forgotten {
        /// Who decided it, as the system knows them.
        by: String,
        /// Digests of what was typed, as every kind of identifier that it could be, under the secret of the
        /// store.
        subject: Vec<String>,
        /// Requests that were not over.
        runs: u64,
        /// Records that came in and waited.
        records: u64,
    },
    /// A person who does not exist was made and taken through a workflow, to see whether the pipe works.
    Canary {
        /// Name of the workflow.
        workflow: String,
        /// When it began.
        began: String,
        /// The job, if it came to that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carried_out: Option<String>,
        /// Everything went as it should, and nobody was left.
        good: bool,
        /// How far it came: `create`, `appear`, `act`, `verify`.
        step: String,
        /// Why it came no further.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It was looked again whether the people whom a job erased are still gone.
    Watched {
        /// The job that erased.
        job: String,
        /// The job that looked, if it came to that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look: Option<String>,
        /// How long after the job was over: `7d`.
        after: String,
        /// Requests that were looked at.
        people: u64,
        /// Of them, those of whom nobody was found.
        gone: u64,
        /// Those who were there again, and are.
        came_back: u64,
        /// Those who were there again, and were erased again.
        erased_again: u64,
        /// Those who were there again and had given a newer consent.
        returned: u64,
        /// Those of whom it is not known.
        unknown: u64,
        /// By how many identifiers of each kind: those of the requests, and what else was covered.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        by: BTreeMap<String, u64>,
        /// What else their erasures covered was not kept: an earlier release carried them out.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        named_only: bool,
        /// Events of the job: who was done behind the first and up to the second was looked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        events: Option<(i64, i64)>,
        /// Why nobody could be looked for: `input_gone`, `input_edited`, `standard_input`, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<String>,
    },
    /// The store was put back to what it was: whatever came in between is not in this chain.
    Restored {
        /// When the copy was made.
        backup_at: String,
        /// How many identifiers of people erased since were taken over from the store that was replaced.
        #[serde(default)]
        erasures: u64,
        /// How many holds were.
        #[serde(default)]
        holds: u64,
        /// How many identifiers count as erased since a deletion of them left and was not answered.
        #[serde(default, skip_serializing_if = "is_zero")]
        presumed: u64,
        /// How many requests that came in since wait again.
        #[serde(default, skip_serializing_if = "is_zero")]
        requests: u64,
        /// Who was erased since is not known.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unknown: bool,
    },
    /// The root over the entries of a day (UTC), or of what there is of it.
    Day {
        /// The day, such as 2026-11-22.
        day: String,
        /// The first of its entries.
        first: u64,
        /// The last of its entries.
        last: u64,
        /// The root.
        root: String,
    },
    /// The chain as it stands, signed. The signature covers this entry up to itself.
    Head {
        /// The entry before it.
        of: u64,
        /// The hash of that.
        hash: String,
        /// Fingerprint of the key.
        key: String,
    },
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
