//! What users did: sign-ins, and changes of their profiles.
//!
//! Sources: OneTrust's OpenAPI, Access Management (`loginHistory`, `userActivity`). Both name people and
//! where they sat, so neither prints.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::onetrust::dates::{self, moment};
use crate::onetrust::json::text;

/// One attempt to sign in.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// When, as RFC 3339.
    pub at: String,
    /// OneTrust's id of the user.
    pub user_id: Option<String>,
    /// Whether they came in; the service's words are `Success` and `Failure`.
    pub success: bool,
    /// From which address.
    pub ip: Option<String>,
    /// With which browser.
    pub agent: Option<String>,
}

impl SignIn {
    /// Reads one row of the history; `None` without a date.
    pub fn read(value: &Value) -> Option<SignIn> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        Some(SignIn {
            at: dates::of(value, &["createDT", "createdDate"])?,
            user_id: own(&["userId"]),
            success: text(value, &["status"]).is_some_and(|word| word.eq_ignore_ascii_case("success")),
            ip: own(&["ipAddress"]),
            agent: own(&["userAgentString"]),
        })
    }

    /// When.
    pub fn moment(&self) -> Option<Timestamp> {
        moment(&self.at)
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("success", &self.success).finish_non_exhaustive()
    }
}

/// One change of a user's profile.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// When, as RFC 3339.
    pub at: String,
    /// What happened: `User Edit`.
    pub event: Option<String>,
    /// What was changed.
    pub field: Option<String>,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
    /// By which part of OneTrust.
    pub method: Option<String>,
    /// By whom.
    pub by: Option<String>,
}

impl Activity {
    /// Reads one row; `None` without a date.
    pub fn read(value: &Value) -> Option<Activity> {
        let own = |names: &[&str]| text(value, names).map(str::to_owned);
        Some(Activity {
            at: dates::of(value, &["date"])?,
            event: own(&["event"]),
            field: own(&["fieldName"]),
            old: own(&["oldValue"]),
            new: own(&["newValue"]),
            method: own(&["method"]),
            by: own(&["updatedBy"]),
        })
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity").finish_non_exhaustive()
    }
}
