//! The structure and the places of a YAML text, from parser events.
//!
//! Events neither expand aliases nor notice duplicate keys nor bound anything, so this pass does:
//! it stops at the first broken cap, before any other reader sees the text. It knows nothing of
//! what a scalar means; that is for `meaning`.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::node::Style;
use super::text::Characters;
use super::{Mistake, Span, wording};

/// Levels of lists and maps. A workflow with nested loops and bodies needs about fifteen.
pub(super) const MOST_LEVELS: usize = 64;
/// Keys, scalars, lists and maps, counted with aliases expanded: a table of ten thousand purposes fits.
const MOST_NODES: usize = 50_000;
/// Uses of aliases.
const MOST_ALIASES: usize = 100;

/// A node as the events describe it.
#[derive(Debug)]
pub(super) struct Shape {
    /// First to last byte.
    pub at: Span,
    /// What stands there.
    pub kind: Kind,
    /// Nodes in it, itself included, aliases expanded.
    nodes: usize,
    /// Levels in it, itself included.
    levels: usize,
}

/// What stands at a node.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar(String, Style),
    List(Vec<Rc<Shape>>),
    Map(Vec<(Rc<Shape>, Rc<Shape>)>),
}

/// Reads the events of a text. `None` after a mistake that leaves no tree, or for no document.
pub(super) fn read(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Rc<Shape>> {
    let mut builder = Builder {
        text,
        characters: Characters::of(text),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        aliases: 0,
        documents: 0,
        root: None,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let end = match event {
            Ok((event, span)) => {
                let at = builder.characters.byte_of(span.start.index())
                    ..builder.characters.byte_of(span.end.index());
                builder.take(event, at, mistakes)
            }
            Err(error) => {
                Err(wording::refused(text, error.info(), builder.characters.byte_of(error.marker().index())))
            }
        };
        if let Err(mistake) = end {
            mistakes.push(mistake);
            return None;
        }
    }
    builder.root
}

struct Builder<'t> {
    text: &'t str,
    characters: Characters,
    open: Vec<Open>,
    /// `None` while the anchored node is still open.
    anchors: HashMap<usize, Option<Rc<Shape>>>,
    nodes: usize,
    aliases: usize,
    documents: usize,
    root: Option<Rc<Shape>>,
}

/// A list or map whose end has not come yet.
struct Open {
    start: Span,
    anchor: usize,
    /// For a map, keys and values in turn.
    children: Vec<Rc<Shape>>,
}

