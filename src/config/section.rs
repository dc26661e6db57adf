//! One map of a settings file, read key by key; whatever is wrong is collected, nothing stops.
//!
//! A part that the YAML reader already found broken is passed over quietly.

use std::collections::HashSet;
use std::time::Duration;

use crate::source::{Content, Entry, Mistake, Node, Span, duration};

/// Collects what is wrong while a file is decoded.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    list: Vec<Mistake>,
    masked: Vec<Span>,
}

impl Mistakes {
    pub fn add(&mut self, mistake: Mistake) {
        self.list.push(mistake);
    }

    /// What stands here may be a secret: whoever shows the file must not show this part.
    pub fn mask(&mut self, node: &Node) {
        self.masked.push(node.at.clone());
    }

    /// The mistakes in the order of the file, and the text of the file as it may be shown: what may be
    /// a secret is overwritten, and every byte stays at its place.
    pub fn finish(mut self, text: &str) -> (Vec<Mistake>, String) {
        self.list.sort_by_key(|mistake| mistake.at.start);
        let mut shown = text.to_owned();
        for at in self.masked {
            let Some(part) = shown.get(at.clone()) else { continue };
            let stars: String = part
                .chars()
                .map(|c| if c == '\n' { "\n".to_owned() } else { "*".repeat(c.len_utf8()) })
                .collect();
            shown.replace_range(at, &stars);
        }
        (self.list, shown)
    }

    fn wrong_type(&mut self, node: &Node, name: &str, expected: &str) {
        if !matches!(node.content, Content::Broken) {
            let message = format!("`{name}` must be {expected}");
            let label = format!("this is {}", node.shape());
            self.add(Mistake::error("wrong_type", node.head(), message).label(label));
        }
    }

    /// The entries of a map; an empty value is an empty map.
    pub fn entries<'n>(&mut self, node: &'n Node, name: &str) -> &'n [Entry] {
        match &node.content {
            Content::Map(entries) => entries,
            Content::Null => &[],
            _ => {
                self.wrong_type(node, name, "a map");
                &[]
            }
        }
    }

    /// A map with a fixed set of keys; others are reported.
    pub fn section<'n>(&mut self, node: &'n Node, name: &str, keys: &[&'static str]) -> Section<'n> {
        let entries = self.entries(node, name);
        let allowed: HashSet<&str> = keys.iter().copied().collect();
        for entry in entries.iter().filter(|entry| !allowed.contains(entry.key.as_str())) {
            let place = if name.is_empty() { "the settings".to_owned() } else { format!("`{name}`") };
            let message = format!("unknown key `{}` in {place}", entry.key);
            let mut mistake = Mistake::error("unknown_key", entry.key_at.clone(), message)
                .suggest(&entry.key, keys.iter().copied());
            if mistake.help.is_none() {
                mistake = mistake.help(format!("known are {}", keys.join(", ")));
            }
            self.add(mistake);
            // A key with a slip of the pen may be `token`.
            self.mask(&entry.value);
        }
        Section { at: node.head(), entries }
    }

    /// A text that is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, name: &str) -> Option<&'n str> {
        match node.as_text() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.add(Mistake::error("bad_value", node.at.clone(), format!("`{name}` is empty")));
                None
            }
            None => {
                self.wrong_type(node, name, "a string");
                None
            }
        }
    }

    /// A whole number from 1.
    pub fn count(&mut self, node: &Node, name: &str) -> Option<u32> {
        let number = match &node.content {
            Content::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => {
                self.wrong_type(node, name, "a whole number");
                return None;
            }
        };
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            let message = format!("`{name}` must be a whole number from 1 to {}", u32::MAX);
            self.add(Mistake::error("bad_value", node.at.clone(), message));
        }
        number
    }

    /// A part of a whole: more than 0, at most 1.
    pub fn share(&mut self, node: &Node, name: &str) -> Option<f64> {
        let Content::Number(number) = &node.content else {
            self.wrong_type(node, name, "a number");
            return None;
        };
        let share = number.as_f64().filter(|share| *share > 0.0 && *share <= 1.0);
        if share.is_none() {
            let message = format!("`{name}` must be more than 0 and at most 1");
            self.add(
                Mistake::error("bad_value", node.at.clone(), message)
                    .help("0.8 is four fifths of each limit"),
            );
        }
        share
    }

    /// A duration that is not zero.
    pub fn duration(&mut self, node: &Node, name: &str) -> Option<Duration> {
        let duration = match &node.content {
            Content::Text(text, _) => duration(text).filter(|duration| !duration.is_zero()),
            Content::Number(_) => None,
            _ => {
                self.wrong_type(node, name, "a duration such as `3s`");
                return None;
            }
        };
        if duration.is_none() {
            let message = format!("`{name}` is not a duration");
            let help = "write a whole number and a unit: `500ms`, `3s`, `1m`, `1h`, `1d`";
            self.add(Mistake::error("bad_duration", node.at.clone(), message).help(help));
        }
        duration
    }

    /// A list of texts with at least one in it.
    pub fn texts(&mut self, node: &Node, name: &str) -> Option<Vec<String>> {
        match &node.content {
            Content::List(items) if !items.is_empty() => {
                items.iter().map(|item| self.text(item, name).map(str::to_owned)).collect()
            }
            _ => {
                self.wrong_type(node, name, "a list of strings, the program first");
                None
            }
        }
    }
}

/// A map whose keys were checked.
#[derive(Debug, Clone)]
pub(super) struct Section<'n> {
    entries: &'n [Entry],
    at: Span,
}

impl<'n> Section<'n> {
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Where the map begins, for what is missing in it.
    pub fn at(&self) -> Span {
        self.at.clone()
    }

    pub fn keys(&self) -> impl Iterator<Item = &'n str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }
}
