//! The `hooks` of a settings file, from their maps to typed values.
//!
//! A hook without any proof of who calls is refused, and so is `auth: none` where others than this
//! machine could call. What may be a secret is never repeated in a mistake.

use std::net::SocketAddr;
use std::path::Path;

use indexmap::IndexMap;
use ipnet::IpNet;

use super::hook::{Auth, Hook, Shape};
use super::hook_auth::auth;
use super::section::{Mistakes, Section};
use super::{Profile, System};
use crate::source::{Content, Entry, Mistake, Node};

const KEYS: [&str; 6] = ["shape", "profile", "auth", "max_bytes", "per_minute", "allow"];

/// What the rest of the file says that hooks depend on.
pub(super) struct Around<'s> {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Profiles without a mistake.
    pub profiles: &'s IndexMap<String, Profile>,
    /// Names of all profiles, the broken ones too.
    pub names: Vec<&'s str>,
    /// Paths are relative to it.
    pub folder: &'s Path,
}

/// Reads `hooks`.
pub(super) fn read(node: &Node, around: &Around<'_>, mistakes: &mut Mistakes) -> IndexMap<String, Hook> {
    let mut hooks = IndexMap::new();
    for entry in mistakes.entries(node, "hooks") {
        if !is_name(&entry.key) {
            let message = "a hook's name is a part of its address";
            mistakes.add(
                Mistake::error("bad_name", entry.key_at.clone(), message)
                    .help("use lower-case letters, digits and `-`, a letter first"),
            );
        }
        if let Some(hook) = hook(entry, around, mistakes) {
            hooks.insert(hook.name.clone(), hook);
        }
    }
    hooks
}

/// A name that can stand in an address as it is.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn hook(entry: &Entry, around: &Around<'_>, mistakes: &mut Mistakes) -> Option<Hook> {
    let section = mistakes.section(&entry.value, &format!("hooks.{}", entry.key), &KEYS);
    let shape = shape(&section, entry, mistakes);
    let profile = profile(&section, entry, shape, around, mistakes);
    let auth = proof(&section, entry, around, mistakes);
    let max_bytes = section.get("max_bytes").map_or(Some(Hook::MAX_BYTES), |node| size(node, mistakes));
    let per_minute =
        section.get("per_minute").map_or(Some(Hook::PER_MINUTE), |node| mistakes.count(node, "per_minute"));
    let allow = section.get("allow").map_or(Some(Vec::new()), |node| networks(node, "allow", mistakes));
    Some(Hook {
        name: entry.key.clone(),
        shape: shape?,
        profile: profile?,
        auth: auth?,
        max_bytes: max_bytes?,
        per_minute: per_minute?,
        allow: allow?,
    })
}

fn missing(entry: &Entry, key: &str, help: &str) -> Mistake {
    let message = format!("hook `{}` has no `{key}`", entry.key);
    Mistake::error("missing_key", entry.key_at.clone(), message).help(help)
}

fn shape(section: &Section<'_>, entry: &Entry, mistakes: &mut Mistakes) -> Option<Shape> {
    let Some(node) = section.get("shape") else {
        mistakes.add(missing(entry, "shape", "add `shape: event`, `shape: subtask` or `shape: record`"));
        return None;
    };
    let word = mistakes.text(node, "shape")?;
    let shape = Shape::of(word);
    if shape.is_none() {
        let mistake = Mistake::error("bad_value", node.at.clone(), format!("unknown shape `{word}`"));
        let suggested = mistake.clone().suggest(word, Shape::ALL.map(Shape::word));
        mistakes.add(match suggested.help {
            Some(_) => suggested,
            None => mistake.help("it is `event`, `subtask` or `record`"),
        });
    }
    shape
}

