//! One profile of the settings file, from its map to typed values.
//!
//! Each part is checked on its own, so that all mistakes of a profile are told at once. A value that
//! could be a secret is never repeated in a mistake.

use std::path::Path;

use indexmap::IndexMap;
use url::Url;

use super::credential::{NO_SECRET, credential};
use super::profile::{Limit, Profile, Reach, System};
use super::section::{Mistakes, Section};
use super::{Connection, HeaderError, Headers, Host, Scheme};
use crate::catalogue;
use crate::source::{Entry, Mistake, Node, closest};

const KEYS: [&str; 11] = [
    "system",
    "workspace",
    "host",
    "scheme",
    "headers",
    "token",
    "oauth2",
    "share",
    "limits",
    "ca_file",
    "proxy",
];

/// What a profile of a folder says.
const FOLDER_KEYS: [&str; 3] = ["system", "workspace", "path"];

/// Decodes one entry of `profiles`; `None` after a mistake.
pub(super) fn profile(entry: &Entry, folder: &Path, mistakes: &mut Mistakes) -> Option<Profile> {
    let name = &entry.key;
    let is_folder =
        entry.value.get("system").and_then(Node::as_text).and_then(System::of) == Some(System::Folder);
    let keys = if is_folder { FOLDER_KEYS.as_slice() } else { KEYS.as_slice() };
    let section = mistakes.section(&entry.value, &format!("profiles.{name}"), keys);
    if is_folder {
        return of_folder(&section, entry, folder, mistakes);
    }
    let system = system(&section, entry, mistakes);
    let connection = connection(&section, entry, system, folder, mistakes);
    let credential = credential(&section, entry, system, folder, mistakes);
    let share = section.get("share").map_or(Some(Profile::SHARE), |node| mistakes.share(node, "share"));
    let limits = limits(&section, system, mistakes);
    let workspace = match section.get("workspace") {
        None => Some(name.clone()),
        Some(node) => mistakes.text(node, "workspace").map(str::to_owned),
    };
    Some(Profile {
        name: name.clone(),
        system: system?,
        workspace: workspace?,
        reach: Reach::Service { connection: Box::new(connection?), credential: Box::new(credential?) },
        share: share?,
        limits,
    })
}

/// A folder: there is nobody to prove anything to, and nobody who limits us.
fn of_folder(
    section: &Section<'_>,
    entry: &Entry,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> Option<Profile> {
    let name = &entry.key;
    let workspace = match section.get("workspace") {
        None => Some(name.clone()),
        Some(node) => mistakes.text(node, "workspace").map(str::to_owned),
    };
    let Some(node) = section.get("path") else {
        mistakes.add(missing(entry, "path", "add `path:` with the folder that files are written to"));
        return None;
    };
    let path = folder.join(mistakes.text(node, "path")?);
    Some(Profile {
        name: name.clone(),
        system: System::Folder,
        workspace: workspace?,
        reach: Reach::Folder(path),
        share: 1.0,
        limits: IndexMap::new(),
    })
}

pub(super) fn missing(entry: &Entry, key: &str, help: &str) -> Mistake {
    let message = format!("profile `{}` has no `{key}`", entry.key);
    Mistake::error("missing_key", entry.key_at.clone(), message).help(help)
}

fn system(section: &Section<'_>, entry: &Entry, mistakes: &mut Mistakes) -> Option<System> {
    let words = System::ALL.map(System::word);
    let Some(node) = section.get("system") else {
        mistakes.add(missing(entry, "system", "add `system: braze`, `system: onetrust` or `system: folder`"));
        return None;
    };
    let word = mistakes.text(node, "system")?;
    let system = System::of(word);
    if system.is_none() {
        let message = format!("unknown system `{word}`");
        let mistake = Mistake::error("unknown_system", node.at.clone(), message);
        mistakes.add(match closest(word, words) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake.help("it is `braze`, `onetrust` or `folder`"),
        });
    }
    system
}

