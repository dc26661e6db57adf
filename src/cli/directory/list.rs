//! `directory list`: users, a line each.

use std::process::ExitCode;

use super::command::{Where, Whom};
use super::place::{Place, filter, now};
use super::shown;
use crate::cli::output::{self, Format};
use crate::cli::{Common, Failure, run as run_command};

pub(super) fn run(common: &Common, whom: &Whom, at: &Where) -> Result<ExitCode, Failure> {
    let place = run_command::runtime()?.block_on(Place::open(common, at))?;
    let (now, filter) = (now(), filter(whom, place.approvers())?);
    let mut rows = Vec::new();
    let mut unknown = None;
    for (_, directory) in &place.directories {
        shown::say_how_old(directory);
        let untold = directory.people.iter().filter(|person| !person.are_roles_known).count();
        if (filter.role.is_some() || filter.touches_requests) && untold > 0 {
            anstream::eprintln!(
                "{}: the roles of {untold} users are not known, so any of them may be missing here",
                directory.tenant
            );
        }
        match filter.of(directory, now) {
            Ok(people) => {
                for person in people {
                    match common.output {
                        Format::Json => output::json(&shown::object(directory, person, now))?,
                        Format::Text => rows.push(shown::cells(person, now)),
                    }
                }
            }
            Err(name) => unknown = Some(name),
        }
    }
    if let Some(name) = unknown.filter(|_| rows.is_empty()) {
        return Err(Failure::Usage(format!("nobody in the directory belongs to an organisation `{name}`")));
    }
    if common.output == Format::Text {
        output::text(&output::table(&shown::HEAD, rows))?;
    }
    Ok(ExitCode::SUCCESS)
}
