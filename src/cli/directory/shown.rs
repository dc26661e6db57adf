//! How people of the directory are written, for people and for programs: the same facts in both.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::output;
use crate::directory::{Directory, Person, Seen};
use crate::onetrust::staff::Role;

/// The columns of a list.
pub(super) const HEAD: [&str; 7] = ["EMAIL", "NAME", "STATE", "LAST SEEN", "ROLES", "GROUPS", "LICENCE"];

/// A row of a list.
pub(super) fn cells(person: &Person, now: Timestamp) -> Vec<String> {
    let or_dash = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| output::plain(text));
    vec![
        or_dash(person.user.email.as_ref().or(Some(&person.user.id))),
        or_dash(person.user.name.as_ref()),
        person.state(now).to_owned(),
        seen(person),
        roles(person),
        output::plain(&dash_if_empty(person.groups.join(", "))),
        output::plain(person.licence()),
    ]
}

/// When somebody was seen last.
pub(super) fn seen(person: &Person) -> String {
    match person.seen() {
        Seen::At(at) => at.strftime("%Y-%m-%d").to_string(),
        Seen::Never => "never".to_owned(),
        Seen::Unknown => "unknown".to_owned(),
    }
}

fn roles(person: &Person) -> String {
    if !person.are_roles_known {
        return "unknown".to_owned();
    }
    let mut names: Vec<&str> = person.roles.iter().map(|role| role.role.as_str()).collect();
    names.dedup();
    output::plain(&dash_if_empty(names.join(", ")))
}

fn dash_if_empty(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Somebody as programs read them.
pub(super) fn object(directory: &Directory, person: &Person, now: Timestamp) -> Value {
    let user = &person.user;
    let role = |role: &Role| json!({ "role": role.role, "organization": role.organization, "organization_id": role.organization_id });
    let (seen, last_seen) = match person.seen() {
        Seen::At(at) => ("yes", Some(at)),
        Seen::Never => ("never", None),
        Seen::Unknown => ("unknown", None),
    };
    let roles = person.are_roles_known.then(|| person.roles.iter().map(role).collect::<Value>());
    json!({
        "tenant": directory.tenant, "id": user.id, "email": user.email, "name": user.name,
        "external_id": user.external_id, "state": person.state(now), "internal": user.internal,
        "organization": user.organization, "title": user.title, "department": user.department,
        "roles": roles, "groups": person.groups, "licence": person.licence,
        "admin": person.is_known_admin(), "touches_requests": person.is_known_to_touch_requests(), "api": user.is_of_the_api(),
        "seen": seen, "last_seen_at": last_seen.map(moment),
        "sign_ins": person.sign_ins.as_ref().map(|known| json!({
            "successes": known.successes, "failures": known.failures,
            "last_success_at": known.last_success, "last_failure_at": known.last_failure,
        })),
        "created_at": user.created, "changed_at": user.modified, "expires_at": user.expires_at,
        "disabled_at": user.disabled_at, "disabled_by": user.disabled_by,
        "gone_at": person.gone.map(moment),
    })
}

/// A moment as programs read it.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Says on standard error how old what is shown is, and what it does not tell.
pub(super) fn say_how_old(directory: &Directory) {
    match directory.synced {
        Some(at) => anstream::eprintln!("{}: as of {}", directory.tenant, moment(at)),
        None => {
            anstream::eprintln!("{}: the first sync is not over, so not everybody is here", directory.tenant)
        }
    }
    if let Some(told) = &directory.told {
        for gap in &told.gaps {
            anstream::eprintln!("{}: not known: {}", directory.tenant, gap.words());
        }
    }
}
