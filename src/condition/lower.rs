//! From the parser's tree to ours: names resolved, functions found, every mistake at its place.
//!
//! The parser has already turned list macros into loops over an accumulator; here they become macros
//! again, so that they can be bounded and run without copying.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, MapExpr, SelectExpr, operators,
};

use super::Condition;
use super::function::Function;
use super::methods::{METHODS, Method, pattern};
use super::node::{Literal, Macro, MacroKind, Node, Operator, Path, Root, Step};
use super::operators::literals;
use super::parse::{Parsed, bad};
use super::written::Written;
use crate::source::{Mistake, Span, closest};
use crate::template::Name;

/// Most macros inside one another: work grows with the length of the list for each.
const DEEPEST_MACROS: usize = 2;
/// Most operators inside one another, so that evaluating cannot exhaust the stack.
const DEEPEST: usize = 256;

/// The macros by name, for suggestions.
const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];

pub(super) fn lower(text: &str, parsed: &Parsed) -> Result<Condition, Vec<Mistake>> {
    let mut lowering = Lowering {
        at: Written { text, places: &parsed.places },
        locals: Vec::new(),
        depth: 0,
        names: Vec::new(),
        strings: Vec::new(),
        mistakes: Vec::new(),
    };
    let root = lowering.node(&parsed.expression);
    let Lowering { mut names, strings, mut mistakes, .. } = lowering;
    if mistakes.is_empty() {
        names.sort_by_key(|name| (name.at.start, name.at.end));
        return Ok(Condition { root, names, strings });
    }
    mistakes.sort_by_key(|mistake| mistake.at.start);
    Err(mistakes)
}

