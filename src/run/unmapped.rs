//! Purposes and statuses that no table of the workflow maps, counted by name.
//!
//! An opt-out that nobody mapped must be seen, so this looks at every record that was read, whatever
//! became of it.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use crate::template::member;

/// What a mapped purpose without a status is counted under: nobody can say what was chosen.
const NO_STATUS: &str = "(no status)";

/// Adds the purposes and statuses of a record's consents that are not among `words`.
///
/// A purpose is mapped when its id or its name is; it is counted under its name if it has one.
pub fn count_unmapped(
    scope: &Map<String, Value>,
    words: &HashSet<String>,
    counts: &mut BTreeMap<String, u64>,
) {
    let Some(Value::Array(consents)) = member(scope, "consents") else { return };
    let mut count = |name: &str| match counts.get_mut(name) {
        Some(number) => *number += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    };
    for consent in consents {
        let Value::Object(consent) = consent else { continue };
        let text = |name: &str| member(consent, name).and_then(Value::as_str);
        let (id, name) = (text("purpose_id"), text("purpose"));
        let is_mapped = [id, name].into_iter().flatten().any(|word| words.contains(word));
        if !is_mapped && let Some(shown) = name.or(id) {
            count(shown);
        }
        match text("status") {
            Some(status) if !words.contains(status) => count(status),
            None if is_mapped => count(NO_STATUS),
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn counted(consents: Value) -> BTreeMap<String, u64> {
        let words = ["p-1", "Newsletter", "ACTIVE"].map(str::to_owned).into_iter().collect();
        let mut counts = BTreeMap::new();
        let scope = json!({ "consents": consents });
        count_unmapped(scope.as_object().unwrap(), &words, &mut counts);
        counts
    }

    #[test]
    fn a_purpose_is_mapped_by_its_id_or_by_its_name() {
        let counts = counted(json!([
            {"purpose_id": "p-1", "purpose": "Anything", "status": "ACTIVE"},
            {"purpose_id": "p-9", "purpose": "Newsletter", "status": "ACTIVE"},
        ]));

        assert!(counts.is_empty(), "{counts:?}");
    }

    #[test]
    fn an_unknown_purpose_and_an_unknown_status_are_both_counted_by_name() {
        let counts = counted(json!([
            {"purpose_id": "p-9", "purpose": "Loyalty", "status": "HARD_OPT_OUT"},
            {"purpose_id": "p-9", "purpose": "Loyalty", "status": "ACTIVE"},
            {"purpose_id": "p-8", "status": "ACTIVE"},
        ]));

        let expected = [("HARD_OPT_OUT", 1), ("Loyalty", 2), ("p-8", 1)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn a_mapped_purpose_without_a_status_is_counted() {
        let counts = counted(json!([{"purpose": "Newsletter"}]));

        assert_eq!(counts, [("(no status)".to_owned(), 1)].into());
    }
}
