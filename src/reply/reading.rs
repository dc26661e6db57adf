//! What one answer means for every call that stood in its request.
//!
//! One reading, one next act: there is no status left to look at. An answer to a read holds personal
//! data, so `Debug` shows the kind of a reading and no more.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::catalogue::Refusal;

/// The headers of an answer that have a meaning here, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `Retry-After`: seconds, or a date.
    pub retry_after: Option<&'a str>,
    /// `X-Ratelimit-Retry-After`: seconds.
    pub x_ratelimit_retry_after: Option<&'a str>,
    /// `X-RateLimit-Reset`: seconds since 1970, on some contracts seconds from now.
    pub x_ratelimit_reset: Option<&'a str>,
    /// `ot-period`: over which time a limit of OneTrust counts that was used up, `MINUTE` or `HOUR`.
    pub ot_period: Option<&'a str>,
    /// `Date`: what time it is for the service, in whole seconds.
    pub date: Option<&'a str>,
    /// `Content-Type`: what the body says it is.
    pub content_type: Option<&'a str>,
}

impl Headers<'_> {
    /// When the service begins to count anew, by our clock; `None` if it does not say, or nothing that
    /// lies ahead.
    pub fn window_ends(&self, now: Timestamp) -> Option<Timestamp> {
        super::wait::window_ends(self, now)
    }
}

/// What one answer means for the calls of its request.
#[must_use]
pub enum Reading {
    /// Every call was accepted, and the answer says nothing else; their output is [`written`].
    Accepted,
    /// One verdict for each call, in their order.
    Items(Vec<Item>),
    /// One of the calls spoils the request, and the answer does not say which: nothing was done, or
    /// all that was done may be repeated. Send each half on its own.
    Split,
    /// Nothing was done. Send the same again, not before this moment if there is one.
    Retry {
        /// What the service asked for.
        not_before: Option<Timestamp>,
        /// Why.
        cause: Cause,
    },
    /// Of writes that are repeatable: somebody on the way says that nothing was done, who cannot know what became of it
    /// behind them. It may have been done. Send the same again, not before this moment if there is one.
    Declined {
        /// What was asked for.
        not_before: Option<Timestamp>,
    },
    /// No call with these settings can succeed.
    Stop(Stop),
    /// It may have been done or not. Only calls that are repeatable may be sent again.
    Unknown,
    /// The same of writes that are repeatable: an answer said that they were taken, and it cannot be read.
    Unreadable(Answerer),
}

/// Who seems to have given an answer that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// The service: it begins as its answers do.
    Service,
    /// Anybody: a proxy, a sign-in page, another service.
    Other,
}

/// What became of one call.
#[must_use]
pub enum Item {
    /// The service took a write, and says nothing else: its output is [`written`].
    Written,
    /// The service took it.
    Accepted {
        /// The output of the step.
        output: Value,
    },
    /// The service will never take it as it stands.
    Refused(Refusal),
    /// Nothing was done about it because of others in the request: send it again without them.
    Again,
    /// The answer cannot be told apart from that of others (an id that was renamed is answered
    /// under its new name): send it again in a request of its own.
    AskAlone,
}

/// Why a request is to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too many requests; counts as no attempt.
    Limited,
    /// The service was not reached or has no room.
    Unavailable,
}

/// Why no call with these settings can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// 401.
    #[error(
        "the service does not know the key: check the token, and that the host is the one of its workspace"
    )]
    Unauthorised,
    /// 403.
    #[error(
        "the key may not do this: check its permissions or scopes, its allowed addresses, and the account"
    )]
    Forbidden,
    /// 404, 405 or a redirect.
    #[error("the service has no such address: check the host of the profile")]
    NotFound,
    /// A 2xx that is no JSON object: a proxy, a sign-in page, another service.
    #[error(
        "what answers is not the service, whose answers are JSON: check the host of the profile, and any proxy on the way"
    )]
    NotTheService,
    /// A folder that is not there and cannot be made, or may not be written to.
    #[error("the folder of the profile may not be written to: check that it can be made, and its owner")]
    ClosedFolder,
}

/// The output of a step that wrote and was accepted.
pub fn written() -> Value {
    json!({"message": "success"})
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Accepted => f.write_str("Accepted"),
            Reading::Items(items) => f.debug_tuple("Items").field(items).finish(),
            Reading::Split => f.write_str("Split"),
            Reading::Retry { not_before, cause } => {
                f.debug_struct("Retry").field("not_before", not_before).field("cause", cause).finish()
            }
            Reading::Declined { not_before } => {
                f.debug_struct("Declined").field("not_before", not_before).finish()
            }
            Reading::Stop(stop) => f.debug_tuple("Stop").field(stop).finish(),
            Reading::Unknown => f.write_str("Unknown"),
            Reading::Unreadable(by) => f.debug_tuple("Unreadable").field(by).finish(),
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Written => f.write_str("Written"),
            Item::Accepted { output: _ } => f.debug_struct("Accepted").finish_non_exhaustive(),
            Item::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Item::Again => f.write_str("Again"),
            Item::AskAlone => f.write_str("AskAlone"),
        }
    }
}
