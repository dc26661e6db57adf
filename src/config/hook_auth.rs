//! How callers of a hook prove who they are, as the settings file says it.
//!
//! Exactly one way stands under `auth`. A secret that stands in the file itself is refused, like that
//! of a profile.

use std::path::Path;

use reqwest::header::HeaderName;

use super::Token;
use super::credential::secret;
use super::hook::{Auth, Encoding, Hmac, Signed};
use super::section::{Mistakes, Section};
use crate::source::{Mistake, Node};

const WAYS: [&str; 4] = ["bearer", "header", "basic", "hmac"];
const WRITE_ONE: &str = "write `{ bearer: { env: NAME } }`; `header`, `basic` and `hmac` are known too";

/// Where secrets of a hook are looked for, and whose they are.
struct Of<'a> {
    hook: &'a str,
    folder: &'a Path,
}

/// Reads `auth`, unless it is the word `none`; `None` after a mistake.
pub(super) fn auth(node: &Node, hook: &str, folder: &Path, mistakes: &mut Mistakes) -> Option<Auth> {
    let of = Of { hook, folder };
    if node.as_text().is_some() {
        // What stands here may be the secret itself.
        mistakes.mask(node);
        let message = format!("`auth` of hook `{hook}` must be a map");
        mistakes.add(Mistake::error("wrong_type", node.at.clone(), message).help(WRITE_ONE));
        return None;
    }
    let section = mistakes.section(node, "auth", &WAYS);
    let mut ways = section.keys().filter(|key| WAYS.contains(key));
    match (ways.next(), ways.next()) {
        (Some("bearer"), None) => of.secret(section.get("bearer")?, "bearer", mistakes).map(Auth::Bearer),
        (Some("header"), None) => of.header(section.get("header")?, mistakes),
        (Some("basic"), None) => of.basic(section.get("basic")?, mistakes),
        (Some("hmac"), None) => {
            of.hmac(section.get("hmac")?, mistakes).map(|hmac| Auth::Hmac(Box::new(hmac)))
        }
        (Some(_), Some(_)) => {
            let message = format!("`auth` of hook `{hook}` names more than one way");
            mistakes.add(Mistake::error("bad_value", section.at(), message).help("keep one of them"));
            None
        }
        _ => {
            if !node.is_broken() && section.keys().next().is_none() {
                let message = format!("`auth` of hook `{hook}` says nothing");
                mistakes.add(Mistake::error("no_auth", section.at(), message).help(WRITE_ONE));
            }
            None
        }
    }
}

