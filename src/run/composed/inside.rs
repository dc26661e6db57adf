//! What the machines of composed actions have in common: what they ask for and how they are told.
//!
//! Which of them is at work is known here and nowhere else.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::{Consent, Erased, Find};
use crate::catalogue::Action;
use crate::job::Fail;

/// The code of a request whose erasure cannot be verified before its deadline: a person must look.
pub const STILL_THERE: &str = "still_there";

/// What a composed action needs in order to go on.
pub(in crate::run) enum Asks {
    /// A call with this body; then [`Inside::hear`].
    Call(&'static Action, Value),
    /// Nothing before this moment, in Unix milliseconds.
    Pause { until_ms: i64 },
    /// It is over, with this output; whether it proves that what was written took effect.
    Done { output: Value, proves: bool },
    /// It cannot be carried out, or has failed.
    Fails(Failed),
}

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asks::Call(action, _) => write!(f, "Call({}, redacted)", action.id),
            Asks::Pause { until_ms } => write!(f, "Pause({until_ms})"),
            Asks::Done { proves, .. } => write!(f, "Done(redacted, proves: {proves})"),
            Asks::Fails(failed) => failed.fmt(f),
        }
    }
}

/// Why a composed action failed, in words that name no person.
#[derive(Debug)]
pub(in crate::run) struct Failed {
    pub reason: Fail,
    pub code: &'static str,
    pub message: String,
}

impl Failed {
    /// An option of it, or what it was given, is of no use.
    pub fn template(code: &'static str, message: impl Into<String>) -> Failed {
        Failed { reason: Fail::Template, code, message: message.into() }
    }
}

/// A duration as moments are counted.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A composed action that has begun.
#[derive(Debug)]
pub(in crate::run) struct Inside {
    /// How many calls were answered; also the number of the next one.
    pub number: u32,
    /// What it does.
    pub doing: Doing,
}

/// What a composed action does.
#[derive(Debug)]
pub(in crate::run) enum Doing {
    /// Looks for profiles.
    Find(Box<Find>),
    /// Looks until they are gone.
    Erased(Box<Erased>),
    /// Looks until what was set is so.
    Consent(Box<Consent>),
}

impl Inside {
    /// What it needs next; the same until it is told an answer, or the pause is over.
    pub fn next(&mut self, now_ms: i64) -> Asks {
        match &mut self.doing {
            Doing::Find(find) => find.next(),
            Doing::Erased(erased) => erased.next(now_ms),
            Doing::Consent(consent) => consent.next(now_ms),
        }
    }

    /// The pause that it asked for is over.
    pub fn end_pause(&mut self, now_ms: i64) {
        match &mut self.doing {
            Doing::Find(_) => {}
            Doing::Erased(erased) => erased.end_pause(now_ms),
            Doing::Consent(consent) => consent.end_pause(now_ms),
        }
    }

    /// Tells it what its call came to.
    pub fn hear(&mut self, output: &Value, at_ms: i64) {
        self.number = self.number.saturating_add(1);
        match &mut self.doing {
            Doing::Find(find) => find.hear(output),
            Doing::Erased(erased) => erased.hear(output, at_ms),
            Doing::Consent(consent) => consent.hear(output, at_ms),
        }
    }
}