/// The profile, which has to be one of OneTrust; `None` after a mistake.
fn profile(
    section: &Section<'_>,
    entry: &Entry,
    shape: Option<Shape>,
    around: &Around<'_>,
    mistakes: &mut Mistakes,
) -> Option<Option<String>> {
    let Some(node) = section.get("profile") else {
        if shape == Some(Shape::Subtask) {
            let help = "add `profile:` with the profile of the OneTrust in which the subtask is read";
            mistakes.add(missing(entry, "profile", help));
            return None;
        }
        return Some(None);
    };
    let name = mistakes.text(node, "profile")?;
    if !around.names.contains(&name) {
        let message = format!("there is no profile `{name}`");
        let mistake = Mistake::error("unknown_profile", node.at.clone(), message);
        mistakes.add(mistake.suggest(name, around.names.iter().copied()));
        return None;
    }
    if around.profiles.get(name).is_some_and(|profile| profile.system != System::OneTrust) {
        let message = format!("profile `{name}` is not one of OneTrust");
        mistakes.add(Mistake::error("bad_value", node.at.clone(), message));
        return None;
    }
    Some(Some(name.to_owned()))
}

/// Who may call; `none` only where nobody else can.
fn proof(section: &Section<'_>, entry: &Entry, around: &Around<'_>, mistakes: &mut Mistakes) -> Option<Auth> {
    let Some(node) = section.get("auth") else {
        mistakes.add(missing(entry, "auth", "add `auth: { bearer: { env: NAME } }`: anybody could call it"));
        return None;
    };
    match node.as_text() {
        Some("none") if around.listen.ip().is_loopback() => Some(Auth::Nobody),
        Some("none") => {
            let message = format!("`auth: none` would let anybody call hook `{}`", entry.key);
            let help = format!(
                "the server listens on {}; write `auth: {{ bearer: {{ env: NAME }} }}`",
                around.listen
            );
            mistakes.add(Mistake::error("no_auth", node.at.clone(), message).help(help));
            None
        }
        _ => auth(node, &entry.key, around.folder, mistakes),
    }
}

/// A number of bytes: `64kb`, `1mb`, or the plain number.
fn size(node: &Node, mistakes: &mut Mistakes) -> Option<usize> {
    let bytes = match &node.content {
        Content::Number(number) => number.as_u64(),
        Content::Text(text, _) => bytes_of(text),
        Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_) | Content::Broken => None,
    };
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = bytes.filter(|bytes| (1..=Hook::MOST_BYTES).contains(bytes));
    if bytes.is_none() && !node.is_broken() {
        let message = "`max_bytes` must be a size from 1 byte to 16mb";
        mistakes.add(
            Mistake::error("bad_value", node.at.clone(), message).help("write `64kb`, `1mb` or a number"),
        );
    }
    bytes
}

fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(digits)?;
    let times = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(times)
}

/// A list of networks or single addresses; `None` after a mistake.
pub(super) fn networks(node: &Node, name: &str, mistakes: &mut Mistakes) -> Option<Vec<IpNet>> {
    let Content::List(items) = &node.content else {
        if !node.is_broken() {
            let message = format!("`{name}` must be a list of networks");
            let mistake = Mistake::error("wrong_type", node.head(), message);
            mistakes.add(
                mistake.label(format!("this is {}", node.shape())).help("write `[10.0.0.0/8, 2001:db8::1]`"),
            );
        }
        return None;
    };
    if items.is_empty() {
        let message = format!("`{name}` is empty");
        mistakes.add(
            Mistake::error("bad_value", node.at.clone(), message).help("name the networks, or leave it out"),
        );
        return None;
    }
    let mut networks = Vec::new();
    for item in items {
        let Some(written) = mistakes.text(item, name) else { continue };
        match written.parse().or_else(|_| written.parse().map(|address: std::net::IpAddr| address.into())) {
            Ok(network) => networks.push(network),
            Err(_) => mistakes.add(
                Mistake::error("bad_value", item.at.clone(), "this is no network")
                    .help("write an address, or a network such as `10.0.0.0/8`"),
            ),
        }
    }
    (networks.len() == items.len()).then_some(networks)
}
