//! The envelopes that lists come in.
//!
//! OneTrust's OpenAPI types the lists of requests and subtasks as bare arrays; every client in the open
//! reads a page object of Spring instead. A client must take both, so both can be asked for.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How lists of requests, subtasks and resolutions are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// An object with `content`, `last`, `totalPages` and so on.
    #[default]
    Page,
    /// The array alone.
    Array,
}

/// One page cut from a list.
pub(super) struct Page {
    pub content: Vec<Value>,
    number: usize,
    size: usize,
    total: usize,
}

impl Page {
    /// Cuts the page out; `show` is called for its items only.
    pub fn cut<T>(list: &[T], (number, size): (usize, usize), show: impl Fn(&T) -> Value) -> Page {
        let start = number.saturating_mul(size);
        let content = list.iter().skip(start).take(size).map(show).collect();
        Page { content, number, size, total: list.len() }
    }

    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        (self.number + 1).saturating_mul(self.size) >= self.total
    }

    /// In the envelope that was asked for.
    pub fn wrapped(self, envelope: Envelope) -> Value {
        match envelope {
            Envelope::Page => self.counted(),
            Envelope::Array => Value::Array(self.content),
        }
    }

    /// A page that says how many there are.
    pub fn counted(self) -> Value {
        let (total, pages) = (self.total, self.total.div_ceil(self.size.max(1)));
        let mut page = self.slice();
        page.insert("totalElements".to_owned(), json!(total));
        page.insert("totalPages".to_owned(), json!(pages));
        Value::Object(page)
    }

    /// A page that does not.
    pub fn slice(self) -> Map<String, Value> {
        let sort = json!({ "empty": false, "sorted": true, "unsorted": false });
        let is_last = self.is_last();
        let mut page = Map::new();
        let mut put = |name: &str, value: Value| page.insert(name.to_owned(), value);
        put("number", json!(self.number));
        put("size", json!(self.size));
        put(
            "pageable",
            json!({
                "offset": self.number.saturating_mul(self.size),
                "sort": sort,
                "pageNumber": self.number,
                "pageSize": self.size,
                "paged": true,
                "unpaged": false,
            }),
        );
        put("last", json!(is_last));
        put("sort", sort);
        put("first", json!(self.number == 0));
        put("numberOfElements", json!(self.content.len()));
        put("empty", json!(self.content.is_empty()));
        put("content", Value::Array(self.content));
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_says_so_in_either_envelope() {
        let list = [1, 2, 3, 4, 5];
        let cut = |number| Page::cut(&list, (number, 2), |item| json!(item));

        assert_eq!(cut(1).wrapped(Envelope::Array), json!([3, 4]));
        let page = cut(2).wrapped(Envelope::Page);
        assert_eq!(
            (&page["content"], &page["last"], &page["totalPages"]),
            (&json!([5]), &json!(true), &json!(3))
        );
        assert_eq!(cut(0).wrapped(Envelope::Page)["last"], json!(false));
        assert!(cut(7).content.is_empty());
    }
}
