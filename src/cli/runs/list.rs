//! `runs list`: a line for each run that is meant.

use std::ops::ControlFlow;
use std::process::ExitCode;

use serde_json::json;

use super::command::moment;
use super::filter::{Filter, Found};
use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure};
use crate::engine::Fates;
use crate::journal::Reader;

/// Rows of one table: what is wider in a later row widens only its own table.
const ROWS: usize = 1000;

const HEAD: [&str; 9] = ["RUN", "WORKFLOW", "REQUEST", "LINE", "STATE", "REASON", "CODE", "STEP", "AT"];

pub(super) fn run(
    common: &Common,
    reader: &Reader,
    filter: &Filter,
    limit: usize,
) -> Result<ExitCode, Failure> {
    filter.check()?;
    let mut rows = Vec::new();
    let mut shown = 0;
    let mut is_cut = false;
    for record in filter.jobs(reader)? {
        let fates = Fates::of(reader, record).map_err(Failure::wrong)?;
        let went = filter.each(reader, &fates, |found| {
            if limit != 0 && shown == limit {
                is_cut = true;
                return Ok(ControlFlow::Break(()));
            }
            shown += 1;
            match common.output {
                Format::Json => output::json(&object(&found, &fates.record().workflow_name))?,
                Format::Text => rows.push(cells(&found, &fates.record().workflow_name)),
            }
            if rows.len() == ROWS {
                output::text(&output::table(&HEAD, std::mem::take(&mut rows)))?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if went.is_break() {
            break;
        }
    }
    if common.output == Format::Text && (!rows.is_empty() || shown == 0) {
        output::text(&output::table(&HEAD, rows))?;
    }
    if is_cut {
        anstream::eprintln!("note: only the first {limit} are shown; --limit 0 shows all, and filters fewer");
    }
    Ok(ExitCode::SUCCESS)
}

/// A run as programs read it.
pub(super) fn object(found: &Found, workflow: &str) -> serde_json::Value {
    let Found { run, fate, .. } = found;
    json!({
        "run": run.to_string(), "job": run.job.to_string(), "workflow": workflow,
        "request": found.request(), "line": found.line(), "state": fate.state(),
        "reason": fate.reason(), "code": fate.code(), "step": fate.step(),
        "at": fate.at_ms.map(moment), "accepted": fate.accepted, "verified": fate.verified,
    })
}

fn cells(found: &Found, workflow: &str) -> Vec<String> {
    let Found { run, fate, .. } = found;
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), output::plain);
    let line = found.line().map(|line| line.to_string());
    vec![
        run.to_string(),
        workflow.to_owned(),
        or_dash(found.request()),
        or_dash(line.as_deref()),
        fate.state().to_owned(),
        or_dash(fate.reason()),
        or_dash(fate.code()),
        or_dash(fate.step()),
        or_dash(fate.at_ms.map(moment).as_deref()),
    ]
}
