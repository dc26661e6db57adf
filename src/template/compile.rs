//! From the parser's tree to ours: paths resolved, helpers found, every mistake at its place.
//!
//! Which block a path belongs to is known from the text alone, so it is settled here. Anything that a
//! workflow may not use (partials, decorators, unknown helpers) ends here as a mistake.

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path as ParsedPath, PathSeg, Template};
use serde_json::Value;

use super::Name;
use super::expression::{Base, Expression, Path, Segment};
use super::helper;
use super::places::Places;
use super::text::{Choice, Nest, Part};
use crate::source::{Mistake, Span, closest};

/// A block that is open where a path stands.
struct Open {
    /// `each` has an index; `with` shows the one outside it.
    is_each: bool,
    /// The path its paths start from, if the text tells.
    start: Option<Vec<String>>,
    /// Names for the value and for the key or index.
    named: Vec<String>,
}

/// Turns the elements of one text into parts.
pub(super) struct Compiler<'t> {
    places: Places<'t>,
    open: Vec<Open>,
    pub names: Vec<Name>,
    pub mistakes: Vec<Mistake>,
}

impl<'t> Compiler<'t> {
    pub fn of(text: &'t str) -> Compiler<'t> {
        Compiler { places: Places::of(text), open: Vec::new(), names: Vec::new(), mistakes: Vec::new() }
    }

    pub fn parts(&mut self, template: &Template) -> Vec<Part> {
        let mut parts = Vec::with_capacity(template.elements.len());
        for (number, element) in template.elements.iter().enumerate() {
            if let Some(place) = template.mapping.get(number) {
                self.places.go_on_to(place.0, place.1);
            }
            match element {
                TemplateElement::RawString(text) => match parts.last_mut() {
                    Some(Part::Text(before)) => before.push_str(text),
                    _ => parts.push(Part::Text(text.clone())),
                },
                TemplateElement::Expression(call) | TemplateElement::HtmlExpression(call) => {
                    parts.push(Part::Expression(self.call(call, false)));
                }
                TemplateElement::HelperBlock(block) => self.block(block, &mut parts),
                TemplateElement::Comment(_) => {}
                TemplateElement::DecoratorExpression(_)
                | TemplateElement::DecoratorBlock(_)
                | TemplateElement::PartialExpression(_)
                | TemplateElement::PartialBlock(_) => self.bad("partials and decorators cannot be used"),
                _ => self.bad("this cannot be used"),
            }
        }
        parts
    }

    fn block(&mut self, block: &HelperTemplate, parts: &mut Vec<Part>) {
        let name = block.name.as_name().unwrap_or_default();
        match name {
            "if" | "unless" => {
                let test = self.only_argument(name, block, true);
                let zero_is_true = self.includes_zero(block);
                let then = self.body(block.template.as_ref());
                let otherwise = self.body(block.inverse.as_ref());
                let negated = name == "unless";
                parts.push(Part::Choice(Box::new(Choice { test, zero_is_true, negated, then, otherwise })));
            }
            "each" | "with" => {
                let over = self.only_argument(name, block, block.inverse.is_some());
                self.no_options(name, block);
                let open = Open {
                    is_each: name == "each",
                    start: if name == "with" { self.start_of(&over) } else { None },
                    named: block_names(block.block_param.as_ref()),
                };
                self.open.push(open);
                let body = self.body(block.template.as_ref());
                self.open.pop();
                let otherwise = block.inverse.as_ref().map(|inverse| self.parts(inverse));
                let nest = Box::new(Nest { over, body, otherwise });
                parts.push(if name == "each" { Part::Each(nest) } else { Part::With(nest) });
            }
            // The text of a raw block is text, whatever stands in it.
            "raw" => parts.extend(self.body(block.template.as_ref())),
            _ => match helper::named(name) {
                Some(helper) if helper.is_question() => {
                    let test = self.call(block, true);
                    let then = self.body(block.template.as_ref());
                    let otherwise = self.body(block.inverse.as_ref());
                    let (zero_is_true, negated) = (false, false);
                    parts.push(Part::Choice(Box::new(Choice {
                        test,
                        zero_is_true,
                        negated,
                        then,
                        otherwise,
                    })));
                }
                Some(_) => self.bad(format!("`{name}` cannot be a block")),
                None => self.unknown(name),
            },
        }
    }

    fn body(&mut self, template: Option<&Template>) -> Vec<Part> {
        template.map(|template| self.parts(template)).unwrap_or_default()
    }

    fn only_argument(&mut self, name: &str, block: &HelperTemplate, optional: bool) -> Expression {
        let [argument] = block.params.as_slice() else {
            self.bad(format!("`#{name}` takes one value, not {}", block.params.len()));
            return Expression::Literal(Value::Null);
        };
        self.argument(argument, optional)
    }

    fn includes_zero(&mut self, block: &HelperTemplate) -> bool {
        match block.hash.get("includeZero") {
            Some(Parameter::Literal(Value::Bool(yes))) if block.hash.len() == 1 => *yes,
            None if block.hash.is_empty() => false,
            _ => {
                self.bad("the only option of `#if` and `#unless` is `includeZero=true`");
                false
            }
        }
    }

    fn no_options(&mut self, name: &str, call: &HelperTemplate) {
        if let Some(option) = call.hash.keys().next() {
            self.bad(format!("`{name}` has no option `{option}`"));
        }
    }

    /// A call of a helper, or a path that stands alone.
    fn call(&mut self, call: &HelperTemplate, optional: bool) -> Expression {
        let alone = call.params.is_empty() && call.hash.is_empty() && !call.block;
        let name = match &call.name {
            Parameter::Name(name) => name.as_str(),
            Parameter::Path(ParsedPath::Relative((_, raw))) if helper::named(raw).is_some() => raw.as_str(),
            name if alone => return self.argument(name, optional),
            name => name.as_name().unwrap_or("(…)"),
        };
        let Some(helper) = helper::named(name) else {
            self.unknown(name);
            return Expression::Literal(Value::Null);
        };
        self.no_options(name, call);
        let count = call.params.len();
        let (least, most) = helper.takes;
        if count < least || count > most {
            let wanted = match (least, most) {
                (least, most) if least == most => format!("{least}"),
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) => format!("{least} to {most}"),
            };
            self.bad(format!("`{name}` takes {wanted} values, not {count}"));
        }
        let arguments = call
            .params
            .iter()
            .enumerate()
            .map(|(place, argument)| self.argument(argument, optional || helper.spares(place, count)))
            .collect();
        Expression::Call(helper, arguments)
    }

