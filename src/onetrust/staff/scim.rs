//! One answer with a list of SCIM (RFC 7644, section 3.4.2; OneTrust's OpenAPI, `ListResponse`).
//!
//! A service may give fewer resources than were asked for, and OneTrust gives 25 at most whatever is asked, so
//! what came decides where the next page begins, and only the total or an empty page says that it is over.

use serde_json::Value;

use crate::onetrust::page::PageError;

/// One page.
#[derive(Clone, PartialEq)]
pub struct Listed {
    /// How many there are in all, if it says.
    pub total: Option<u64>,
    /// In the order of the answer.
    pub items: Vec<Value>,
}

// Its items are people.
impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").field("total", &self.total).field("items", &self.items.len()).finish()
    }
}

impl Listed {
    /// Where the next page begins after one that began at `start` (from 1); `None` after the last.
    pub fn next(&self, start: u64) -> Option<u64> {
        let next = start.saturating_add(self.items.len() as u64);
        (!self.items.is_empty() && self.total.is_none_or(|total| next <= total)).then_some(next)
    }
}

/// Reads an answer. `Resources` may be left out when there are none.
pub fn list(answer: Value) -> Result<Listed, PageError> {
    let Value::Object(mut page) = answer else { return Err(PageError::Shape) };
    let total = page.get("totalResults").and_then(Value::as_u64);
    match page.remove("Resources").or_else(|| page.remove("resources")) {
        Some(Value::Array(items)) => Ok(Listed { total, items }),
        None | Some(Value::Null) if total.is_some() => Ok(Listed { total, items: Vec::new() }),
        _ => Err(PageError::NoContent),
    }
}
