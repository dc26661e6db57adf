//! Maps of records that are over, emptied, to be filled again by the next ones.
//!
//! Nearly all records of a file have the same members, and making a map is the dearest part of reading
//! one: each name is copied and hashed. Here only names of the table in `shape` outlive a record;
//! values, and names that a customer chose, never do.

use serde_json::{Map, Value};

/// Emptied maps, in no order.
#[derive(Default)]
pub struct Spare {
    maps: Vec<Map<String, Value>>,
    /// Empty, with room.
    texts: Vec<String>,
}

/// More than one record has.
const MOST_MAPS: usize = 16;
/// The same of texts, and of the room they may have.
const MOST_TEXTS: usize = 32;
const MOST_ROOM: usize = 256;

impl Spare {
    /// Takes every value out of a member of a scope that a record filled: what stays is names and shape.
    pub fn empty(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if is_known(name) { Spare::empty(member) } else { *member = Value::Null }
                }
            }
            Value::Array(items) => {
                items.retain(Value::is_object);
                items.iter_mut().for_each(Spare::empty);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => *value = Value::Null,
        }
    }

    /// Keeps the maps of a record, or of a member of its scope, and none of its values.
    pub fn keep(&mut self, value: Value) {
        match value {
            Value::Object(mut members) => {
                for (name, member) in &mut members {
                    match member.take() {
                        Value::String(text) => self.keep_room(text),
                        member if is_known(name) => self.keep(member),
                        _ => {}
                    }
                }
                if self.maps.len() < MOST_MAPS && !members.is_empty() {
                    self.maps.push(members);
                }
            }
            Value::Array(items) => items.into_iter().for_each(|item| self.keep(item)),
            Value::String(text) => self.keep_room(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Keeps the room of a text, and nothing of what it says.
    fn keep_room(&mut self, mut text: String) {
        if self.texts.len() < MOST_TEXTS && text.capacity() <= MOST_ROOM {
            text.clear();
            self.texts.push(text);
        }
    }

    /// A text in the room of an earlier one.
    pub(super) fn text(&mut self, text: &str) -> String {
        match self.texts.pop() {
            Some(mut room) => {
                room.push_str(text);
                room
            }
            None => text.to_owned(),
        }
    }

    /// A map of exactly these names, in this order; their values are null.
    pub(super) fn take<'n>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'n str> + Clone,
    ) -> Option<Map<String, Value>> {
        let fits = |map: &Map<String, Value>| map.len() == names.len() && map.keys().eq(names.clone());
        let at = self.maps.iter().rposition(fits)?;
        Some(self.maps.swap_remove(at))
    }
}

/// Whether only names of the table stand in this member, however deep.
fn is_known(name: &str) -> bool {
    matches!(name, "request" | "subject" | "consents" | "source" | "aliases")
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spare").field("maps", &self.maps.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::{Request, Warnings};

    const LINES: [&str; 5] = [
        r#"{"id":"a","kind":"consent","subject":{"external_id":"u-1","aliases":[{"alias_name":"n","alias_label":"l"}]},"consents":[{"purpose":"p","status":"ACTIVE","topics":[{"x":1}]},{"purpose":"q"}],"fields":{"mine":"secret"}}"#,
        r#"{"id":"b","kind":"consent","subject":{"external_id":"u-2"},"consents":[{"purpose":"p","status":"ACTIVE"}]}"#,
        r#"{"kind":"deletion","source":{"system":"s"},"subject":{"email":"e@example.com"}}"#,
        r#"{"id":"c","kind":"consent","subject":{"external_id":"u-3"},"consents":[{"status":"ACTIVE","purpose":"p"}]}"#,
        r#"{"id":"d","kind":"access"}"#,
    ];

    #[test]
    fn a_record_is_the_same_whatever_was_read_before_it() {
        let mut spare = Spare::default();
        for line in LINES.iter().chain(LINES.iter().rev()).chain(&LINES) {
            let plain = Request::parse(line.as_bytes(), &mut Warnings::new()).unwrap();

            let reused = Request::parse_in(line.as_bytes(), &mut Warnings::new(), &mut spare).unwrap();

            assert_eq!((&reused.id, reused.kind, reused.digest), (&plain.id, plain.kind, plain.digest));
            assert_eq!(
                Value::Object(reused.scope.clone()).to_string(),
                Value::Object(plain.scope).to_string()
            );
            spare.keep(Value::Object(reused.scope));
        }
    }

    #[test]
    fn no_value_outlives_its_record() {
        let person = json!({"external_id": "u-1", "aliases": [{"alias_name": "n"}], "topics": [{"own": 7}]});
        let mut emptied = person.clone();
        Spare::empty(&mut emptied);
        assert_eq!(emptied, json!({"external_id": null, "aliases": [{"alias_name": null}], "topics": null}));

        let mut spare = Spare::default();
        spare.keep(json!({"subject": person, "fields": {"own": "secret"}}));

        let left: Vec<(&String, &Value)> = spare.maps.iter().flatten().collect();
        assert!(left.iter().all(|(name, value)| *name != "own" && value.is_null()), "{left:?}");
        assert_eq!(left.len(), 6);
    }
}
