//! What came of a job, for people and machines: talk on standard error, the summary on standard output.

use std::process::ExitCode;
use std::time::Duration;

use super::failure::{INTERRUPTED, NOT_ALL_WELL, SERVICE};
use super::output::{self, Format};
use super::{Common, Failure};
use crate::engine::Summary;
use crate::host::{Ending, Report};

/// Whether the log of the work went to our standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logged {
    /// The job was carried out in this process.
    Here,
    /// Another process carried it out, and has the log.
    Elsewhere,
}

/// Shows what came of a job; gives the exit code.
pub(super) fn report(common: &Common, report: &Report, logged: Logged) -> Result<ExitCode, Failure> {
    let summary = &report.summary;
    for (member, count) in &report.unknown_members {
        anstream::eprintln!(
            "warning: `{member}` is no member of a record and was ignored (in {})",
            output::counted(*count, "record")
        );
    }
    if report.unnamed_members > 0 {
        let more = output::counted(report.unnamed_members, "unknown member");
        anstream::eprintln!("warning: {more} more, ignored");
    }
    if report.tolerated > 0 {
        anstream::eprintln!(
            "warning: of {} requests a step failed and was tolerated (`continue_on_error`); --log info names each",
            report.tolerated
        );
    }
    for (profile, why) in &report.stopped {
        // The log said so at once; it is said again only to those who silenced it, or have no log of it.
        if logged == Logged::Elsewhere || !tracing::enabled!(tracing::Level::ERROR) {
            anstream::eprintln!("error: profile {profile} is stopped: {why}");
        }
        anstream::eprintln!(
            "what is not finished waits: mend profile {profile}, then the same command, or `privaflow jobs resume {}`, goes on",
            summary.job
        );
    }
    if let Some(hold) = &report.held {
        held(hold, &summary.job);
    }
    if summary.waiting_by.contains_key(crate::job::Pause::NeedsAttention.word()) {
        ways(summary);
    }
    match &report.ending {
        Ending::WasFinished => anstream::eprintln!("{} was finished before; nothing was sent", summary.job),
        Ending::WasCancelled => anstream::eprintln!("{} is cancelled; nothing was sent", summary.job),
        Ending::Cancelled => anstream::eprintln!("{} was cancelled while it was carried out", summary.job),
        Ending::Interrupted if report.is_interrupted() => anstream::eprintln!(
            "interrupted; the same command, or `privaflow jobs resume {}`, goes on",
            summary.job
        ),
        Ending::GaveUp(why) => {
            anstream::eprintln!("error: {why}\nwhat is known until then:");
        }
        Ending::Interrupted | Ending::Worked => {}
    }
    self::summary(common, summary)?;
    Ok(ExitCode::from(exit_code(report)))
}

fn exit_code(report: &Report) -> u8 {
    if report.is_interrupted() {
        INTERRUPTED
    } else if !report.stopped.is_empty() {
        SERVICE
    } else if matches!(report.ending, Ending::GaveUp(_)) {
        NOT_ALL_WELL
    } else if report.summary.is_all_well() {
        0
    } else {
        NOT_ALL_WELL
    }
}

/// Why a guard holds a job, and what a person can do.
pub(super) fn held(held: &crate::job::Hold, job: &str) {
    let why = match held.max_change {
        Some(percent) => format!(
            "the file has {}, the last finished job of the workflow had {}, and its guard allows a change of {percent}%",
            output::counted(held.subjects, "request"),
            held.limit
        ),
        None => format!(
            "the workflow would touch more than {} people in a way that cannot be undone, and its guard allows {}",
            held.subjects.saturating_sub(1),
            held.limit
        ),
    };
    anstream::eprintln!(
        "waiting: {why}; nothing was sent\n  look at `privaflow plan`, then `privaflow jobs approve {job}` and `privaflow jobs resume {job}`, or `privaflow jobs cancel {job}`"
    );
}

/// The commands for requests that failed or wait for a person.
pub(super) fn ways(summary: &Summary) {
    let job = &summary.job;
    let waiting_for_a_person = summary.waiting_by.get(crate::job::Pause::NeedsAttention.word());
    if let Some(count) = waiting_for_a_person {
        anstream::eprintln!(
            "{} for a person to decide: `privaflow runs list --job {job} --reason needs_attention`, then `privaflow runs show RUN` says what can be done",
            match count {
                1 => "1 request waits".to_owned(),
                count => format!("{count} requests wait"),
            }
        );
    }
    if summary.failed > 0 {
        anstream::eprintln!(
            "what failed: `privaflow runs list --job {job} --state failed`; `privaflow jobs retry {job} --failed` tries it again"
        );
    }
}

/// Shows a job's summary.
pub(super) fn summary(common: &Common, summary: &Summary) -> Result<(), Failure> {
    match common.output {
        Format::Json => output::json(summary),
        Format::Text => output::text(&in_words(summary)),
    }
}

fn in_words(summary: &Summary) -> String {
    let reasons = |reasons: &std::collections::BTreeMap<String, u64>| {
        let list: Vec<_> =
            reasons.iter().map(|(reason, count)| format!("{} {count}", output::plain(reason))).collect();
        list.join(", ")
    };
    let proof = format!("accepted {}, verified {}", summary.accepted, summary.verified);
    let rows = [
        ("done", summary.done, proof),
        ("skipped", summary.skipped, reasons(&summary.skipped_by)),
        ("failed", summary.failed, reasons(&summary.failed_by)),
        ("waiting", summary.waiting, reasons(&summary.waiting_by)),
    ];
    let width = summary.requests.to_string().len().max(4);
    let mut text =
        format!("{}  {}  {}\n", summary.job, summary.workflow, output::counted(summary.requests, "request"));
    for (word, count, why) in rows {
        let line = format!("  {word:<8} {count:>width$}  {why}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let seconds = Duration::from_millis(summary.duration_ms).as_secs_f64();
    text.push_str(&format!(
        "  {} in {}, {}, {seconds:.1} s\n",
        output::counted(summary.calls, "call"),
        output::counted(summary.http_requests, "HTTP request"),
        match summary.retries {
            1 => "1 retry".to_owned(),
            retries => format!("{retries} retries"),
        }
    ));
    if let Some(not_sent) = &summary.shadow {
        let calls = if not_sent.is_empty() { "nothing".to_owned() } else { reasons(not_sent) };
        text.push_str(&format!("  shadow: nothing was written; would have been sent: {calls}\n"));
    }
    if !summary.unmapped.is_empty() {
        text.push_str(&format!("  not mapped by any table: {}\n", reasons(&summary.unmapped)));
    }
    if let Some(failures) = &summary.failures {
        text.push_str(&format!("  each request that failed or waits for a person: {}\n", failures.display()));
    }
    text
}
