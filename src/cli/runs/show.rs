//! `runs show`: the story of one run, what it waits for, and what a person can do now.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::json;

use super::command::moment;
use super::filter::Found;
use super::list;
use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure};
use crate::engine::{Fates, Happened, Kept, Way, story, ways};
use crate::job::{ABANDONED, NEVER_LEFT, NOT_SENT, RunId, Verdict};
use crate::journal::{Reader, StoreError};

pub(super) fn run(common: &Common, reader: &Reader, run: RunId) -> Result<ExitCode, Failure> {
    let record = match reader.job(run.job) {
        Err(StoreError::NoSuchJob(_)) => return Err(no_such(run)),
        record => record.map_err(Failure::wrong)?,
    };
    let fates = Fates::of(reader, record).map_err(Failure::wrong)?;
    let record = fates.record();
    let wanted = BTreeSet::from([run.position]);
    let fate = fates.some(&wanted).map_err(Failure::wrong)?.remove(&run.position);
    let fate = fate.ok_or_else(|| no_such(run))?;
    let known = match Kept::open(reader, record) {
        Ok(kept) => kept.look_up(&wanted).map_err(Failure::wrong)?.remove(&run.position),
        Err(_) => None,
    };
    let found = Found { run, fate, known };
    let story = story(reader, run).map_err(Failure::wrong)?;
    let ways = ways(run, &found.fate);
    match common.output {
        Format::Json => output::json(&object(&found, &record.workflow_name, &story, &ways))?,
        Format::Text => output::text(&in_words(&found, &record.workflow_name, &story, &ways))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn no_such(run: RunId) -> Failure {
    let list = format!("`privaflow runs list --job {}` shows its runs", run.job);
    Failure::Usage(format!("there is no run {run} as far as the journal knows; {list}"))
}

fn object(found: &Found, workflow: &str, story: &[Happened], ways: &[Way]) -> serde_json::Value {
    let mut object = list::object(found, workflow);
    let events: Vec<_> = story
        .iter()
        .map(|happened| {
            let verdict = happened.verdict.map(words);
            let mut event = json!({
                "at": moment(happened.at_ms), "event": happened.event, "step": happened.step,
                "batch": happened.batch, "attempt": happened.attempt, "status": happened.status,
                "request_id": happened.request_id, "accepted": happened.accepted,
                "until": happened.until_ms.map(moment), "state": verdict.map(|(state, _)| state),
                "reason": verdict.and_then(|(_, reason)| reason), "by": happened.by, "text": happened.text,
            });
            if let Some(members) = event.as_object_mut() {
                members.retain(|_, value| !value.is_null());
            }
            event
        })
        .collect();
    let commands: Vec<_> =
        ways.iter().map(|way| json!({ "command": way.command, "does": way.does })).collect();
    if let Some(members) = object.as_object_mut() {
        let message = found.fate.failure.as_ref().map(|failure| failure.message.clone());
        let until = found.fate.wait.as_ref().map(|(_, until_ms)| moment(*until_ms));
        members.insert("message".to_owned(), json!(message));
        members.insert("until".to_owned(), json!(until));
        members.insert("events".to_owned(), json!(events));
        members.insert("commands".to_owned(), json!(commands));
    }
    object
}

fn words(verdict: Verdict) -> (&'static str, Option<&'static str>) {
    match verdict {
        Verdict::Done => ("done", None),
        Verdict::Skipped(skip) => ("skipped", Some(skip.word())),
        Verdict::Failed(fail) => ("failed", Some(fail.word())),
        Verdict::Waiting(pause) => ("waiting", Some(pause.word())),
    }
}

fn in_words(found: &Found, workflow: &str, story: &[Happened], ways: &[Way]) -> String {
    let Found { run, fate, .. } = found;
    let mut text = format!("{run}  {workflow}");
    if let Some(request) = found.request() {
        text.push_str(&format!("  request {}", output::plain(request)));
    }
    if let Some(line) = found.line() {
        text.push_str(&format!("  line {line}"));
    }
    text.push_str(&format!("\n  {}", fate.state()));
    let reason = fate.reason().into_iter().chain(fate.code().filter(|code| Some(*code) != fate.reason()));
    reason.for_each(|reason| text.push_str(&format!("  {reason}")));
    if let Some(step) = fate.step() {
        text.push_str(&format!("  at step {step}"));
    }
    if let Some((_, until_ms)) = &fate.wait {
        text.push_str(&format!("  until {}", moment(*until_ms)));
    }
    if let Some(failure) = &fate.failure {
        text.push_str(&format!("\n  {}", output::plain_text(&failure.message)));
    }
    let yes = |is_so| if is_so { "yes" } else { "no" };
    text.push_str(&format!("\n  accepted {}, verified {}\n\n", yes(fate.accepted), yes(fate.verified)));
    for happened in story {
        text.push_str(&format!("  {}  {}\n", moment(happened.at_ms), sentence(happened)));
    }
    if !ways.is_empty() {
        text.push_str("\nwhat you can do now:\n");
        for way in ways {
            text.push_str(&format!("  {}\n      {}\n", way.command, way.does));
        }
    }
    text
}

fn sentence(happened: &Happened) -> String {
    let mut text = format!("{:<9}", happened.event);
    let mut say = |part: String| {
        text.push(' ');
        text.push_str(&part);
    };
    if let Some(step) = &happened.step {
        say(format!("step {step}"));
    }
    if let Some(batch) = happened.batch {
        say(format!("batch {batch}"));
    }
    if let Some(attempt) = happened.attempt.filter(|attempt| *attempt > 0) {
        say(format!("try {}", attempt + 1));
    }
    match happened.status {
        Some(0) => say("no answer".to_owned()),
        Some(ABANDONED) => say("no answer in time".to_owned()),
        Some(NEVER_LEFT) => say("never left".to_owned()),
        Some(NOT_SENT) => say("not sent, in the shadow".to_owned()),
        Some(status) => say(format!("HTTP {status}")),
        None => {}
    }
    match (&happened.request_id, happened.status) {
        (Some(action), Some(NOT_SENT)) => say(action.clone()),
        (Some(id), _) => say(format!("service request {}", output::plain(id))),
        (None, _) => {}
    }
    if let Some(until_ms) = happened.until_ms {
        say(format!("until {}", moment(until_ms)));
    }
    if let Some((state, reason)) = happened.verdict.map(words) {
        // The code behind it says the same, or more.
        say(match (reason, &happened.text) {
            (Some(reason), None) => format!("{state} ({reason})"),
            (Some(_), Some(_)) | (None, _) => state.to_owned(),
        });
    }
    if let Some(by) = &happened.by {
        say(format!("by {}", output::plain(by)));
    }
    if let Some(more) = &happened.text {
        say(output::plain_text(more));
    }
    text
}
