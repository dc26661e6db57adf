//! Where an expression looks: of which values what it comes to depends, and on what of them.
//!
//! Two scopes in which it finds the same wherever it looks give the same answer, or the same failure.
//! Told from the text alone, so more is named rather than less: a list of which items are only asked
//! for members is named by those members, and whatever else is done with a value names it whole.

use super::function::Function;
use super::node::{Literal, Macro, MacroKind, Node, Path, Root};

/// What an expression asks of a scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// The name of the first level, and the members behind it.
    pub path: Vec<String>,
    /// What of the value there.
    pub asks: Asks,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// All of it.
    Whole,
    /// Whether it is a map with this member.
    Has(String),
    /// How many items it has, if it is a list; else all of it.
    Count,
    /// Of a list also this member of each item; of anything else all of it.
    Each(String),
    /// Of a list also whether each item is a map with this member; of anything else all of it.
    EachHas(String),
}

/// What a part of an expression stands for.
#[derive(Clone)]
enum Place {
    /// Something that was looked at already, or needs no look.
    Known,
    /// A path of the scope.
    At(Vec<String>),
    /// Some items of the list at a path of the scope.
    ItemsOf(Vec<String>),
    /// One of them, and a member of it.
    ItemOf(Vec<String>, Option<String>),
}

/// Everything that an expression looks at, each once.
pub(super) fn looks(root: &Node) -> Vec<Look> {
    let mut walk = Walk { looks: Vec::new(), locals: Vec::new() };
    let place = walk.place(root);
    walk.whole(place);
    walk.looks.sort();
    walk.looks.dedup();
    walk.looks
}

struct Walk {
    looks: Vec<Look>,
    /// What the variables of the macros around stand for, the innermost last.
    locals: Vec<Place>,
}

impl Walk {
    fn note(&mut self, path: Vec<String>, asks: Asks) {
        self.looks.push(Look { path, asks });
    }

    /// A part of which everything may matter.
    fn all(&mut self, node: &Node) {
        let place = self.place(node);
        self.whole(place);
    }

    fn whole(&mut self, place: Place) {
        match place {
            Place::Known => {}
            Place::At(path) | Place::ItemsOf(path) | Place::ItemOf(path, None) => {
                self.note(path, Asks::Whole);
            }
            Place::ItemOf(path, Some(member)) => self.note(path, Asks::Each(member)),
        }
    }

    fn count(&mut self, place: Place) {
        match place {
            Place::At(path) | Place::ItemsOf(path) => self.note(path, Asks::Count),
            other => self.whole(other),
        }
    }

    fn member(&mut self, of: Place, name: &str) -> Place {
        match of {
            Place::Known => Place::Known,
            Place::At(mut path) => {
                path.push(name.to_owned());
                Place::At(path)
            }
            Place::ItemOf(path, None) => Place::ItemOf(path, Some(name.to_owned())),
            deeper => {
                self.whole(deeper);
                Place::Known
            }
        }
    }

    fn has(&mut self, of: Place, name: &str) {
        match of {
            Place::At(path) => self.note(path, Asks::Has(name.to_owned())),
            Place::ItemOf(path, None) => self.note(path, Asks::EachHas(name.to_owned())),
            other => self.whole(other),
        }
    }

    /// What a part stands for; whatever it looks at on the way is noted.
    fn place(&mut self, node: &Node) -> Place {
        match node {
            Node::Literal(_) => {}
            Node::Path(path) => return self.path(path),
            Node::Select(of, step) => {
                let of = self.place(of);
                return self.member(of, &step.name);
            }
            Node::OptionalSelect(of, name) => {
                let of = self.place(of);
                return self.member(of, name);
            }
            Node::Index(of, at, _) | Node::OptionalIndex(of, at) => return self.index(of, at),
            Node::Has(of, name) => {
                let of = self.place(of);
                self.has(of, name);
            }
            Node::List(items) => items.iter().for_each(|(item, _)| self.all(item)),
            Node::Map(entries) => entries.iter().for_each(|(key, value)| {
                self.all(key);
                self.all(value);
            }),
            Node::And(left, right) | Node::Or(left, right) => {
                self.all(left);
                self.all(right);
            }
            Node::Not(of) | Node::Negate(of) | Node::InLiterals(of, _) | Node::Matches(of, _) => self.all(of),
            Node::If(parts) => parts.iter().for_each(|part| self.all(part)),
            Node::Operator(_, sides) => sides.iter().for_each(|side| self.all(side)),
            Node::Function(Function::Size, of) => {
                let of = self.place(of);
                self.count(of);
            }
            Node::Function(_, of) => self.all(of),
            Node::Method(method, of, arguments) => {
                let of = self.place(of);
                if method.name == "size" {
                    self.count(of)
                } else {
                    self.whole(of)
                }
                arguments.iter().for_each(|argument| self.all(argument));
            }
            Node::Macro(body) => return self.list(body),
        }
        Place::Known
    }

