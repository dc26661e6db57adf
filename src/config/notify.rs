//! The `notify` of a settings file: channels by name, from their maps to typed values.
//!
//! Secrets are found as those of profiles are, and a login never goes over a network in the clear.

use std::path::Path;

use indexmap::IndexMap;
use lettre::message::Mailbox;
use reqwest::header::HeaderName;

use super::channel::{Address, Channel, Smtp, Tls, Way, Webhook};
use super::credential::secret;
use super::hooks::is_name;
use super::section::{Mistakes, Section};
use super::{Host, Token};
use crate::source::{Content, Entry, Mistake, Node};

const WAYS: [&str; 3] = ["smtp", "webhook", "slack"];
const KEYS: [&str; 5] = ["smtp", "webhook", "slack", "window", "per_hour"];
const WRITE_ONE: &str = "add `smtp`, `webhook` or `slack`";

/// Reads `notify`.
pub(super) fn read(node: &Node, folder: &Path, mistakes: &mut Mistakes) -> IndexMap<String, Channel> {
    let mut channels = IndexMap::new();
    for entry in mistakes.entries(node, "notify") {
        if !is_name(&entry.key) {
            mistakes.add(
                Mistake::error("bad_name", entry.key_at.clone(), "this is no name for a channel")
                    .help("use lower-case letters, digits and `-`, a letter first"),
            );
        }
        if let Some(channel) = (Of { channel: &entry.key, folder }).channel(entry, mistakes) {
            channels.insert(channel.name.clone(), channel);
        }
    }
    channels
}

/// Where secrets of a channel are looked for, and whose they are.
struct Of<'a> {
    channel: &'a str,
    folder: &'a Path,
}

