//! An expression, compiled: what is left to do when the values are there.

use cel::common::ast::operators;
use regex::Regex;

use super::function::Function;
use super::methods::Method;

/// A part of an expression.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Literal(Literal),
    /// A name and members of it that the text spells out.
    Path(Path),
    /// A member of what something came to; the text names it in errors.
    Select(Box<Node>, Step),
    /// `x.?y`, and any member behind it.
    OptionalSelect(Box<Node>, String),
    Index(Box<Node>, Box<Node>, String),
    OptionalIndex(Box<Node>, Box<Node>),
    Has(Box<Node>, String),
    /// Items, and whether an item that is not there is left out.
    List(Vec<(Node, bool)>),
    Map(Vec<(Node, Node)>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    If(Box<[Node; 3]>),
    Operator(Operator, Box<[Node; 2]>),
    /// Whether a value is one of these.
    InLiterals(Box<Node>, Vec<Literal>),
    Function(Function, Box<Node>),
    Method(Method, Box<Node>, Vec<Node>),
    /// A pattern that was compiled with the expression.
    Matches(Box<Node>, Regex),
    Macro(Box<Macro>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
}

/// A name, with its members.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub root: Root,
    pub steps: Vec<Step>,
}

/// What the first name stands for.
#[derive(Debug, Clone)]
pub(super) enum Root {
    Scope(String),
    /// The variable of a macro, counted from the innermost.
    Local(usize, String),
}

/// A member, and the path up to it for errors.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub name: String,
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    In,
}

impl Operator {
    /// The operator behind the parser's name for it.
    pub fn of(name: &str) -> Option<Operator> {
        Some(match name {
            operators::EQUALS => Operator::Equal,
            operators::NOT_EQUALS => Operator::NotEqual,
            operators::LESS => Operator::Less,
            operators::LESS_EQUALS => Operator::LessOrEqual,
            operators::GREATER => Operator::Greater,
            operators::GREATER_EQUALS => Operator::GreaterOrEqual,
            operators::ADD => Operator::Add,
            operators::SUBSTRACT => Operator::Subtract,
            operators::MULTIPLY => Operator::Multiply,
            operators::DIVIDE => Operator::Divide,
            operators::MODULO => Operator::Remainder,
            operators::IN => Operator::In,
            _ => return None,
        })
    }

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::In => "in",
        }
    }
}

/// Something for each item of a list, or each key of a map.
#[derive(Debug, Clone)]
pub(super) struct Macro {
    pub over: Node,
    pub kind: MacroKind,
}

#[derive(Debug, Clone)]
pub(super) enum MacroKind {
    All(Node),
    Exists(Node),
    ExistsOne(Node),
    /// `filter` (then without `to`) and `map` with two or three arguments.
    Map {
        only: Option<Node>,
        to: Option<Node>,
    },
}

impl MacroKind {
    pub fn name(&self) -> &'static str {
        match self {
            MacroKind::All(_) => "all",
            MacroKind::Exists(_) => "exists",
            MacroKind::ExistsOne(_) => "exists_one",
            MacroKind::Map { to: Some(_), .. } => "map",
            MacroKind::Map { to: None, .. } => "filter",
        }
    }
}
