//! Typed values out of located nodes, with a mistake for each that does not fit.
//!
//! Every method answers `None` after it has told what is wrong, so a caller goes on with the rest of
//! the file and all mistakes are told in one run. What is already broken is passed over in silence.

use std::collections::HashSet;
use std::time::Duration;

use indexmap::IndexMap;

use super::Known;
use super::names::{Names, Place};
use super::outline::Outline;
use crate::source::{Content, Entry, MOST_MISTAKES, Mistake, Node, Severity, Span, duration};

/// What is read, what was found wrong so far, and what the file has said up to here.
pub(super) struct Reader<'a> {
    /// The whole file.
    pub text: &'a str,
    /// What exists outside the file.
    pub known: &'a Known,
    /// Everything wrong so far, in any order.
    pub mistakes: Vec<Mistake>,
    /// The names that templates and conditions may read at this point of the file.
    pub names: Names,
    /// Some template or condition reads `consents`.
    pub reads_consents: bool,
    /// Every string that a condition spells out.
    pub spelled: HashSet<String>,
    /// Profile names by system, as the workflow's `profiles` gives them.
    pub profiles: IndexMap<String, String>,
    /// Systems whose missing profile was told already.
    pub told: HashSet<String>,
}

impl<'a> Reader<'a> {
    /// At the start of a file, of whose steps there is an outline.
    pub fn new(text: &'a str, known: &'a Known, outline: Outline, mistakes: Vec<Mistake>) -> Reader<'a> {
        Reader {
            text,
            known,
            mistakes,
            names: Names::new(outline),
            reads_consents: false,
            spelled: HashSet::new(),
            profiles: IndexMap::new(),
            told: HashSet::new(),
        }
    }

    /// Notes a mistake.
    pub fn add(&mut self, mistake: Mistake) {
        if self.mistakes.len() < MOST_MISTAKES {
            self.mistakes.push(mistake);
        }
    }

    /// Whether the file cannot be used as far as it was read.
    pub fn has_errors(&self) -> bool {
        self.mistakes.iter().any(|mistake| mistake.severity == Severity::Error)
    }

    /// Notes that something has the wrong shape, unless it is broken anyway.
    pub fn wrong_type(&mut self, what: &str, node: &Node, expected: &str, help: Option<&str>) {
        if matches!(node.content, Content::Broken) {
            return;
        }
        let mistake = Mistake::error("wrong_type", node.head(), format!("`{what}` must be {expected}"))
            .label(format!("this is {}", node.shape()));
        self.add(match help {
            Some(help) => mistake.help(help),
            None => mistake,
        });
    }

    /// A string.
    pub fn string<'n>(&mut self, what: &str, node: &'n Node) -> Option<&'n str> {
        let text = node.as_text();
        if text.is_none() {
            let scalar = matches!(node.content, Content::Bool(_) | Content::Number(_));
            self.wrong_type(what, node, "a string", scalar.then_some("quote it"));
        }
        text
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, what: &str, node: &Node) -> Option<bool> {
        if let Content::Bool(value) = node.content {
            return Some(value);
        }
        let word = node.as_text().is_some_and(|text| ["yes", "no", "on", "off"].contains(&text));
        self.wrong_type(what, node, "true or false", word.then_some("write `true` or `false`"));
        None
    }

    /// A whole number from 1.
    pub fn count(&mut self, what: &str, node: &Node) -> Option<u64> {
        if let Content::Number(number) = &node.content
            && let Some(count) = number.as_u64().filter(|count| *count > 0)
        {
            return Some(count);
        }
        self.wrong_type(what, node, "a whole number from 1", None);
        None
    }

    /// A duration.
    pub fn duration(&mut self, what: &str, node: &Node) -> Option<Duration> {
        let found = node.as_text().and_then(duration);
        if found.is_none() && !matches!(node.content, Content::Broken) {
            let written = self.text.get(node.at.clone()).unwrap_or_default().to_owned();
            let mistake = if written.is_empty() || node.as_map().is_some() || written.contains('\n') {
                Mistake::error("bad_duration", node.head(), format!("`{what}` must be a duration"))
            } else {
                Mistake::error("bad_duration", node.head(), format!("`{written}` is no duration"))
            };
            self.add(mistake.help("write a whole number and a unit of `ms s m h d`, such as `30s`"));
        }
        found
    }

    /// A duration that is longer than nothing.
    pub fn pause(&mut self, what: &str, node: &Node) -> Option<Duration> {
        let found = self.duration(what, node)?;
        if found.is_zero() {
            self.add(Mistake::error(
                "bad_duration",
                node.head(),
                format!("`{what}` must be longer than nothing"),
            ));
            return None;
        }
        Some(found)
    }

    /// A list.
    pub fn list<'n>(&mut self, what: &str, node: &'n Node) -> Option<&'n [Node]> {
        if let Content::List(items) = &node.content {
            return Some(items);
        }
        let scalar = node.as_text().is_some();
        self.wrong_type(what, node, "a list", scalar.then_some("write it as `[…]`"));
        None
    }

    /// A list of strings.
    pub fn strings(&mut self, what: &str, node: &Node) -> Option<Vec<String>> {
        let items = self.list(what, node)?;
        let texts: Vec<_> = items
            .iter()
            .filter_map(|item| self.string(&format!("{what}[…]"), item).map(str::to_owned))
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// A map with these keys and no others.
    pub fn map<'n>(&mut self, what: &str, node: &'n Node, keys: &[&str]) -> Option<&'n [Entry]> {
        let entries = self.open_map(what, node)?;
        for entry in entries {
            if !keys.contains(&entry.key.as_str()) {
                self.unknown_key(entry, &format!("of `{what}`"), keys);
            }
        }
        Some(entries)
    }

    /// A map with any keys.
    pub fn open_map<'n>(&mut self, what: &str, node: &'n Node) -> Option<&'n [Entry]> {
        let entries = node.as_map();
        if entries.is_none() {
            self.wrong_type(what, node, "a map", None);
        }
        entries
    }

    /// Notes a key that nothing reads.
    pub fn unknown_key(&mut self, entry: &Entry, owner: &str, keys: &[&str]) {
        let mistake =
            Mistake::error("unknown_key", entry.key_at.clone(), format!("unknown key `{}`", entry.key))
                .label(format!("no key {owner}"));
        let suggested = mistake.clone().suggest(&entry.key, keys.iter().copied());
        self.add(if suggested.help.is_some() {
            suggested
        } else {
            mistake.help(format!(
                "the keys are {}",
                keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
            ))
        });
    }

    /// Notes a key that must be there and is not.
    pub fn missing_key(&mut self, key: &str, at: Span, owner: &str) {
        self.add(
            Mistake::error("missing_key", at, format!("`{key}` is missing"))
                .label(format!("{owner} needs `{key}`")),
        );
    }

    /// Notes a word of the language that this version cannot carry out.
    pub fn not_available(&mut self, at: Span, what: &str) {
        self.add(Mistake::error("not_available", at, format!("this version does not run {what} yet")));
    }

    /// The value of a key that must be there.
    pub fn required<'n>(&mut self, what: &str, key: &str, node: &'n Node) -> Option<&'n Node> {
        let found = node.get(key);
        if found.is_none() {
            self.missing_key(key, node.head(), &format!("`{what}`"));
        }
        found
    }

    /// Does something while texts stand at another place, with other names.
    pub fn at_place<T>(&mut self, place: Place, act: impl FnOnce(&mut Reader<'a>) -> T) -> T {
        let outer = std::mem::replace(&mut self.names.place, place);
        let result = act(self);
        self.names.place = outer;
        result
    }
}