impl Of<'_> {
    fn secret(&self, node: &Node, key: &str, mistakes: &mut Mistakes) -> Option<Token> {
        secret(node, key, format!("the {key} of hook `{}`", self.hook), self.folder, mistakes)
    }

    /// The secret under a key that has to be there.
    fn needed(&self, section: &Section<'_>, way: &str, key: &str, mistakes: &mut Mistakes) -> Option<Token> {
        match section.get(key) {
            Some(node) => self.secret(node, key, mistakes),
            None => {
                let message = format!("`{way}` has no `{key}`");
                mistakes.add(
                    Mistake::error("missing_key", section.at(), message)
                        .help(format!("add `{key}: {{ env: NAME }}`")),
                );
                None
            }
        }
    }

    fn header(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Auth> {
        let section = mistakes.section(node, "header", &["name", "value"]);
        let name = header_name(&section, "header", "name", None, mistakes);
        let value = self.needed(&section, "header", "value", mistakes);
        Some(Auth::Header { name: name?, value: value? })
    }

    fn basic(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Auth> {
        let section = mistakes.section(node, "basic", &["username", "password"]);
        let username = match section.get("username") {
            Some(node) => mistakes.text(node, "username").and_then(|name| {
                let is_good = !name.contains(':') && !name.chars().any(char::is_control);
                if !is_good {
                    let message = "`username` holds `:` or a control character, which Basic cannot carry";
                    mistakes.add(Mistake::error("bad_value", node.at.clone(), message));
                }
                is_good.then(|| name.to_owned())
            }),
            None => {
                let mistake = Mistake::error("missing_key", section.at(), "`basic` has no `username`");
                mistakes.add(mistake.help("add `username:` with the name the caller sends"));
                None
            }
        };
        let password = self.needed(&section, "basic", "password", mistakes);
        Some(Auth::Basic { username: username?, password: password? })
    }

    fn hmac(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Hmac> {
        let section =
            mistakes.section(node, "hmac", &["secret", "header", "encoding", "prefix", "timestamp"]);
        let secret = self.needed(&section, "hmac", "secret", mistakes);
        let header = header_name(&section, "hmac", "header", Some("X-Signature"), mistakes);
        let encoding = match section.get("encoding") {
            None => Some(Encoding::Hex),
            Some(node) => match mistakes.text(node, "encoding") {
                Some("hex") => Some(Encoding::Hex),
                Some("base64") => Some(Encoding::Base64),
                Some(word) => {
                    let message = format!("unknown encoding `{word}`");
                    let mistake = Mistake::error("bad_value", node.at.clone(), message);
                    mistakes.add(mistake.help("it is `hex` or `base64`"));
                    None
                }
                None => None,
            },
        };
        let prefix = match section.get("prefix") {
            None => Some(String::new()),
            Some(node) => mistakes.text(node, "prefix").map(str::to_owned),
        };
        let timestamp = match section.get("timestamp") {
            None => Some(None),
            Some(node) => timestamp(node, mistakes).map(Some),
        };
        Some(Hmac {
            secret: secret?,
            header: header?,
            encoding: encoding?,
            prefix: prefix?,
            timestamp: timestamp?,
        })
    }
}

/// The name of a header in lower case.
fn header_name(
    section: &Section<'_>,
    way: &str,
    key: &str,
    default: Option<&str>,
    mistakes: &mut Mistakes,
) -> Option<String> {
    let Some(node) = section.get(key) else {
        if let Some(default) = default {
            return Some(default.to_ascii_lowercase());
        }
        let message = format!("`{way}` has no `{key}`");
        let help = format!("add `{key}: X-Signature`, or whatever the header is called");
        mistakes.add(Mistake::error("missing_key", section.at(), message).help(help));
        return None;
    };
    let written = mistakes.text(node, key)?;
    match HeaderName::from_bytes(written.as_bytes()) {
        Ok(name) => Some(name.as_str().to_owned()),
        Err(_) => {
            let message = format!("`{key}` is not the name of a header");
            mistakes.add(Mistake::error("bad_header", node.at.clone(), message));
            None
        }
    }
}

fn timestamp(node: &Node, mistakes: &mut Mistakes) -> Option<Signed> {
    let section = mistakes.section(node, "timestamp", &["header", "tolerance", "signed"]);
    let header = header_name(&section, "timestamp", "header", None, mistakes);
    let tolerance = match section.get("tolerance") {
        None => Some(Signed::TOLERANCE),
        Some(node) => mistakes.duration(node, "tolerance"),
    };
    let before_body = match section.get("signed") {
        Some(node) => signed(node, mistakes),
        None => {
            let message = "only the body is signed, so whoever recorded a call can write a new time on it";
            mistakes.add(
                Mistake::warning("unsigned_time", section.at(), message)
                    .help("add `signed: \"{timestamp}.{body}\"` as the caller signs it"),
            );
            Some(Vec::new())
        }
    };
    Some(Signed { header: header?, tolerance: tolerance?, before_body: before_body? })
}

/// What stands before the body in the signed text: `v0:{timestamp}:{body}`.
fn signed(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<Option<String>>> {
    let written = mistakes.text(node, "signed")?;
    let parts = written.strip_suffix("{body}").and_then(|before| {
        let mut parts = Vec::new();
        for (number, text) in before.split("{timestamp}").enumerate() {
            if text.contains(['{', '}']) {
                return None;
            }
            if number > 0 {
                parts.push(None);
            }
            if !text.is_empty() {
                parts.push(Some(text.to_owned()));
            }
        }
        Some(parts)
    });
    if parts.is_none() {
        let message = "`signed` must be the signed text, with `{body}` at its end";
        mistakes.add(
            Mistake::error("bad_value", node.at.clone(), message)
                .help("write `{timestamp}.{body}`, `v0:{timestamp}:{body}` or `{body}`"),
        );
    }
    parts
}
