//! Under which reason a run fails whose call was refused.

use crate::catalogue::Refusal;
use crate::job::Fail;

/// The code of a call for whose system there is no profile at all.
pub const NO_PROFILE: &str = "no_profile";
/// The code of a call of which nobody knows which profile it goes to.
pub const UNKNOWN_PROFILE: &str = "unknown_profile";

/// The reason of the summary for a refusal.
pub(super) fn reason_of(refusal: &Refusal) -> Fail {
    match refusal.code {
        "wrong_type" => Fail::WrongType,
        UNKNOWN_PROFILE | NO_PROFILE => Fail::Template,
        "timeout" => Fail::Timeout,
        _ => Fail::Refused,
    }
}
