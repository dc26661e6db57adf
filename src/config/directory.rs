//! The `directory` of a settings file: which tenants' staff is read, how often, and what roles mean.
//!
//! OneTrust tells neither licences nor which roles may touch privacy requests: both are said here, by names of
//! roles with `*` for anything. Reading, and what is made of it, is the work of `directory`.

use std::time::Duration;

use indexmap::IndexMap;

use super::profile::{Profile, System};
use super::section::{Mistakes, Section};
use crate::source::{Content, Mistake, Node, closest};

const KEYS: [&str; 11] = [
    "profiles",
    "every",
    "users",
    "filter",
    "sign_ins",
    "keep",
    "dormant",
    "admins",
    "privacy_requests",
    "licences",
    "identities",
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// OneTrust tells no sign-in that is older (OneTrust's OpenAPI, `loginHistory`).
const LONGEST_HISTORY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Where users are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserSource {
    /// Where the most is told of what the credential may use.
    #[default]
    Auto,
    /// Access Management, version 2: with roles and last sign-in.
    Access,
    /// SCIM, version 3.
    ScimV3,
    /// SCIM, version 2.
    ScimV2,
}

impl UserSource {
    const ALL: [UserSource; 4] =
        [UserSource::Auto, UserSource::Access, UserSource::ScimV3, UserSource::ScimV2];

    /// The word of the settings.
    pub fn word(self) -> &'static str {
        match self {
            UserSource::Auto => "auto",
            UserSource::Access => "access",
            UserSource::ScimV3 => "scim_v3",
            UserSource::ScimV2 => "scim_v2",
        }
    }
}

/// How the staff of OneTrust's tenants is read, kept and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Names of the profiles to read by; none: every profile of OneTrust.
    pub profiles: Vec<String>,
    /// How often `serve` reads.
    pub every: Duration,
    /// Where users are read.
    pub users: UserSource,
    /// Only users whom this filter of SCIM takes (version 3 only).
    pub filter: Option<String>,
    /// How far back the first sync reads sign-ins.
    pub sign_ins: Duration,
    /// How long those are kept who are no longer there, and everything when nobody reads any more.
    pub keep: Duration,
    /// Who was not seen for so long counts as dormant.
    pub dormant: Duration,
    /// Roles that may do everything, as patterns.
    pub admins: Vec<String>,
    /// Roles that may touch privacy requests, as patterns.
    pub privacy_requests: Vec<String>,
    /// Licences by patterns of roles; the first that fits counts.
    pub licences: IndexMap<String, String>,
    /// Who somebody is in OneTrust, by the name that the system knows them by: their address there.
    pub identities: IndexMap<String, String>,
}

impl Default for Directory {
    /// Once a day; ninety days of history, of memory, and until somebody counts as dormant. The patterns fit
    /// the roles that OneTrust ships; a tenant's own roles need their own.
    fn default() -> Directory {
        let patterns = |list: &[&str]| list.iter().map(|pattern| (*pattern).to_owned()).collect();
        Directory {
            profiles: Vec::new(),
            every: DAY,
            users: UserSource::Auto,
            filter: None,
            sign_ins: 90 * DAY,
            keep: 90 * DAY,
            dormant: 90 * DAY,
            admins: patterns(&["*Admin*"]),
            privacy_requests: patterns(&["*Privacy*", "*Data Subject*", "*DSAR*", "*DSR*"]),
            licences: IndexMap::new(),
            identities: IndexMap::new(),
        }
    }
}