    fn argument(&mut self, argument: &Parameter, optional: bool) -> Expression {
        match argument {
            Parameter::Literal(value) => Expression::Literal(value.clone()),
            Parameter::Path(path) => Expression::Path(self.path(path, optional)),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(call) => self.call(call, optional),
                _ => Expression::Literal(Value::Null),
            },
            Parameter::Name(name) => {
                self.unknown(name);
                Expression::Literal(Value::Null)
            }
            _ => {
                self.bad("this cannot be used");
                Expression::Literal(Value::Null)
            }
        }
    }

    fn path(&mut self, path: &ParsedPath, optional: bool) -> Path {
        match path {
            ParsedPath::Local((out, name, raw)) => self.local(*out, name, raw),
            ParsedPath::Relative((parsed, raw)) => {
                let at = self.places.of_word(raw);
                let segments: Vec<String> = parsed.iter().filter_map(named).collect();
                let out = parsed.iter().filter(|segment| is_ruled(segment, "path_up")).count();
                let from_root = parsed.iter().any(|segment| is_ruled(segment, "path_root"));
                self.relative(segments, if from_root { None } else { Some(out) }, raw, at, optional)
            }
        }
    }

    /// `out` counts `../`; `None` is `@root`.
    fn relative(
        &mut self,
        mut segments: Vec<String>,
        out: Option<usize>,
        raw: &str,
        at: Span,
        optional: bool,
    ) -> Path {
        let is_bare = out == Some(0) && !raw.starts_with("this") && !raw.starts_with("./");
        let mut base = match out {
            Some(out) if out < self.open.len() => Base::Block(out),
            _ => Base::Scope,
        };
        if out.is_some_and(|out| out > self.open.len()) {
            self.push(at.clone(), format!("`{raw}` leads out of the template"));
        }
        if let Some(named) = segments.first().filter(|_| is_bare).and_then(|first| self.block_name(first)) {
            base = named;
            segments.remove(0);
        }
        let known = match base {
            Base::Scope => Some(segments.clone()),
            Base::Block(out) => self.open.iter().rev().nth(out).and_then(|open| {
                let start = open.start.clone()?;
                Some([start, segments.clone()].concat())
            }),
            Base::Index(_) | Base::Key(_) | Base::Place(_) | Base::First(_) | Base::Last(_) => None,
        };
        match known {
            Some(known) if known.is_empty() => {
                self.push(at, format!("`{raw}` names nothing: it stands in no `#each` or `#with`"));
            }
            Some(known) => self.names.push(Name { segments: known, at, optional }),
            None => {}
        }
        Path { base, segments: segments.into_iter().map(Segment::new).collect(), text: raw.to_owned() }
    }

    /// What a block parameter (`as |item index|`) stands for.
    fn block_name(&self, name: &str) -> Option<Base> {
        self.open.iter().rev().enumerate().find_map(|(out, open)| {
            match open.named.iter().position(|named| named == name)? {
                0 => Some(Base::Block(out)),
                _ => Some(Base::Place(out)),
            }
        })
    }

    fn local(&mut self, out: usize, name: &str, raw: &str) -> Path {
        let at = self.places.of_word(raw);
        // `with` shows the index of the block around it.
        let each = (out..self.open.len())
            .find(|out| self.open.iter().rev().nth(*out).is_some_and(|open| open.is_each));
        let base = match (name, each) {
            ("index", Some(out)) => Base::Index(out),
            ("key", Some(out)) => Base::Key(out),
            ("first", Some(out)) => Base::First(out),
            ("last", Some(out)) => Base::Last(out),
            ("index" | "key" | "first" | "last", None) => {
                self.push(at, format!("`{raw}` stands in no `#each`"));
                Base::Scope
            }
            _ => {
                self.push(at, format!("`{raw}` is not known"));
                if let Some(mistake) = self.mistakes.last_mut() {
                    let known = "`@index`, `@key`, `@first` and `@last` are, and `@root.` before a path";
                    mistake.help = Some(known.to_owned());
                }
                Base::Scope
            }
        };
        Path { base, segments: Vec::new(), text: raw.to_owned() }
    }

    /// The full path of what a `with` is over.
    fn start_of(&self, over: &Expression) -> Option<Vec<String>> {
        match over {
            Expression::Path(Path { base: Base::Scope | Base::Block(_), .. }) => {
                self.names.last().map(|name| name.segments.clone()).filter(|_| self.is_named(over))
            }
            Expression::Path(_) | Expression::Literal(_) | Expression::Call(..) => None,
        }
    }

    /// Whether the last name is that of this path.
    fn is_named(&self, over: &Expression) -> bool {
        let Expression::Path(path) = over else { return false };
        let own = path.segments.iter().map(|segment| &segment.name);
        self.names.last().is_some_and(|name| {
            let skipped = name.segments.len().checked_sub(path.segments.len());
            skipped.is_some_and(|skipped| name.segments.iter().skip(skipped).eq(own))
        })
    }

    fn unknown(&mut self, name: &str) {
        let mut mistake =
            Mistake::error("unknown_helper", self.places.of_word(name), format!("unknown helper `{name}`"));
        mistake.help = closest(name, helper::names()).map(|near| format!("did you mean `{near}`?"));
        self.mistakes.push(mistake);
    }

    fn bad(&mut self, message: impl Into<String>) {
        self.push(self.places.here(), message);
    }

    fn push(&mut self, at: Span, message: impl Into<String>) {
        self.mistakes.push(Mistake::error("bad_template", at, message));
    }
}

fn named(segment: &PathSeg) -> Option<String> {
    match segment {
        PathSeg::Named(name) => Some(name.clone()),
        _ => None,
    }
}

/// The parser's names of rules cannot be named from outside, only printed.
fn is_ruled(segment: &PathSeg, rule: &str) -> bool {
    match segment {
        PathSeg::Ruled(ruled) => format!("{ruled:?}") == rule,
        _ => false,
    }
}

fn block_names(names: Option<&BlockParam>) -> Vec<String> {
    let name = |parameter: &Parameter| parameter.as_name().unwrap_or_default().to_owned();
    match names {
        Some(BlockParam::Single(value)) => vec![name(value)],
        Some(BlockParam::Pair((value, key))) => vec![name(value), name(key)],
        _ => Vec::new(),
    }
}
