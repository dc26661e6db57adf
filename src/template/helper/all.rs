//! Every helper by its name: how many arguments it takes and how it treats them.

use serde_json::Value;

use super::given::Given;
use super::{logic, page, texts, times};
use crate::template::RenderError;

/// A helper that stands in an expression.
#[derive(Debug)]
pub(in crate::template) struct Helper {
    pub name: &'static str,
    /// Fewest and most arguments.
    pub takes: (usize, usize),
    pub form: Form,
}

/// How a helper treats its arguments.
#[derive(Debug)]
pub(in crate::template) enum Form {
    /// Nothing if there is nothing.
    Optional,
    /// The first that is there.
    Default,
    /// Every argument is there and truthy.
    And,
    /// Some argument is.
    Or,
    /// The argument is not.
    Not,
    /// A member or an item.
    Lookup,
    /// All arguments must be there.
    Plain(fn(&Given<'_>) -> Result<Value, RenderError>),
}

const ANY: usize = usize::MAX;

const fn plain(
    name: &'static str,
    takes: (usize, usize),
    run: fn(&Given<'_>) -> Result<Value, RenderError>,
) -> Helper {
    Helper { name, takes, form: Form::Plain(run) }
}

const fn special(name: &'static str, takes: (usize, usize), form: Form) -> Helper {
    Helper { name, takes, form }
}

static ALL: &[Helper] = &[
    special("optional", (1, 1), Form::Optional),
    special("default", (2, ANY), Form::Default),
    special("and", (1, ANY), Form::And),
    special("or", (1, ANY), Form::Or),
    special("not", (1, 1), Form::Not),
    special("lookup", (2, 2), Form::Lookup),
    plain("eq", (2, 2), logic::eq),
    plain("ne", (2, 2), logic::ne),
    plain("gt", (2, 2), logic::gt),
    plain("gte", (2, 2), logic::gte),
    plain("lt", (2, 2), logic::lt),
    plain("lte", (2, 2), logic::lte),
    plain("len", (1, 1), logic::len),
    plain("json", (1, 1), texts::json),
    plain("page", (2, 2), page::page),
    plain("lower", (1, 1), texts::lower),
    plain("upper", (1, 1), texts::upper),
    plain("trim", (1, 1), texts::trim),
    plain("concat", (1, ANY), texts::concat),
    plain("replace", (3, 3), texts::replace),
    plain("pluck", (2, 2), texts::pluck),
    plain("join", (2, 2), texts::join),
    plain("sha256", (1, 1), texts::sha256),
    plain("hmac", (2, 2), texts::hmac),
    plain("e164", (1, 2), texts::e164),
    plain("uuid", (0, 0), texts::uuid),
    plain("date", (2, 2), times::date),
    plain("date_add", (2, 2), times::date_add),
    plain("epoch", (1, 1), times::epoch),
];

/// The helper of a name.
pub(in crate::template) fn named(name: &str) -> Option<&'static Helper> {
    ALL.iter().find(|helper| helper.name == name)
}

/// Every name that may stand first in an expression or, with `#`, in a block.
pub(in crate::template) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|helper| helper.name).chain(["if", "unless", "each", "with"])
}

impl Helper {
    /// Whether the argument at `place` of `count` may be missing.
    pub fn spares(&self, place: usize, count: usize) -> bool {
        match self.form {
            Form::Optional | Form::And | Form::Or | Form::Not => true,
            Form::Default => place + 1 < count,
            Form::Lookup | Form::Plain(_) => false,
        }
    }

    /// Whether it answers true or false, and so may stand as a block with an `else`.
    pub fn is_question(&self) -> bool {
        matches!(self.name, "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "and" | "or" | "not")
    }
}