    fn path(&mut self, path: &Path) -> Place {
        let start = match &path.root {
            Root::Scope(name) => Place::At(vec![name.clone()]),
            Root::Local(out, _) => {
                let local = self.locals.len().checked_sub(out + 1).and_then(|at| self.locals.get(at));
                local.cloned().unwrap_or(Place::Known)
            }
        };
        path.steps.iter().fold(start, |place, step| self.member(place, &step.name))
    }

    /// An item by its number is an item; everything else may be any part of the value.
    fn index(&mut self, of: &Node, at: &Node) -> Place {
        let place = self.place(of);
        self.all(at);
        match (place, at) {
            (Place::ItemsOf(path), _) => {
                self.note(path.clone(), Asks::Count);
                Place::ItemOf(path, None)
            }
            (Place::At(path), Node::Literal(Literal::Int(_) | Literal::Uint(_))) => {
                self.note(path.clone(), Asks::Count);
                Place::ItemOf(path, None)
            }
            (place, _) => {
                self.whole(place);
                Place::Known
            }
        }
    }

    fn list(&mut self, body: &Macro) -> Place {
        let over = self.place(&body.over);
        let (item, items) = match over {
            Place::At(path) | Place::ItemsOf(path) => {
                self.note(path.clone(), Asks::Count);
                (Place::ItemOf(path.clone(), None), Place::ItemsOf(path))
            }
            other => {
                self.whole(other);
                (Place::Known, Place::Known)
            }
        };
        self.locals.push(item);
        let made = match &body.kind {
            MacroKind::All(test) | MacroKind::Exists(test) | MacroKind::ExistsOne(test) => {
                self.all(test);
                Place::Known
            }
            MacroKind::Map { only, to } => {
                only.iter().for_each(|only| self.all(only));
                match to {
                    Some(to) => {
                        self.all(to);
                        Place::Known
                    }
                    None => items,
                }
            }
        };
        self.locals.pop();
        made
    }
}

#[cfg(test)]
mod tests {
    use super::super::Condition;
    use super::*;

    fn looks_of(text: &str) -> Vec<String> {
        let shown = |look: &Look| format!("{} {:?}", look.path.join("."), look.asks);
        Condition::compile(text).unwrap().looks().iter().map(shown).collect()
    }

    #[test]
    fn a_list_is_named_by_what_its_items_are_asked_for() {
        assert_eq!(
            looks_of("consents.map(c, has(c.status) && c.status in vars.states, vars.states[c.status])"),
            [
                "consents Count",
                "consents Each(\"status\")",
                "consents EachHas(\"status\")",
                "vars.states Whole",
            ]
        );
        assert_eq!(
            looks_of("consents.filter(c, c.purpose == 'p').map(c, c.status)"),
            ["consents Count", "consents Each(\"purpose\")", "consents Each(\"status\")"]
        );
        assert_eq!(
            looks_of("consents.filter(c, c.purpose == 'p')[0].status == 'x'"),
            ["consents Count", "consents Each(\"purpose\")", "consents Each(\"status\")"]
        );
        assert_eq!(
            looks_of("size(consents.filter(c, has(c.status))) > 0"),
            ["consents Count", "consents EachHas(\"status\")"]
        );
    }

    #[test]
    fn what_is_only_asked_for_is_not_named_whole() {
        assert_eq!(looks_of("has(subject.email)"), ["subject Has(\"email\")"]);
        assert_eq!(looks_of("size(subject.aliases) > 0"), ["subject.aliases Count"]);
    }

    #[test]
    fn whatever_else_is_done_names_a_value_whole() {
        assert_eq!(looks_of("subject.?email.orValue('')"), ["subject.email Whole"]);
        assert_eq!(looks_of("'email' in subject"), ["subject Whole"]);
        assert_eq!(looks_of("consents.map(c, c)"), ["consents Whole", "consents Count"]);
        assert_eq!(looks_of("consents.filter(c, true)"), ["consents Whole", "consents Count"]);
        assert_eq!(
            looks_of("consents.exists(c, c.topics.exists(t, t.name == 'x'))"),
            ["consents Count", "consents Each(\"topics\")"]
        );
        assert_eq!(
            looks_of("consents.exists(c, has(c.topics.x))"),
            ["consents Count", "consents Each(\"topics\")"]
        );
        assert_eq!(looks_of("fields[subject.country]"), ["fields Whole", "subject.country Whole"]);
    }
}
