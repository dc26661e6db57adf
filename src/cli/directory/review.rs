//! `directory review`: what an access review must look at.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::command::Where;
use super::place::{Place, now};
use super::shown;
use crate::cli::output::{self, Format, plain, plain_text};
use crate::cli::{Common, Failure, run as run_command};
use crate::directory::{Finding, Section, review};

pub(super) fn run(common: &Common, dormant: Option<Duration>, at: &Where) -> Result<ExitCode, Failure> {
    let place = run_command::runtime()?.block_on(Place::open(common, at))?;
    let dormant = dormant.unwrap_or(place.rules.dormant);
    let dormant = jiff::SignedDuration::try_from(dormant).map_err(Failure::wrong)?;
    let (now, approvers) = (now(), place.approvers_by_workflow());
    for (_, directory) in &place.directories {
        shown::say_how_old(directory);
        let findings = review(directory, &approvers, dormant, now);
        if common.output == Format::Json {
            for finding in &findings {
                let person = finding.person.map(|person| shown::object(directory, person, now));
                output::json(&json!({
                    "tenant": directory.tenant, "section": finding.section.word(), "why": finding.why,
                    "subject": finding.subject, "person": person,
                }))?;
            }
            continue;
        }
        let mut text = String::new();
        for section in Section::ALL {
            let of_section: Vec<&Finding<'_>> =
                findings.iter().filter(|finding| finding.section == section).collect();
            text.push_str(&format!("{} ({})\n", section.title(), of_section.len()));
            let rows = of_section.iter().map(|finding| row(finding));
            if !of_section.is_empty() {
                text.push_str(&output::table(&["WHO", "NAME", "LAST SEEN", "WHY"], rows));
            }
            text.push('\n');
        }
        text.push_str("OneTrust has no list of API credentials: those of this program's profiles are shown, and users who stand for one.\n");
        output::text(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(finding: &Finding<'_>) -> Vec<String> {
    let user = finding.person.map(|person| &person.user);
    let who = user.map(|user| user.email.as_deref().unwrap_or(&user.id)).or(finding.subject.as_deref());
    let name = user.and_then(|user| user.name.as_deref());
    vec![
        plain(who.unwrap_or("-")),
        plain(name.unwrap_or("-")),
        finding.person.map_or_else(|| "-".to_owned(), shown::seen),
        plain_text(&finding.why),
    ]
}
