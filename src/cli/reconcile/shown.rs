//! What a comparison came to, for people and machines; it names purposes and states, and nobody.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::output::{self, Format, counted, plain};
use crate::cli::{Common, Failure};
use crate::drift::{Counts, Row, Tally};
use crate::reconcile::Compared;

/// What is shown.
pub(super) struct Report<'a> {
    pub workflow: &'a str,
    pub compared: &'a Compared,
    /// Rows of OneTrust that are no record, by reason.
    pub skipped: &'a BTreeMap<&'static str, u64>,
    pub sample: Option<Sampled>,
    /// The file of what was lost, and how many records it has.
    pub out: Option<(&'a Path, u64)>,
    /// HTTP requests to Braze, and how many of them were made again.
    pub requests: (u64, u64),
    pub took: Duration,
}

/// How a sample was drawn.
pub(super) struct Sampled {
    pub size: u32,
    pub of: u64,
    pub seed: u64,
}

/// A line while it goes on.
pub(super) fn progress(tally: &Tally) -> String {
    let Counts { lost_opt_outs, lost_opt_ins, .. } = tally.all;
    let records = counted(tally.records, "record");
    format!("{records} compared, {lost_opt_outs} lost opt-outs, {lost_opt_ins} lost opt-ins")
}

/// Shows it, and says what stood in the way.
pub(super) fn show(common: &Common, report: &Report<'_>) -> Result<(), Failure> {
    if let Some(stopped) = &report.compared.stopped {
        anstream::eprintln!("error: profile {} is stopped: {}", stopped.profile, stopped.why);
    }
    if report.compared.is_interrupted || report.compared.stopped.is_some() {
        anstream::eprintln!("this is what was compared until then; the rest was not");
    }
    match common.output {
        Format::Json => output::json(&document(report)),
        Format::Text => output::text(&in_words(report)),
    }
}

fn document(report: &Report<'_>) -> Value {
    let Compared { tally, impossible, is_interrupted, stopped } = report.compared;
    let row = |Row { purpose, state, counts }: Row| {
        let mut row = json!({ "purpose": purpose, "state": state });
        extend(&mut row, &counts);
        row
    };
    let mut document = json!({
        "workflow": report.workflow,
        "records": tally.records,
        "is_complete": !is_interrupted && stopped.is_none(),
        "nothing_to_compare": tally.nothing_to_compare,
        "superseded": tally.superseded,
        "would_fail": tally.would_fail,
        "not_compared_by": tally.not_compared_by,
        "not_repairable": impossible,
        "unmapped": tally.unmapped,
        "skipped_by": report.skipped,
        "purposes": tally.rows().into_iter().map(row).collect::<Value>(),
        "sample": report.sample.as_ref().map(|Sampled { size, of, seed }| json!({ "size": size, "of": of, "seed": seed })),
        "out": report.out.map(|(path, _)| path),
        "http_requests": report.requests.0,
        "retries": report.requests.1,
        "duration_ms": u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    });
    extend(&mut document, &tally.all);
    document
}

fn extend(object: &mut Value, counts: &Counts) {
    if let (Some(members), Ok(Value::Object(counts))) = (object.as_object_mut(), serde_json::to_value(counts))
    {
        members.extend(counts);
    }
}

fn in_words(report: &Report<'_>) -> String {
    let Compared { tally, impossible, .. } = report.compared;
    let all = &tally.all;
    let mut text = format!("{}  {}", report.workflow, counted(tally.records, "record"));
    if let Some(Sampled { of, seed, .. }) = report.sample {
        text.push_str(&format!(", drawn from {of} with --seed {seed}"));
    }
    text.push('\n');
    let rows = [
        ("lost opt-outs", all.lost_opt_outs, "OneTrust says no, Braze says yes"),
        ("not recorded", all.not_recorded, "OneTrust says no, Braze says neither"),
        ("lost opt-ins", all.lost_opt_ins, "OneTrust says yes, Braze says no or nothing"),
        ("agree", all.agree, ""),
        ("no profile", all.no_profile, "nobody has the identifier in Braze"),
        ("not compared", all.not_compared, &by(tally.not_compared_by.iter())),
    ];
    let width = rows.iter().map(|(_, count, _)| count.to_string().len()).max().unwrap_or(0).max(4);
    for (word, count, what) in rows {
        let what = if count > 0 { what } else { "" };
        let line = format!("  {word:<13} {count:>width$}  {what}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let mut also = |count: u64, what: &str| {
        if count > 0 {
            text.push_str(&format!("  {count} {what}\n"));
        }
    };
    also(
        all.muted,
        "of these are groups that say yes for somebody who is globally unsubscribed: nothing is sent",
    );
    also(tally.nothing_to_compare, "records change nothing");
    also(tally.superseded, "states stand in a newer record of the input, too, which counts");
    also(
        *impossible,
        "records cannot be repaired alone: what they ask for cannot be told apart from what agrees",
    );
    let mut listed = |what: &str, list: String| {
        if !list.is_empty() {
            text.push_str(&format!("  {what}: {list}\n"));
        }
    };
    listed("would fail", by(tally.would_fail.iter()));
    listed("rows of OneTrust that are no record", by(report.skipped.iter()));
    listed("not mapped by any table", by(tally.unmapped.iter()));
    if let Some((path, records)) = report.out {
        listed("written", format!("{} to {}", counted(records, "record"), path.display()));
    }
    let seconds = report.took.as_secs_f64();
    let requests = counted(report.requests.0, "HTTP request");
    text.push_str(&format!("  {requests} to Braze, {seconds:.1} s\n"));
    let rows = tally.rows();
    if !rows.is_empty() {
        text.push('\n');
        let head = [
            "purpose",
            "state",
            "lost opt-outs",
            "not recorded",
            "lost opt-ins",
            "agree",
            "no profile",
            "not compared",
        ];
        text.push_str(&output::table(&head, rows.into_iter().map(cells)));
    }
    text
}

fn cells(Row { purpose, state, counts }: Row) -> Vec<String> {
    let Counts { lost_opt_outs, not_recorded, lost_opt_ins, agree, no_profile, not_compared, .. } = counts;
    let numbers = [lost_opt_outs, not_recorded, lost_opt_ins, agree, no_profile, not_compared];
    [plain(&purpose), plain(&state)].into_iter().chain(numbers.map(|count| count.to_string())).collect()
}

fn by<'r, N: AsRef<str> + 'r>(reasons: impl Iterator<Item = (N, &'r u64)>) -> String {
    let list: Vec<String> =
        reasons.map(|(reason, count)| format!("{} {count}", plain(reason.as_ref()))).collect();
    list.join(", ")
}
