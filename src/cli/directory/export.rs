//! `directory export FILE`: users as a table for spreadsheets, or as JSON.
//!
//! The file names people: only its owner can read it. No cell of a table begins with what a spreadsheet would
//! take for a formula, because whoever may name themselves in OneTrust would write it.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::command::{Form, Where, Whom};
use super::place::{Place, filter, now};
use super::shown::{self, moment};
use crate::cli::output::{self, counted};
use crate::cli::{Common, Failure, run as run_command, setup};
use crate::directory::{Directory, Person, Seen};

const HEAD: [&str; 22] = [
    "tenant",
    "id",
    "email",
    "name",
    "state",
    "internal",
    "organization",
    "roles",
    "groups",
    "licence",
    "admin",
    "touches_requests",
    "seen",
    "last_seen_at",
    "sign_ins",
    "failed_sign_ins",
    "created_at",
    "expires_at",
    "disabled_at",
    "disabled_by",
    "gone_at",
    "external_id",
];

pub(super) fn run(
    common: &Common,
    file: &Path,
    format: Option<Form>,
    whom: &Whom,
    at: &Where,
) -> Result<ExitCode, Failure> {
    let form = format.or_else(|| of_name(file)).ok_or_else(|| {
        Failure::Usage("call the file .csv, .json or .ndjson, or say --format csv or json".to_owned())
    })?;
    let place = run_command::runtime()?.block_on(Place::open(common, at))?;
    let (now, filter) = (now(), filter(whom, place.approvers())?);
    let (mut bytes, mut count) = (Vec::new(), 0);
    if form == Form::Csv {
        line(&mut bytes, HEAD);
    }
    for (_, directory) in &place.directories {
        shown::say_how_old(directory);
        for person in filter.of(directory, now).unwrap_or_default() {
            count += 1;
            match form {
                Form::Csv => line(&mut bytes, row(directory, person, now)),
                Form::Json => {
                    serde_json::to_writer(&mut bytes, &shown::object(directory, person, now))
                        .map_err(Failure::wrong)?;
                    bytes.push(b'\n');
                }
            }
        }
    }
    if file == Path::new("-") {
        output::bytes(&bytes)?;
        return Ok(ExitCode::SUCCESS);
    }
    write_private(file, &bytes)?;
    anstream::eprintln!("{}  {}", file.display(), counted(count, "user"));
    Ok(ExitCode::SUCCESS)
}

fn of_name(file: &Path) -> Option<Form> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Form::Csv),
        "json" | "ndjson" | "jsonl" => Some(Form::Json),
        _ => None,
    }
}

fn row(directory: &Directory, person: &Person, now: Timestamp) -> Vec<String> {
    let user = &person.user;
    let text = |text: Option<&str>| text.map(safe).unwrap_or_default();
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string()).unwrap_or_default();
    let role = |role: &crate::onetrust::staff::Role| match &role.organization {
        Some(organization) => format!("{} ({organization})", role.role),
        None => role.role.clone(),
    };
    let roles: Vec<String> = person.roles.iter().map(role).collect();
    let roles = if person.are_roles_known { roles.join("; ") } else { "unknown".to_owned() };
    let (seen, last) = match person.seen() {
        Seen::At(at) => ("yes", moment(at)),
        Seen::Never => ("never", String::new()),
        Seen::Unknown => ("unknown", String::new()),
    };
    let known = |flag: Option<bool>| flag.map_or_else(|| "unknown".to_owned(), |flag| flag.to_string());
    let count = |count: fn(&crate::directory::SignIns) -> u64| {
        person.sign_ins.as_ref().map(|known| count(known).to_string()).unwrap_or_default()
    };
    vec![
        safe(&directory.tenant),
        safe(&user.id),
        text(user.email.as_deref()),
        text(user.name.as_deref()),
        person.state(now).to_owned(),
        flag(user.internal),
        text(user.organization.as_deref()),
        safe(&roles),
        safe(&person.groups.join("; ")),
        text(person.licence.as_deref()),
        known(person.is_known_admin()),
        known(person.is_known_to_touch_requests()),
        seen.to_owned(),
        last,
        count(|known| known.successes),
        count(|known| known.failures),
        text(user.created.as_deref()),
        text(user.expires_at.as_deref()),
        text(user.disabled_at.as_deref()),
        text(user.disabled_by.as_deref()),
        person.gone.map(moment).unwrap_or_default(),
        text(user.external_id.as_deref()),
    ]
}

/// A line of a table (RFC 4180): every cell in quotes.
fn line(bytes: &mut Vec<u8>, cells: impl IntoIterator<Item = impl AsRef<str>>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            bytes.push(b',');
        }
        bytes.push(b'"');
        bytes.extend_from_slice(cell.as_ref().replace('"', "\"\"").as_bytes());
        bytes.push(b'"');
    }
    bytes.extend_from_slice(b"\r\n");
}

/// A cell that no spreadsheet takes for a formula.
fn safe(text: &str) -> String {
    let begins = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r']);
    if begins { format!("'{text}") } else { text.to_owned() }
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = || -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".directory-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written()
        .map_err(|error| Failure::Usage(format!("cannot write {}: {}", path.display(), setup::said(&error))))
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(safe("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!((safe(" @x"), safe("-1")), ("' @x".to_owned(), "'-1".to_owned()));
        assert_eq!((safe("a=b"), safe("")), ("a=b".to_owned(), String::new()));
    }
}