/// Reads `directory`; `profiles` are those of the settings.
pub(super) fn read(
    node: &Node,
    profiles: &IndexMap<String, Profile>,
    names: &[&str],
    mistakes: &mut Mistakes,
) -> Directory {
    let section = mistakes.section(node, "directory", &KEYS);
    let mut read = Directory::default();
    let durations = [
        ("every", &mut read.every),
        ("sign_ins", &mut read.sign_ins),
        ("keep", &mut read.keep),
        ("dormant", &mut read.dormant),
    ];
    for (key, value) in durations {
        if let Some(node) = section.get(key)
            && let Some(duration) = mistakes.duration(node, key)
        {
            *value = duration;
        }
    }
    if let Some(node) = section.get("sign_ins")
        && read.sign_ins > LONGEST_HISTORY
    {
        let mistake = Mistake::error("bad_value", node.at.clone(), "`sign_ins` is more than OneTrust tells");
        mistakes.add(mistake.help("OneTrust tells the last 365 days: `365d` at most"));
    }
    if let Some(node) = section.get("users") {
        read.users = users(node, mistakes).unwrap_or_default();
    }
    if let Some(node) = section.get("filter") {
        read.filter = mistakes.text(node, "filter").map(str::to_owned);
    }
    lists(&section, &mut read, mistakes);
    if let Some(node) = section.get("profiles") {
        read.profiles = texts(node, "profiles", mistakes);
        let Content::List(items) = &node.content else { return read };
        for (item, name) in items.iter().zip(&read.profiles) {
            let is_good = match profiles.get(name) {
                Some(profile) => profile.system == System::OneTrust,
                // A profile with a mistake of its own is told once.
                None => names.contains(&name.as_str()),
            };
            if !is_good {
                let known = profiles.values().filter(|profile| profile.system == System::OneTrust);
                let near = closest(name, known.map(|profile| profile.name.as_str()));
                let message = format!("there is no profile `{name}` of OneTrust");
                let mistake = Mistake::error("unknown_profile", item.at.clone(), message);
                mistakes.add(match near {
                    Some(near) => mistake.help(format!("did you mean `{near}`?")),
                    None => mistake.help("name a profile with `system: onetrust`"),
                });
            }
        }
    }
    read
}

fn users(node: &Node, mistakes: &mut Mistakes) -> Option<UserSource> {
    let word = mistakes.text(node, "users")?;
    let found = UserSource::ALL.into_iter().find(|source| source.word() == word);
    if found.is_none() {
        let message = format!("`users` is not `{word}`");
        let help = "write `auto`, `access`, `scim_v3` or `scim_v2`";
        mistakes.add(Mistake::error("bad_value", node.at.clone(), message).help(help));
    }
    found
}

fn lists(section: &Section<'_>, read: &mut Directory, mistakes: &mut Mistakes) {
    if let Some(node) = section.get("admins") {
        read.admins = texts(node, "admins", mistakes);
    }
    if let Some(node) = section.get("privacy_requests") {
        read.privacy_requests = texts(node, "privacy_requests", mistakes);
    }
    if let Some(node) = section.get("identities") {
        for entry in mistakes.entries(node, "identities") {
            if let Some(address) = mistakes.text(&entry.value, &entry.key) {
                read.identities.insert(entry.key.clone(), address.to_owned());
            }
        }
    }
    if let Some(node) = section.get("licences") {
        for entry in mistakes.entries(node, "licences") {
            if let Some(licence) = mistakes.text(&entry.value, &entry.key) {
                read.licences.insert(entry.key.clone(), licence.to_owned());
            }
        }
    }
}

/// A list of texts; one that is empty says that there are none.
fn texts(node: &Node, name: &str, mistakes: &mut Mistakes) -> Vec<String> {
    match &node.content {
        Content::List(items) => {
            items.iter().filter_map(|item| mistakes.text(item, name).map(str::to_owned)).collect()
        }
        Content::Broken => Vec::new(),
        _ => {
            let message = format!("`{name}` must be a list of names");
            let mistake = Mistake::error("wrong_type", node.at.clone(), message);
            mistakes.add(mistake.help(format!("write `{name}: [\"*Privacy*\"]`")));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    const PROFILES: &str = "profiles:\n  ot: { system: onetrust, host: h.example, token: { env: K } }\n  \
                            eu: { system: braze, host: rest.fra-01.braze.eu, token: { env: B } }\n";

    fn read(directory: &str) -> (Option<Directory>, Vec<String>) {
        let reading = Settings::read(&format!("{PROFILES}{directory}"), Path::new(""));
        let told = reading.mistakes.iter().map(|mistake| mistake.message.clone()).collect();
        (reading.settings.and_then(|settings| settings.directory), told)
    }

    #[test]
    fn what_is_not_said_is_ninety_days_and_once_a_day() {
        let (directory, told) = read("directory: { profiles: [ot], licences: { \"*Privacy*\": Full } }\n");

        let directory = directory.unwrap();
        assert_eq!((directory.every, directory.sign_ins), (DAY, 90 * DAY));
        assert_eq!(directory.licences.get("*Privacy*").map(String::as_str), Some("Full"));
        assert!(told.is_empty() && read("").0.is_none());
    }

    #[test]
    fn every_mistake_is_told() {
        let (directory, told) =
            read("directory: { profiles: [eu, on], users: scim, sign_ins: 2y, keeps: 1d, admins: yes }\n");

        assert!(directory.is_none());
        assert_eq!(told.len(), 6, "{told:?}");
        let (_, told) = read("directory: { sign_ins: 400d }\n");
        assert_eq!(told, ["`sign_ins` is more than OneTrust tells"]);
    }
}