fn connection(
    section: &Section<'_>,
    entry: &Entry,
    system: Option<System>,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> Option<Connection> {
    let headers = headers(section, mistakes);
    let ca_file = match section.get("ca_file") {
        None => Some(None),
        Some(node) => mistakes.text(node, "ca_file").map(|path| Some(folder.join(path))),
    };
    let proxy = match section.get("proxy") {
        None => Some(None),
        Some(node) => proxy(node, mistakes).map(Some),
    };
    let scheme = scheme(section, mistakes);
    let host = host(section, entry, mistakes);
    let connection = match (scheme, host) {
        (Some(scheme), Some((host, node))) => {
            if system == Some(System::Braze) {
                check_known(&host, node, mistakes);
            }
            Connection::new(scheme, host).map_err(|error| {
                let at = section.get("scheme").unwrap_or(node).at.clone();
                let help = "leave `scheme` out: everything else is spoken to over https";
                mistakes.add(Mistake::error("bad_scheme", at, error.to_string()).help(help));
            })
        }
        _ => return None,
    };
    let mut connection = connection.ok()?;
    connection.headers = headers?;
    connection.ca_file = ca_file?;
    connection.proxy = proxy?;
    Some(connection)
}

fn host<'n>(section: &Section<'n>, entry: &Entry, mistakes: &mut Mistakes) -> Option<(Host, &'n Node)> {
    let Some(node) = section.get("host") else {
        mistakes.add(missing(entry, "host", "add `host:` with the name of the service's REST host"));
        return None;
    };
    let written = mistakes.text(node, "host")?;
    match Host::parse(written) {
        Ok(host) => Some((host, node)),
        Err(error) => {
            mistakes.add(Mistake::error("bad_host", node.at.clone(), error.to_string()).help(error.help()));
            None
        }
    }
}

/// A host of Braze that is not in the list may be new, so it is a warning and never rewritten.
fn check_known(host: &Host, node: &Node, mistakes: &mut Mistakes) {
    let name = host.name();
    if host.is_loopback() || catalogue::is_known_host(&name) {
        return;
    }
    let mut near: Vec<(usize, &str)> = catalogue::braze_hosts()
        .map(|(_, known)| (strsim::damerau_levenshtein(&name, known), known))
        .collect();
    near.sort();
    let near: Vec<String> = near
        .iter()
        .filter(|(distance, _)| *distance <= 4)
        .take(3)
        .map(|(_, host)| format!("`{host}`"))
        .collect();
    let help = match near.is_empty() {
        true => "a Braze REST host looks like `rest.fra-01.braze.eu`; it is used as written".to_owned(),
        false => format!("near are {}; it is used as written", near.join(", ")),
    };
    let message = format!("`{name}` is not a REST host of Braze that we know");
    mistakes.add(Mistake::warning("unknown_host", node.at.clone(), message).help(help));
}

fn scheme(section: &Section<'_>, mistakes: &mut Mistakes) -> Option<Scheme> {
    let Some(node) = section.get("scheme") else { return Some(Scheme::Https) };
    match mistakes.text(node, "scheme")? {
        "https" => Some(Scheme::Https),
        "http" => Some(Scheme::Http),
        other => {
            let message = format!("`scheme` is `https` or, on this machine only, `http`; not `{other}`");
            mistakes.add(Mistake::error("bad_scheme", node.at.clone(), message));
            None
        }
    }
}

fn headers(section: &Section<'_>, mistakes: &mut Mistakes) -> Option<Headers> {
    let Some(node) = section.get("headers") else { return Some(Headers::default_set()) };
    let mut headers = Headers::none();
    let mut is_whole = true;
    for entry in mistakes.entries(node, "headers") {
        let Some(value) = mistakes.text(&entry.value, &entry.key) else {
            is_whole = false;
            continue;
        };
        if !value.contains("{{") && !entry.key.eq_ignore_ascii_case("content-type") {
            mistakes.mask(&entry.value);
        }
        if let Err(error) = headers.add(&entry.key, value) {
            is_whole = false;
            mistakes.add(bad_header(entry, &error));
        }
    }
    if is_whole && !headers.carry_token() {
        let mistake = Mistake::warning("token_unused", node.head(), "no header carries the token")
            .help("add `Authorization: \"Bearer {{ token }}\"`, unless a gateway adds it");
        mistakes.add(mistake);
    }
    is_whole.then_some(headers)
}

