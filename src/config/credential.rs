//! Where a profile's credential is found, as the settings file says it.
//!
//! A secret that stands in the file itself is refused, and what may be one is never repeated.

use std::path::Path;

use super::Token;
use super::decode::missing;
use super::profile::{Credential, System, TokenForm};
use super::section::{Mistakes, Section};
use super::source::TokenSource;
use crate::source::{Content, Entry, Mistake, Node};

pub(super) const NO_SECRET: &str = "no secret stands in a file of ours";
const USE_A_SOURCE: &str = "use `{ env: NAME }`, `{ file: path }` or `{ command: [program, argument] }`";

/// Exactly one of `token` and `oauth2`; `None` after a mistake.
pub(super) fn credential(
    section: &Section<'_>,
    entry: &Entry,
    system: Option<System>,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> Option<Credential> {
    match (section.get("token"), section.get("oauth2")) {
        (Some(node), None) => token(node, "token", entry, folder, mistakes).map(Credential::Token),
        (None, Some(node)) => {
            if system == Some(System::Braze) {
                let mistake = Mistake::error("bad_value", node.head(), "Braze takes a `token`, not `oauth2`");
                mistakes.add(mistake.help("add `token: { env: BRAZE_API_KEY }`"));
                return None;
            }
            let oauth2 = mistakes.section(node, "oauth2", &["client_id", "client_secret", "form"]);
            let mut part = |key: &str| match oauth2.get(key) {
                Some(node) => token(node, key, entry, folder, mistakes),
                None => {
                    let message = format!("`oauth2` has no `{key}`");
                    mistakes.add(Mistake::error("missing_key", oauth2.at(), message).help(USE_A_SOURCE));
                    None
                }
            };
            let (client_id, client_secret) = (part("client_id"), part("client_secret"));
            let form = form(&oauth2, mistakes);
            Some(Credential::OAuth2 { client_id: client_id?, client_secret: client_secret?, form: form? })
        }
        (Some(_), Some(node)) => {
            let message = format!("profile `{}` has both `token` and `oauth2`", entry.key);
            mistakes.add(Mistake::error("bad_value", node.head(), message).help("keep one of them"));
            None
        }
        (None, None) => {
            mistakes.add(missing(
                entry,
                "token",
                "add `token: { env: NAME }`; `file` and `command` are known too",
            ));
            None
        }
    }
}

/// `multipart` unless it says otherwise.
fn form(oauth2: &Section<'_>, mistakes: &mut Mistakes) -> Option<TokenForm> {
    let Some(node) = oauth2.get("form") else { return Some(TokenForm::default()) };
    match mistakes.text(node, "form")? {
        "multipart" => Some(TokenForm::Multipart),
        "urlencoded" => Some(TokenForm::Urlencoded),
        other => {
            let message = format!("`form` is `multipart` or `urlencoded`, not `{other}`");
            let mistake = Mistake::error("bad_value", node.at.clone(), message);
            mistakes.add(mistake.suggest(other, ["multipart", "urlencoded"]));
            None
        }
    }
}

fn token(node: &Node, key: &str, entry: &Entry, folder: &Path, mistakes: &mut Mistakes) -> Option<Token> {
    secret(node, key, format!("the {key} of profile `{}`", entry.key), folder, mistakes)
}

/// Where one secret is found; `owner` completes "… holds". `None` after a mistake.
pub(super) fn secret(
    node: &Node,
    key: &str,
    owner: String,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> Option<Token> {
    if matches!(node.content, Content::Text(..) | Content::Number(_)) {
        mistakes.mask(node);
        mistakes.add(Mistake::error("secret_in_file", node.at.clone(), NO_SECRET).help(USE_A_SOURCE));
        return None;
    }
    let section = mistakes.section(node, key, &["env", "file", "command"]);
    let mut keys = section.keys().filter(|key| matches!(*key, "env" | "file" | "command"));
    let source = match (keys.next(), keys.next()) {
        (Some("env"), None) => env(section.get("env")?, mistakes),
        (Some("file"), None) => {
            mistakes.text(section.get("file")?, "file").map(|path| TokenSource::File(folder.join(path)))
        }
        (Some("command"), None) => command(section.get("command")?, mistakes),
        (Some(_), Some(_)) => {
            let message = format!("`{key}` names more than one place");
            mistakes.add(
                Mistake::error("bad_value", section.at(), message)
                    .help("keep one of `env`, `file`, `command`"),
            );
            None
        }
        _ => {
            if !node.is_broken() {
                let message = format!("`{key}` does not say where it is found");
                mistakes.add(Mistake::error("missing_key", section.at(), message).help(USE_A_SOURCE));
            }
            None
        }
    };
    source.map(|source| Token::new(owner, source))
}

fn env(node: &Node, mistakes: &mut Mistakes) -> Option<TokenSource> {
    let name = mistakes.text(node, "env")?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !is_name {
        // What stands here may be the secret itself.
        mistakes.mask(node);
        let mistake =
            Mistake::error("bad_value", node.at.clone(), "this is not the name of an environment variable");
        mistakes.add(mistake.help("write its name, such as `BRAZE_API_KEY`, not its value"));
        return None;
    }
    Some(TokenSource::Env(name.to_owned()))
}

fn command(node: &Node, mistakes: &mut Mistakes) -> Option<TokenSource> {
    let mut words = mistakes.texts(node, "command")?.into_iter();
    Some(TokenSource::Command { program: words.next()?, arguments: words.collect() })
}