impl Of<'_> {
    fn channel(&self, entry: &Entry, mistakes: &mut Mistakes) -> Option<Channel> {
        let section = mistakes.section(&entry.value, &format!("notify.{}", entry.key), &KEYS);
        let window =
            section.get("window").map_or(Some(Channel::WINDOW), |node| mistakes.duration(node, "window"));
        let per_hour =
            section.get("per_hour").map_or(Some(Channel::PER_HOUR), |node| mistakes.count(node, "per_hour"));
        let mut ways = section.keys().filter(|key| WAYS.contains(key));
        let way = match (ways.next(), ways.next()) {
            (Some("smtp"), None) => self.smtp(section.get("smtp")?, mistakes),
            (Some("webhook"), None) => self.webhook(section.get("webhook")?, mistakes).map(Way::Webhook),
            (Some("slack"), None) => self.slack(section.get("slack")?, mistakes).map(Way::Slack),
            (Some(_), Some(_)) => {
                let message = format!("channel `{}` has more than one way", entry.key);
                mistakes
                    .add(Mistake::error("bad_value", section.at(), message).help("make a channel of each"));
                None
            }
            _ => {
                if !entry.value.is_broken() {
                    let message = format!("channel `{}` does not say where it goes", entry.key);
                    let at = entry.key_at.clone();
                    mistakes.add(Mistake::error("missing_key", at, message).help(WRITE_ONE));
                }
                None
            }
        };
        Some(Channel { name: entry.key.clone(), way: way?, window: window?, per_hour: per_hour? })
    }

    fn secret(&self, node: &Node, key: &str, mistakes: &mut Mistakes) -> Option<Token> {
        secret(node, key, format!("the {key} of channel `{}`", self.channel), self.folder, mistakes)
    }

    fn smtp(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Way> {
        const KEYS: [&str; 6] = ["host", "tls", "username", "password", "from", "to"];
        let section = mistakes.section(node, "smtp", &KEYS);
        let host = match section.get("host") {
            None => missing(&section, "smtp", "host", "add `host: smtp.example.com`", mistakes),
            Some(node) => mistakes.text(node, "host").and_then(|written| {
                let host = Host::parse(written);
                host.map_err(|error| {
                    let mistake = Mistake::error("bad_host", node.at.clone(), error.to_string());
                    mistakes.add(mistake.help("write a name such as `smtp.example.com:587`"));
                })
                .ok()
            }),
        };
        let tls = tls(&section, mistakes);
        let login = self.login(&section, mistakes);
        if let (Some(host), Some(Tls::Never), Some(Some(_))) = (&host, tls, &login)
            && !host.is_loopback()
        {
            let message = "a password would go over the network in the clear";
            mistakes.add(
                Mistake::error("bad_value", section.at(), message)
                    .help("leave `tls` out, or leave `username` and `password` out"),
            );
            return None;
        }
        let from = match section.get("from") {
            None => {
                let help = "add `from: privaflow@example.com`";
                missing(&section, "smtp", "from", help, mistakes)
            }
            Some(node) => mailbox(node, "from", mistakes),
        };
        let to = match section.get("to") {
            None => missing(&section, "smtp", "to", "add `to: [team@example.com]`", mistakes),
            Some(node) => mailboxes(node, mistakes),
        };
        Some(Way::Smtp(Box::new(Smtp { host: host?, tls: tls?, login: login?, from: from?, to: to? })))
    }

    /// Both or neither of name and password; `None` after a mistake.
    fn login(&self, section: &Section<'_>, mistakes: &mut Mistakes) -> Option<Option<(String, Token)>> {
        match (section.get("username"), section.get("password")) {
            (None, None) => Some(None),
            (Some(name), Some(password)) => {
                let name = mistakes.text(name, "username").map(str::to_owned);
                let password = self.secret(password, "password", mistakes);
                Some(Some((name?, password?)))
            }
            (Some(_), None) => {
                missing(section, "smtp", "password", "add `password: { env: NAME }`", mistakes)
            }
            (None, Some(node)) => {
                mistakes.mask(node);
                missing(section, "smtp", "username", "add `username:`", mistakes)
            }
        }
    }

    fn webhook(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Webhook> {
        let section = mistakes.section(node, "webhook", &["url", "bearer", "header"]);
        let url = self.address(&section, "webhook", mistakes);
        let header = match (section.get("bearer"), section.get("header")) {
            (None, None) => Some(None),
            (Some(node), None) => self
                .secret(node, "bearer", mistakes)
                .map(|token| Some(("authorization".to_owned(), "Bearer ", token))),
            (None, Some(node)) => {
                let header = mistakes.section(node, "header", &["name", "value"]);
                let name = header.get("name").and_then(|node| mistakes.text(node, "name"));
                let name = name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
                let value = header.get("value").and_then(|node| self.secret(node, "value", mistakes));
                if name.is_none() && !node.is_broken() {
                    let mistake = Mistake::error("bad_header", header.at(), "`header` needs a `name`");
                    mistakes.add(mistake.help("write `{ name: X-Key, value: { env: NAME } }`"));
                }
                if header.get("value").is_none() {
                    let help = "add `value: { env: NAME }`";
                    missing::<()>(&header, "header", "value", help, mistakes);
                }
                name.zip(value).map(|(name, value)| Some((name.as_str().to_owned(), "", value)))
            }
            (Some(_), Some(node)) => {
                let message = "`webhook` has both `bearer` and `header`";
                mistakes.add(Mistake::error("bad_value", node.head(), message).help("keep one of them"));
                None
            }
        };
        Some(Webhook { url: url?, header: header? })
    }

    fn slack(&self, node: &Node, mistakes: &mut Mistakes) -> Option<Webhook> {
        let section = mistakes.section(node, "slack", &["url"]);
        if let Some(url) = section.get("url")
            && url.as_text().is_some()
            && !url.as_text().and_then(|text| Address::parse(text).ok()).is_some_and(|url| is_local(&url))
        {
            mistakes.mask(url);
            let message = "whoever knows this address can post to it, so it is a secret";
            mistakes.add(
                Mistake::error("secret_in_file", url.at.clone(), message)
                    .help("use `url: { env: NAME }`, `{ file: path }` or `{ command: [program] }`"),
            );
            return None;
        }
        let url = self.address(&section, "slack", mistakes);
        Some(Webhook { url: url?, header: None })
    }

    /// An address as written, or where it is found.
    fn address(&self, section: &Section<'_>, way: &str, mistakes: &mut Mistakes) -> Option<Address> {
        let Some(node) = section.get("url") else {
            return missing(section, way, "url", "add `url: { env: NAME }`", mistakes);
        };
        let Some(written) = node.as_text() else {
            return self.secret(node, "url", mistakes).map(Address::Secret);
        };
        match Address::parse(written) {
            Ok(url) => Some(Address::Plain(url)),
            Err(error) => {
                mistakes.mask(node);
                let mistake = Mistake::error("bad_value", node.at.clone(), error.to_string());
                mistakes.add(mistake.help("write `https://…`, or `{ env: NAME }` where it is a secret"));
                None
            }
        }
    }
}

fn is_local(url: &url::Url) -> bool {
    url.host_str().and_then(|host| Host::parse(host).ok()).is_some_and(|host| host.is_loopback())
}

fn missing<T>(section: &Section<'_>, of: &str, key: &str, help: &str, mistakes: &mut Mistakes) -> Option<T> {
    let message = format!("`{of}` has no `{key}`");
    mistakes.add(Mistake::error("missing_key", section.at(), message).help(help));
    None
}

fn tls(section: &Section<'_>, mistakes: &mut Mistakes) -> Option<Tls> {
    let Some(node) = section.get("tls") else { return Some(Tls::StartTls) };
    match mistakes.text(node, "tls")? {
        "starttls" => Some(Tls::StartTls),
        "always" => Some(Tls::Always),
        "never" => Some(Tls::Never),
        word => {
            let mistake = Mistake::error("bad_value", node.at.clone(), format!("unknown `tls: {word}`"));
            mistakes.add(mistake.help("it is `starttls`, `always` or `never`"));
            None
        }
    }
}

fn mailboxes(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<Mailbox>> {
    let Content::List(items) = &node.content else {
        return mailbox(node, "to", mistakes).map(|one| vec![one]);
    };
    if items.is_empty() {
        mistakes.add(Mistake::error("bad_value", node.at.clone(), "`to` is empty"));
    }
    let read: Vec<Mailbox> = items.iter().filter_map(|item| mailbox(item, "to", mistakes)).collect();
    (read.len() == items.len() && !read.is_empty()).then_some(read)
}

fn mailbox(node: &Node, name: &str, mistakes: &mut Mistakes) -> Option<Mailbox> {
    let written = mistakes.text(node, name)?;
    let mailbox = written.parse().ok();
    if mailbox.is_none() {
        let message = format!("`{name}` is no mail address");
        let mistake = Mistake::error("bad_value", node.at.clone(), message);
        mistakes.add(mistake.help("write `privacy@example.com` or `Privacy team <privacy@example.com>`"));
    }
    mailbox
}