fn bad_header(entry: &Entry, error: &HeaderError) -> Mistake {
    let (code, at, help) = match error {
        HeaderError::Name(_) | HeaderError::OfTheConnection(_) => ("bad_header", entry.key_at.clone(), None),
        HeaderError::UnknownName(_) => ("unknown_name", entry.value.at.clone(), Some("write `{{ token }}`")),
        HeaderError::Open | HeaderError::Value => ("bad_header", entry.value.at.clone(), None),
        HeaderError::Secret => (
            "secret_in_file",
            entry.value.at.clone(),
            Some("write `Bearer {{ token }}` and say under `token` where it is found"),
        ),
    };
    let mistake = Mistake::error(code, at, error.to_string());
    match help {
        Some(help) => mistake.help(help),
        None => mistake,
    }
}

fn proxy(node: &Node, mistakes: &mut Mistakes) -> Option<Url> {
    let written = mistakes.text(node, "proxy")?;
    let url = Url::parse(written).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && matches!(url.path(), "" | "/")
    });
    match url {
        Some(url) if url.username().is_empty() && url.password().is_none() => Some(url),
        Some(_) => {
            mistakes.mask(node);
            mistakes.add(
                Mistake::error("secret_in_file", node.at.clone(), NO_SECRET)
                    .help("leave user and password out of `proxy`"),
            );
            None
        }
        None => {
            let mistake =
                Mistake::error("bad_value", node.at.clone(), "`proxy` must be the address of a proxy");
            mistakes.add(mistake.help("write `http://proxy.example:3128`"));
            None
        }
    }
}

fn limits(section: &Section<'_>, system: Option<System>, mistakes: &mut Mistakes) -> IndexMap<String, Limit> {
    let mut limits = IndexMap::new();
    let Some(node) = section.get("limits") else { return limits };
    for entry in mistakes.entries(node, "limits") {
        check_action(entry, system, mistakes);
        let limit = mistakes.section(&entry.value, &entry.key, &["requests", "per"]);
        for key in ["requests", "per"] {
            if limit.get(key).is_none() && !entry.value.is_broken() {
                let message = format!("the limit of `{}` has no `{key}`", entry.key);
                let help = "write `{ requests: 3000, per: 3s }`";
                mistakes.add(Mistake::error("missing_key", entry.key_at.clone(), message).help(help));
            }
        }
        let requests = limit.get("requests").and_then(|node| mistakes.count(node, "requests"));
        let per = limit.get("per").and_then(|node| mistakes.duration(node, "per"));
        if let (Some(requests), Some(per)) = (requests, per) {
            limits.insert(entry.key.clone(), Limit { requests, per });
        }
    }
    limits
}

/// Only the actions of this profile's system, and what OneTrust limits as a whole.
fn check_action(entry: &Entry, system: Option<System>, mistakes: &mut Mistakes) {
    let whole = match system {
        Some(System::OneTrust) => &[Profile::LIMIT_OF_ACCOUNT, Profile::LIMIT_OF_ENDPOINT][..],
        Some(System::Braze | System::Folder) | None => &[],
    };
    let known: Vec<&str> = catalogue::all()
        .iter()
        .filter(|action| system.is_none_or(|system| action.system == system.word()))
        .map(|action| action.id.as_str())
        .chain(whole.iter().copied())
        .collect();
    if !known.is_empty() && !known.contains(&entry.key.as_str()) {
        let message = format!("unknown action `{}`", entry.key);
        let mistake = Mistake::error("unknown_action", entry.key_at.clone(), message);
        mistakes.add(mistake.suggest(&entry.key, known));
    }
}
