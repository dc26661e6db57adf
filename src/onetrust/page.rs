//! One page of a list, whatever shape it comes in.
//!
//! OneTrust's documents promise bare arrays where real answers are page objects, so both are taken. A
//! page object says by `last` or `totalPages` whether more follows; a page with neither, and an array, is
//! the last when it is shorter than was asked. Tokens to go on stand at the top or in `pageable`, are
//! opaque, and are sent back as they came.

use serde_json::Value;

/// One page.
#[derive(Clone, Default, PartialEq)]
pub struct Page {
    /// In the order of the answer.
    pub items: Vec<Value>,
    /// How to ask for what follows; `None`: nothing does.
    pub next: Option<Next>,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("items", &self.items.len())
            .field("is_last", &self.next.is_none())
            .finish()
    }
}

/// How to ask for the next page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// `requestContinuation`.
    pub token: Option<String>,
    /// `nextMarker`, of receipts and transactions that were moved to an archive.
    pub marker: Option<String>,
}

/// An answer that is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// A string, a number, nothing.
    #[error("the answer is neither a list nor a page of one")]
    Shape,
    /// An object without `content`.
    #[error("the answer is an object without the list `content`")]
    NoContent,
}

/// Reads an answer to a request for `size` items.
pub fn read(answer: Value, size: usize) -> Result<Page, PageError> {
    match answer {
        Value::Array(items) => {
            // More than was asked for is everything there is.
            let next = (items.len() == size).then(Next::default);
            Ok(Page { items, next })
        }
        Value::Object(mut page) => {
            let items = match page.remove("content") {
                Some(Value::Array(items)) => items,
                None | Some(Value::Null) if page.get("empty") == Some(&Value::Bool(true)) => Vec::new(),
                _ => return Err(PageError::NoContent),
            };
            let page = Value::Object(page);
            let next =
                Next { token: token(&page, "requestContinuation"), marker: token(&page, "nextMarker") };
            let is_last = is_last(&page, items.len(), size) && next.marker.is_none();
            // A page without items is followed by nothing, unless a token says that the search goes on.
            let goes_on = !is_last && (!items.is_empty() || next != Next::default());
            Ok(Page { items, next: goes_on.then_some(next) })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(PageError::Shape),
    }
}

fn is_last(page: &Value, found: usize, size: usize) -> bool {
    let count = |name: &str| page.get(name).and_then(Value::as_u64);
    if let Some(last) = page.get("last").and_then(Value::as_bool) {
        return last;
    }
    match (count("number"), count("totalPages")) {
        (Some(number), Some(pages)) => number.saturating_add(1) >= pages,
        // The service may allow fewer items a page than were asked for, and says so.
        _ => found < count("size").and_then(|of| usize::try_from(of).ok()).map_or(size, |of| of.min(size)),
    }
}

/// A token at the top or in `pageable`: a text, or JSON that must go back as text.
fn token(page: &Value, name: &str) -> Option<String> {
    let found = [page.get(name), page.get("pageable").and_then(|pageable| pageable.get(name))];
    found.into_iter().flatten().find_map(|token| match token {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Object(_) => Some(token.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn goes_on(answer: Value) -> bool {
        read(answer, 2).unwrap().next.is_some()
    }

    #[test]
    fn an_array_goes_on_only_when_it_is_full() {
        assert!(!goes_on(json!([])));
        assert!(!goes_on(json!([1])));
        assert!(goes_on(json!([1, 2])));
        assert!(!goes_on(json!([1, 2, 3])));
    }

    #[test]
    fn a_page_object_ends_where_it_says() {
        assert!(!goes_on(json!({"content": [1, 2], "last": true, "number": 0, "totalPages": 5})));
        assert!(goes_on(json!({"content": [1], "last": false})), "a short page that is not the last");
        assert!(goes_on(json!({"content": [1, 2], "number": 0, "totalPages": 2})));
        assert!(!goes_on(json!({"content": [1, 2], "number": 1, "totalPages": 2})));
        assert!(!goes_on(json!({"content": [1]})));
        assert!(goes_on(json!({"content": [1, 2]})));
        assert!(goes_on(json!({"content": [1], "size": 1})), "the service made the page smaller");
        assert!(!goes_on(json!({"content": [], "last": false})));
        assert!(!goes_on(json!({"empty": true})));
    }

    #[test]
    fn a_token_is_found_at_both_places_and_goes_back_as_text() {
        let token = |answer: Value| read(answer, 2).unwrap().next.and_then(|next| next.token);
        let opaque = "{\"compositeToken\": \"jmxp==\"}";

        let on_top = token(json!({"content": [1], "last": false, "requestContinuation": opaque}));
        let inside =
            token(json!({"content": [], "last": false, "pageable": {"requestContinuation": opaque}}));
        let parsed = token(json!({"content": [1], "last": false, "requestContinuation": {"a": "b"}}));

        assert_eq!(on_top.as_deref(), Some(opaque));
        assert_eq!(inside.as_deref(), Some(opaque));
        assert_eq!(parsed.as_deref(), Some("{\"a\":\"b\"}"));
    }

    #[test]
    fn a_marker_to_older_receipts_goes_on_behind_the_last_page() {
        let page = read(json!({"content": [1], "last": true, "nextMarker": "TGp8=="}), 2).unwrap();

        assert_eq!(page.next.unwrap().marker.as_deref(), Some("TGp8=="));
    }

    #[test]
    fn an_answer_that_is_no_page_is_told_by_its_shape() {
        assert_eq!(read(json!("error"), 2), Err(PageError::Shape));
        assert_eq!(read(json!({"message": "x"}), 2), Err(PageError::NoContent));
        assert_eq!(read(json!({"content": "x"}), 2), Err(PageError::NoContent));
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic(number in any::<u64>(), pages in any::<i64>(), size in 0_usize..3) {
            let answer = json!({"content": [1], "number": number, "totalPages": pages, "size": pages});
            prop_assert!(read(answer, size).is_ok());
        }
    }
}