struct Lowering<'t> {
    at: Written<'t>,
    /// Variables of the macros around, the innermost last.
    locals: Vec<String>,
    depth: usize,
    names: Vec<Name>,
    strings: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Lowering<'_> {
    /// A part, with the name that it reads noted.
    fn node(&mut self, expression: &IdedExpr) -> Node {
        let (node, at) = self.chain(expression);
        self.note(&node, at, None);
        node
    }

    /// Notes the path that ends here, and one member behind it that may be missing.
    fn note(&mut self, node: &Node, at: Span, optional: Option<&str>) {
        if let Node::Path(Path { root: Root::Scope(root), steps }) = node {
            let steps = steps.iter().map(|step| step.name.as_str()).chain(optional);
            let segments = std::iter::once(root.as_str()).chain(steps).map(str::to_owned).collect();
            self.names.push(Name { segments, at, optional: optional.is_some() });
        }
    }

    /// A part that may go on with a member; a path is not noted yet.
    fn chain(&mut self, expression: &IdedExpr) -> (Node, Span) {
        let at = self.at.span(expression.id);
        self.depth += 1;
        if self.depth > DEEPEST {
            self.depth -= 1;
            if !self.mistakes.iter().any(|mistake| mistake.code == "condition_too_deep") {
                let message = format!("more than {DEEPEST} operators stand inside one another");
                let help = "keep long lists in `vars` and use `in`";
                self.mistakes.push(Mistake::error("condition_too_deep", at.clone(), message).help(help));
            }
            return (Node::Literal(Literal::Null), at);
        }
        let lowered = match &expression.expr {
            Expr::Select(SelectExpr { operand, field, test: false }) => {
                let (of, start) = self.chain(operand);
                let at = start.start..self.at.end_of_member(&at, field);
                (self.select(of, field, &at), at)
            }
            Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::INDEX => {
                self.index(args, at)
            }
            other => (self.simple(other, at.clone()), at),
        };
        self.depth -= 1;
        lowered
    }

    fn select(&mut self, of: Node, field: &str, at: &Span) -> Node {
        let step = Step { name: field.to_owned(), path: self.at.written(at) };
        match of {
            Node::Path(mut path) => {
                path.steps.push(step);
                Node::Path(path)
            }
            of => Node::Select(Box::new(of), step),
        }
    }

    /// `x["y"]` is the path `x.y`; any other index ends a path.
    fn index(&mut self, arguments: &[IdedExpr], at: Span) -> (Node, Span) {
        let [of, wanted] = arguments else { return (self.unreadable(at.clone()), at) };
        let (of, start) = self.chain(of);
        let literal = match &wanted.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
            _ => None,
        };
        let end = self.at.closing(self.at.span(wanted.id).end);
        let whole = start.start..end;
        match (of, literal) {
            (of @ Node::Path(_), Some(field)) => {
                self.strings.push(field.clone());
                (self.select(of, &field, &whole), whole)
            }
            (of, _) => {
                self.note(&of, start, None);
                let wanted = self.node(wanted);
                (Node::Index(Box::new(of), Box::new(wanted), self.at.written(&whole)), whole)
            }
        }
    }

    fn simple(&mut self, expression: &Expr, at: Span) -> Node {
        match expression {
            Expr::Ident(name) => Node::Path(Path { root: self.root(name), steps: Vec::new() }),
            Expr::Literal(literal) => self.literal(literal, at),
            Expr::Select(SelectExpr { operand, field, .. }) => {
                let (of, start) = self.chain(operand);
                let at = start.start..self.at.end_of_member(&start, field).max(start.end);
                self.note(&of, at, Some(field));
                Node::Has(Box::new(of), field.clone())
            }
            Expr::List(list) => {
                let is_optional = |place: usize| list.optional_indices.contains(&place);
                let items = list.elements.iter().enumerate();
                Node::List(items.map(|(place, item)| (self.node(item), is_optional(place))).collect())
            }
            Expr::Map(map) => self.map(map, at),
            Expr::Call(call) => self.call(call, at),
            Expr::Comprehension(body) => self.comprehension(body, at),
            Expr::Struct(_) => {
                self.mistakes
                    .push(bad(at, "messages cannot be made here").help("write a map: `{\"key\": value}`"));
                Node::Literal(Literal::Null)
            }
            Expr::Unspecified => self.unreadable(at),
        }
    }

    fn root(&self, name: &str) -> Root {
        let name = name.trim_start_matches('.');
        match self.locals.iter().rev().position(|local| local == name) {
            Some(out) => Root::Local(out, name.to_owned()),
            None => Root::Scope(name.to_owned()),
        }
    }

    fn literal(&mut self, literal: &LiteralValue, at: Span) -> Node {
        Node::Literal(match literal {
            LiteralValue::Null => Literal::Null,
            LiteralValue::Boolean(yes) => Literal::Bool(*yes.inner()),
            LiteralValue::Int(int) => Literal::Int(*int.inner()),
            LiteralValue::UInt(uint) => Literal::Uint(*uint.inner()),
            LiteralValue::Double(double) => Literal::Double(*double.inner()),
            LiteralValue::String(text) => {
                self.strings.push(text.inner().to_owned());
                Literal::String(text.inner().to_owned())
            }
            LiteralValue::Bytes(_) => {
                self.mistakes.push(bad(at, "bytes cannot be used here").help("write a string, without `b`"));
                Literal::Null
            }
        })
    }

    fn map(&mut self, map: &MapExpr, at: Span) -> Node {
        let mut entries = Vec::with_capacity(map.entries.len());
        for entry in &map.entries {
            match &entry.expr {
                EntryExpr::MapEntry(entry) if !entry.optional => {
                    entries.push((self.node(&entry.key), self.node(&entry.value)));
                }
                EntryExpr::MapEntry(_) | EntryExpr::StructField(_) => {
                    self.mistakes.push(bad(at.clone(), "an optional entry cannot be used here"));
                }
            }
        }
        Node::Map(entries)
    }

    fn call(&mut self, call: &CallExpr, at: Span) -> Node {
        let operator = match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => {
                return Node::And(Box::new(self.node(left)), Box::new(self.node(right)));
            }
            (operators::LOGICAL_OR, [left, right]) => {
                return Node::Or(Box::new(self.node(left)), Box::new(self.node(right)));
            }
            (operators::LOGICAL_NOT, [of]) => return Node::Not(Box::new(self.node(of))),
            (operators::NEGATE, [of]) => return Node::Negate(Box::new(self.node(of))),
            (operators::CONDITIONAL, [test, then, otherwise]) => {
                return Node::If(Box::new([self.node(test), self.node(then), self.node(otherwise)]));
            }
            (operators::OPT_SELECT, [of, field]) => return self.optional_select(of, field, &at),
            (operators::OPT_INDEX, [of, wanted]) => {
                let (of, start) = self.chain(of);
                match &wanted.expr {
                    Expr::Literal(LiteralValue::String(text)) => {
                        let end = self.at.closing(self.at.span(wanted.id).end);
                        self.note(&of, start.start..end, Some(text.inner()));
                    }
                    _ => self.note(&of, start, None),
                }
                return Node::OptionalIndex(Box::new(of), Box::new(self.node(wanted)));
            }
            (name, _) => Operator::of(name),
        };
        match (operator, call.args.as_slice()) {
            (Some(operator), [left, right]) => {
                let (left, right) = (self.node(left), self.node(right));
                match (operator, &right) {
                    (Operator::In, Node::List(items)) if literals(items).is_some() => {
                        Node::InLiterals(Box::new(left), literals(items).unwrap_or_default())
                    }
                    _ => Node::Operator(operator, Box::new([left, right])),
                }
            }
            _ => self.function(call, at),
        }
    }

    fn optional_select(&mut self, of: &IdedExpr, field: &IdedExpr, at: &Span) -> Node {
        let Expr::Literal(LiteralValue::String(field)) = &field.expr else {
            return self.unreadable(at.clone());
        };
        let (of, start) = self.chain(of);
        let end = self.at.end_of_member(at, field.inner());
        self.note(&of, start.start..end, Some(field.inner()));
        Node::OptionalSelect(Box::new(of), field.inner().to_owned())
    }

    fn function(&mut self, call: &CallExpr, at: Span) -> Node {
        let name = call.func_name.as_str();
        let at = self.at.word_before(&at, name);
        match (&call.target, Function::named(name), Method::named(name)) {
            (None, Some(function), _) => match call.args.as_slice() {
                [of] => Node::Function(function, Box::new(self.node(of))),
                _ => self.wrong_count(name, (1, 1), call.args.len(), at),
            },
            (None, None, Some(method)) if name == "matches" && call.args.len() == 2 => {
                match call.args.as_slice() {
                    [of, wanted] => self.method(method, of, std::slice::from_ref(wanted)),
                    _ => self.unreadable(at),
                }
            }
            (None, None, Some(_)) => {
                let message = format!("`{name}` stands behind its value: `value.{name}(…)`");
                self.refuse(bad(at, message))
            }
            (Some(target), _, Some(method)) => {
                let (least, most) = method.takes;
                if call.args.len() < least || call.args.len() > most {
                    return self.wrong_count(name, method.takes, call.args.len(), at);
                }
                self.method(method, target, &call.args)
            }
            (Some(_), Some(_), None) => {
                self.refuse(bad(at, format!("`{name}` stands before its value: `{name}(value)`")))
            }
            (_, None, None) if MACROS.contains(&name) => {
                let help = "such as `has(subject.email)` or `consents.exists(c, c.status == \"ACTIVE\")`";
                self.refuse(bad(at, format!("`{name}` is not used like this")).help(help))
            }
            (_, None, None) => {
                let known = Function::ALL.iter().map(|(word, _)| *word);
                let known = known.chain(METHODS.iter().map(|method| method.name)).chain(MACROS);
                let mut mistake =
                    Mistake::error("unknown_function", at, format!("unknown function `{name}`"));
                mistake.help = closest(name, known).map(|near| format!("did you mean `{near}`?"));
                self.refuse(mistake)
            }
        }
    }

    fn method(&mut self, method: Method, target: &IdedExpr, arguments: &[IdedExpr]) -> Node {
        let target_node = self.node(target);
        let nodes: Vec<Node> = arguments.iter().map(|argument| self.node(argument)).collect();
        if let ("matches", [Node::Literal(Literal::String(text))]) = (method.name, nodes.as_slice()) {
            return match pattern(text) {
                Ok(pattern) => Node::Matches(Box::new(target_node), pattern),
                Err(_) => {
                    let at = arguments.first().map_or(0..0, |argument| self.at.span(argument.id));
                    self.refuse(bad(at, "this is no regular expression, or too large a one"))
                }
            };
        }
        Node::Method(method, Box::new(target_node), nodes)
    }

    fn comprehension(&mut self, body: &ComprehensionExpr, at: Span) -> Node {
        let over = self.node(&body.iter_range);
        if self.locals.len() >= DEEPEST_MACROS {
            let at = self.at.word_before(&at, "");
            let message = format!("more than {DEEPEST_MACROS} list macros stand inside one another");
            let help = "work the inner list out with `set` first";
            return self.refuse(Mistake::error("condition_too_deep", at, message).help(help));
        }
        self.locals.push(body.iter_var.clone());
        let kind = self.macro_kind(body);
        self.locals.pop();
        match kind {
            Some(kind) => Node::Macro(Box::new(Macro { over, kind })),
            None => self.unreadable(at),
        }
    }

    /// Which macro the parser made a loop of.
    fn macro_kind(&mut self, body: &ComprehensionExpr) -> Option<MacroKind> {
        let Expr::Call(step) = &body.loop_step.expr else { return None };
        match (&body.accu_init.expr, step.func_name.as_str(), step.args.as_slice()) {
            (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND, [_, test]) => {
                Some(MacroKind::All(self.node(test)))
            }
            (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR, [_, test]) => {
                Some(MacroKind::Exists(self.node(test)))
            }
            (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL, [test, ..]) => {
                Some(MacroKind::ExistsOne(self.node(test)))
            }
            (Expr::List(_), operators::CONDITIONAL, [test, add, _]) => {
                let Expr::Call(add) = &add.expr else { return None };
                let only = Some(self.node(test));
                Some(MacroKind::Map { only, to: self.appended(add, &body.iter_var)? })
            }
            (Expr::List(_), operators::ADD, [..]) => {
                let to = self.appended(step, &body.iter_var)?;
                // `map(x, x)` copies the list.
                let to =
                    to.or_else(|| Some(Node::Path(Path { root: self.root(&body.iter_var), steps: vec![] })));
                Some(MacroKind::Map { only: None, to })
            }
            _ => None,
        }
    }

    /// What a step appends to the list; `Some(None)` when it is the item itself.
    fn appended(&mut self, add: &CallExpr, item: &str) -> Option<Option<Node>> {
        let [_, appended] = add.args.as_slice() else { return None };
        let Expr::List(list) = &appended.expr else { return None };
        let [appended] = list.elements.as_slice() else { return None };
        match &appended.expr {
            Expr::Ident(name) if name == item => Some(None),
            _ => Some(Some(self.node(appended))),
        }
    }

    fn wrong_count(&mut self, name: &str, takes: (usize, usize), given: usize, at: Span) -> Node {
        let wanted = match takes {
            (least, most) if least == most => format!("{least}"),
            (least, most) => format!("{least} to {most}"),
        };
        self.refuse(bad(at, format!("`{name}` takes {wanted} values, not {given}")))
    }

    fn unreadable(&mut self, at: Span) -> Node {
        self.refuse(bad(at, "this cannot be used here"))
    }

    fn refuse(&mut self, mistake: Mistake) -> Node {
        self.mistakes.push(mistake);
        Node::Literal(Literal::Null)
    }
}
