//! What is said of looks at erased people, to people and to programs: counts, and never whom.

use serde_json::{Value, json};

use super::watching::Looked;
use crate::journal::{Found, Watch};
use crate::source::duration_word;

/// A look, for people.
pub fn said(watch: &Watch, looked: &Looked) -> String {
    let (job, after) = (watch.job, after(watch));
    let Looked::Over(found) = looked else {
        let Looked::Open { why, .. } = looked else { return String::new() };
        return format!("the look after {after} at {job} is not over: {why}");
    };
    if let Some(why) = &found.why {
        return format!("the look after {after} at {job} found out nothing: {why}");
    }
    let Found { people, gone, came_back, erased_again, returned, unknown, .. } = found;
    let by: Vec<String> = found.by.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let by = match (by.is_empty(), found.named_only) {
        (true, _) => String::new(),
        (false, false) => format!(" (by {})", by.join(", ")),
        (false, true) => format!(" (by {}: only what the requests name)", by.join(", ")),
    };
    if gone == people {
        return format!("the look after {after} at {job}: {people} looked for, all gone{by}");
    }
    let parts = [
        (*gone, "gone"),
        (*came_back, "came back"),
        (*erased_again, "erased again"),
        (*returned, "came back with a newer consent"),
        (*unknown, "unknown"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("the look after {after} at {job}: {people} looked for, {}{by}", parts.join(", "))
}

/// A look, for programs.
pub fn watch_line(watch: &Watch, workflow: &str, now_ms: i64) -> Value {
    let moment = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let found = watch.found.clone().unwrap_or_default();
    json!({
        "job": watch.job.to_string(), "workflow": workflow, "after": after(watch), "due_at": moment(watch.due_ms),
        "state": state(watch, now_ms), "look": watch.look.map(|look| look.to_string()), "over_at": watch.over_ms.map(moment),
        "people": found.people, "gone": found.gone, "came_back": found.came_back,
        "erased_again": found.erased_again, "returned": found.returned, "unknown": found.unknown,
        "by": found.by, "named_only": found.named_only, "why": found.why,
    })
}

/// Where a look stands: `over`, `looking`, `due` or `waiting`.
pub fn state(watch: &Watch, now_ms: i64) -> &'static str {
    match (watch.over_ms, watch.look) {
        (Some(_), _) => "over",
        (None, Some(_)) => "looking",
        (None, None) if watch.due_ms <= now_ms => "due",
        (None, None) => "waiting",
    }
}

/// How long after the job a look is, as the workflow says it.
pub fn after(watch: &Watch) -> String {
    duration_word(std::time::Duration::from_millis(watch.after_ms.unsigned_abs()))
}