impl Builder<'_> {
    /// Takes one event; an error ends the reading.
    fn take(&mut self, event: Event<'_>, at: Span, mistakes: &mut Vec<Mistake>) -> Result<(), Mistake> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Mistake::error("several_documents", at, "more than one YAML document")
                        .label("a second one begins here")
                        .help("put each document into a file of its own"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                mistakes.extend(foreign(tag.as_deref(), &at));
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                let kind = Kind::Scalar(text.into_owned(), style);
                let at = if anchor > 0 || tag.is_some() { self.behind_properties(&at) } else { at };
                let at = at.start..self.end_of(&at, style);
                self.close(Shape { at, kind, nodes: 1, levels: 0 }, anchor)
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                mistakes.extend(foreign(tag.as_deref(), &at));
                self.anchors.insert(anchor, None);
                self.check_levels(&at, 1)?;
                self.open.push(Open { start: at, anchor, children: Vec::new() });
                Ok(())
            }
            Event::SequenceEnd => self.close_open(&at, Kind::List),
            Event::MappingEnd => self.close_open(&at, |children| Kind::Map(pairs(children))),
            Event::Alias(anchor) => self.follow(anchor, at),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// A scalar without the `&anchor` and `!!tag` before it.
    fn behind_properties(&self, at: &Span) -> Span {
        let mut rest = self.text.get(at.clone()).unwrap_or_default();
        while rest.starts_with(['&', '!']) {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest = rest.get(end..).unwrap_or_default().trim_start();
        }
        at.end - rest.len()..at.end
    }

    /// Where a scalar really ends: the parser counts what follows a closing quote as part of it.
    fn end_of(&self, at: &Span, style: Style) -> usize {
        let quote = match style {
            Style::SingleQuoted => '\'',
            Style::DoubleQuoted => '"',
            Style::Plain | Style::Literal | Style::Folded => return at.end,
        };
        let whole = self.text.get(at.clone()).unwrap_or_default();
        let mut letters = whole.char_indices().skip(1).peekable();
        while let Some((offset, letter)) = letters.next() {
            if letter == '\\' && quote == '"' {
                letters.next();
            } else if letter == quote && letters.next_if(|(_, next)| quote == '\'' && *next == '\'').is_none()
            {
                return at.start + offset + 1;
            }
        }
        at.end
    }

    fn close_open(&mut self, at: &Span, kind: impl FnOnce(Vec<Rc<Shape>>) -> Kind) -> Result<(), Mistake> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // A block collection ends where the next thing begins; its last child ends where it does. To the
        // parser a closing bracket reaches over the spaces behind it.
        let is_flow = !at.is_empty();
        let last = open.children.last().map_or(open.start.end, |child| child.at.end.max(open.start.start));
        let shape = Shape {
            at: open.start.start..if is_flow { at.start + 1 } else { last },
            nodes: 1 + open.children.iter().map(|child| child.nodes).sum::<usize>(),
            levels: 1 + open.children.iter().map(|child| child.levels).max().unwrap_or_default(),
            kind: kind(open.children),
        };
        // Children were counted when they were closed.
        self.attach(Rc::new(shape), open.anchor, 1)
    }

    fn close(&mut self, shape: Shape, anchor: usize) -> Result<(), Mistake> {
        self.attach(Rc::new(shape), anchor, 1)
    }

    fn follow(&mut self, anchor: usize, at: Span) -> Result<(), Mistake> {
        self.aliases += 1;
        let bomb = |message: &str| {
            Mistake::error("alias_bomb", at.clone(), message)
                .label("this alias is one too many")
                .help("write the values out, or use `vars`")
        };
        if self.aliases > MOST_ALIASES {
            return Err(bomb(&format!("more than {MOST_ALIASES} aliases")));
        }
        let Some(Some(shape)) = self.anchors.get(&anchor).cloned() else {
            return Err(Mistake::error("alias_bomb", at.clone(), "an alias stands inside its own anchor")
                .label("expands for ever"));
        };
        if self.nodes + shape.nodes > MOST_NODES {
            return Err(bomb(&format!("aliases expand to more than {MOST_NODES} values")));
        }
        self.check_levels(&at, shape.levels)?;
        self.attach(Rc::clone(&shape), 0, shape.nodes)
    }

    fn attach(&mut self, shape: Rc<Shape>, anchor: usize, counted: usize) -> Result<(), Mistake> {
        self.nodes += counted;
        if self.nodes > MOST_NODES {
            return Err(Mistake::error(
                "too_many_nodes",
                shape.at.start..shape.at.start,
                format!("more than {MOST_NODES} values in one file"),
            )
            .help("split the file"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Some(Rc::clone(&shape)));
        }
        match self.open.last_mut() {
            Some(open) => open.children.push(shape),
            None => self.root = Some(shape),
        }
        Ok(())
    }

    fn check_levels(&self, at: &Span, more: usize) -> Result<(), Mistake> {
        if self.open.len() + more > MOST_LEVELS {
            return Err(wording::too_deep(at, MOST_LEVELS));
        }
        Ok(())
    }
}

fn pairs(children: Vec<Rc<Shape>>) -> Vec<(Rc<Shape>, Rc<Shape>)> {
    let mut pairs = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// A tag that is not one of YAML's own gives a value a meaning we do not know.
fn foreign(tag: Option<&Tag>, at: &Span) -> Option<Mistake> {
    let tag = tag.filter(|tag| !tag.is_yaml_core_schema())?;
    Some(
        Mistake::error("bad_yaml", at.clone(), format!("`{tag}` is a YAML tag, which means nothing here"))
            .help("quote the whole value if it begins with `!`"),
    )
}
