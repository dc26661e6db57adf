//! Reads `on.schedule`: when, in which time zone, on which file.

use std::path::PathBuf;

use super::reader::Reader;
use super::{Cron, CronError, ScheduleTrigger};
use crate::source::{Mistake, Node};

/// A schedule without a time zone is meant by this clock on every machine.
const DEFAULT_ZONE: &str = "UTC";

/// What stands under `on.schedule`.
pub(super) fn schedule(reader: &mut Reader<'_>, node: &Node) -> Option<ScheduleTrigger> {
    reader.map("on.schedule", node, &["cron", "timezone", "input"])?;
    let zone = node.get("timezone");
    let name = match zone {
        Some(zone) => reader.string("on.schedule.timezone", zone),
        None => Some(DEFAULT_ZONE),
    };
    let input = node.get("input").map(|input| file(reader, input));
    let pattern = reader.required("on.schedule", "cron", node)?;
    let text = reader.string("on.schedule.cron", pattern)?;
    // A time zone that is wrong is told beside a pattern that is wrong, not instead of it.
    let found = match Cron::parse(text, name.unwrap_or(DEFAULT_ZONE)) {
        Err(CronError::TimeZone { .. }) => Ok(None),
        Err(error) => Err(error),
        Ok(cron) => Ok(Some(cron)),
    };
    if let Some((zone, name)) = zone.zip(name)
        && let Err(error @ CronError::TimeZone { .. }) = Cron::parse("0 0 * * *", name)
    {
        tell(reader, zone, &error);
    }
    match found {
        Err(error) => {
            tell(reader, pattern, &error);
            None
        }
        Ok(cron) => Some(ScheduleTrigger { cron: cron?, input: input.flatten() }),
    }
}

fn tell(reader: &mut Reader<'_>, node: &Node, error: &CronError) {
    let help = match error {
        CronError::Pattern { .. } => {
            "write minute, hour, day of month, month and day of week: `0 3 * * *` is every day at three"
                .to_owned()
        }
        CronError::Never { .. } => "name a day that the calendar has".to_owned(),
        CronError::TimeZone { closest: Some(closest), .. } => format!("did you mean `{closest}`?"),
        CronError::TimeZone { closest: None, .. } => {
            "write a name such as `Europe/Paris` or `UTC`".to_owned()
        }
    };
    reader.add(Mistake::error("bad_schedule", node.at.clone(), error.to_string()).help(help));
}

fn file(reader: &mut Reader<'_>, node: &Node) -> Option<PathBuf> {
    let path = reader.string("on.schedule.input", node)?;
    if path.is_empty() || path == "-" {
        reader.add(
            Mistake::error("bad_value", node.at.clone(), "`on.schedule.input` must be a file")
                .help("name a file of requests, or leave `input` out for one request without a person"),
        );
        return None;
    }
    Some(PathBuf::from(path))
}
