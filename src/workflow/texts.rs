//! Templates and expressions out of located nodes: compiled, and their names checked.
//!
//! The two languages know places in a text and no file; here their mistakes get places in the file.

use super::reader::Reader;
use super::record;
use super::steps::article;
use crate::condition::Condition;
use crate::source::{Content, Entry, Mistake, Node};
use crate::template::{Leaf, Name, PathSeg, Tree};

impl Reader<'_> {
    /// A condition or value: CEL. `true`, `false` and numbers may stand without quotes.
    pub fn condition(&mut self, what: &str, node: &Node) -> Option<Condition> {
        let text = match &node.content {
            Content::Text(text, _) => text.clone(),
            Content::Bool(value) => value.to_string(),
            Content::Number(value) => value.to_string(),
            Content::Null | Content::List(_) | Content::Map(_) | Content::Broken => {
                let help = match what {
                    "for_each" => "write it as one string, such as `consents` or `['a', 'b']`",
                    _ => "write it as one string, such as `size(vars.found) > 0`",
                };
                self.wrong_type(what, node, "a CEL expression", Some(help));
                return None;
            }
        };
        match Condition::compile(&text) {
            Ok(condition) => {
                self.spelled.extend(condition.strings());
                self.read(condition.names(), node);
                Some(condition)
            }
            Err(found) => {
                let braces = text.contains("{{").then_some(
                    "expressions need no braces: write `subject.email`, not `{{ subject.email }}`",
                );
                for mut mistake in found {
                    mistake.at = node.place(self.text, &mistake.at);
                    if let Some(help) = braces {
                        mistake.help = Some(help.to_owned());
                    }
                    self.add(mistake);
                }
                None
            }
        }
    }

    /// An expression that must come to true or false; one that surely does not is told.
    pub fn question(&mut self, what: &str, node: &Node) -> Option<Condition> {
        let condition = self.condition(what, node)?;
        let found = condition.sure_type(&|path| record::sure_type(path));
        if let Some(found) = found.filter(|found| *found != "bool") {
            let written = self.text.get(node.at.clone()).unwrap_or_default().trim_matches(['"', '\'']);
            let help = match found {
                "list" | "map" => format!("write `size({written}) > 0`"),
                "string" if !condition.names().is_empty() => {
                    "compare it, such as with `== \"…\"`, or ask whether it is there with `has(…)`".to_owned()
                }
                _ => "write a comparison, such as `size(vars.found) > 0`".to_owned(),
            };
            self.add(
                Mistake::error("wrong_type", node.head(), format!("`{what}` must come to true or false"))
                    .label(format!("this is {} {found}", article(found)))
                    .help(help),
            );
        }
        Some(condition)
    }

    /// A string with templates in it. Numbers and booleans stand for their text.
    pub fn leaf(&mut self, what: &str, node: &Node) -> Option<Leaf> {
        let text = self.string(what, node)?;
        match Leaf::compile(text) {
            Ok(leaf) => {
                self.read(leaf.names(), node);
                Some(leaf)
            }
            Err(found) => {
                for mut mistake in found {
                    mistake.at = node.place(self.text, &mistake.at);
                    self.add(mistake);
                }
                None
            }
        }
    }

    /// A value whose strings are templates.
    pub fn tree(&mut self, node: &Node) -> Option<Tree> {
        let mut found: Vec<(Vec<PathSeg>, Mistake)> = Vec::new();
        let tree = Tree::compile(&node.to_json(), &mut |path, mistake| found.push((path.to_vec(), mistake)));
        for (path, mut mistake) in found {
            let place = inside(node, &path);
            mistake.at = place.map_or(node.at.clone(), |(_, inner)| inner.place(self.text, &mistake.at));
            self.add(mistake);
        }
        let tree = tree?;
        let mut read: Vec<(Vec<PathSeg>, Vec<Name>)> = Vec::new();
        for (path, leaf) in tree.leaves() {
            read.push((path, leaf.names().to_vec()));
        }
        for (path, names) in read {
            if let Some((_, inner)) = inside(node, &path) {
                self.read(&names, inner);
            }
        }
        (!node.is_broken()).then_some(tree)
    }

    /// Checks the names that a text at `node` reads.
    fn read(&mut self, names: &[Name], node: &Node) {
        for name in names {
            if name.segments.first().is_some_and(|root| root == "consents") {
                self.reads_consents = true;
            }
            if let Some(mut mistake) = self.names.check(name) {
                mistake.at = node.place(self.text, &mistake.at);
                self.add(mistake);
            }
        }
    }
}

/// The node at a path inside another, and the entry whose value it is.
pub(super) fn inside<'n>(node: &'n Node, path: &[PathSeg]) -> Option<(Option<&'n Entry>, &'n Node)> {
    let mut found = (None, node);
    for segment in path {
        found = match segment {
            PathSeg::Key(key) => {
                let entry = found.1.as_map()?.iter().find(|entry| entry.key == *key)?;
                (Some(entry), &entry.value)
            }
            PathSeg::Index(index) => match &found.1.content {
                Content::List(items) => (None, items.get(*index)?),
                _ => return None,
            },
        };
    }
    Some(found)
}
