//! Rows of a bulk export of people: a person and one purpose each, by columns whose names somebody gives.
//!
//! OneTrust does not document the columns, so their names are settings; the defaults are its own names of
//! the same things in other answers, compared without regard to case, spaces and signs. Rows of one person
//! that stand together become one record.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::consent::{Change, Purpose};
use super::record::{Judged, Reason};
use super::{dates, json};
use crate::workflow::ConsentRules;

/// What a row can say, and which columns are taken for it unless somebody names one; the first that is there.
const MEMBERS: [(&str, &[&str]); 7] = [
    ("identifier", &["identifier", "datasubjectidentifier"]),
    ("purpose_id", &["purposeid", "purposeguid"]),
    ("purpose", &["purposename", "purpose"]),
    ("status", &["status", "purposestatus", "consentstatus"]),
    ("updated_at", &["lastupdateddate", "lasttransactiondate"]),
    ("language", &["language"]),
    ("test", &["testdatasubject", "istestdatasubject"]),
];

/// Purposes of one record; more rows of one person become another one.
const MOST_PURPOSES: usize = 100;

/// Which columns say what.
#[derive(Debug, Clone)]
pub struct BulkColumns {
    found: IndexMap<&'static str, String>,
}

/// Why the columns of a file say too little.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BulkColumnsError {
    /// Nothing of the kind is known.
    #[error(
        "`{0}` is nothing that a row says: it can be identifier, purpose_id, purpose, status, updated_at, language or test"
    )]
    Unknown(String),
    /// A column that was named is not there.
    #[error("there is no column `{column}`; the file has: {}", .has.join(", "))]
    Missing {
        /// As it was named.
        column: String,
        /// What there is.
        has: Vec<String>,
    },
    /// No column is taken for something that a record needs.
    #[error("no column of the file is taken for `{member}`: name one with --column {member}=COLUMN; the file has: {}", .has.join(", "))]
    Needed {
        /// What is needed.
        member: &'static str,
        /// What there is.
        has: Vec<String>,
    },
}

impl BulkColumns {
    /// Looks for the columns of a file; `named` says some of them by what they say.
    pub fn find<'h>(
        named: &[(String, String)],
        header: impl Iterator<Item = &'h str>,
    ) -> Result<BulkColumns, BulkColumnsError> {
        let header: Vec<&str> = header.collect();
        let has = || header.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        let mut found = IndexMap::new();
        for (member, column) in named {
            let Some((known, _)) = MEMBERS.iter().find(|(known, _)| known == member) else {
                return Err(BulkColumnsError::Unknown(member.clone()));
            };
            if !header.contains(&column.as_str()) {
                return Err(BulkColumnsError::Missing { column: column.clone(), has: has() });
            }
            found.insert(*known, column.clone());
        }
        for (member, usual) in MEMBERS {
            let column = usual.iter().find_map(|usual| header.iter().find(|name| letters(name) == *usual));
            if let Some(column) = column {
                found.entry(member).or_insert_with(|| (*column).to_owned());
            }
        }
        let purpose = if found.contains_key("purpose_id") { "purpose_id" } else { "purpose" };
        for member in ["identifier", purpose, "status"] {
            if !found.contains_key(member) {
                return Err(BulkColumnsError::Needed { member, has: has() });
            }
        }
        Ok(BulkColumns { found })
    }

    /// What a row says of something.
    fn text<'r>(&self, row: &'r Value, member: &str) -> Option<&'r str> {
        json::text(row, &[self.found.get(member)?.as_str()])
    }
}

/// Rows of one person that stand together.
#[derive(Default)]
pub struct BulkPerson {
    rows: Vec<Value>,
}

impl BulkPerson {
    /// Adds a row; gives what came before it when that is another person's.
    pub fn add(
        &mut self,
        columns: &BulkColumns,
        rules: &ConsentRules,
        row: Map<String, Value>,
    ) -> Option<Judged> {
        let row = Value::Object(row);
        let identifier = |row: &Value| columns.text(row, "identifier").map(str::to_owned);
        let is_same = self.rows.first().is_some_and(|first| identifier(first) == identifier(&row));
        let before =
            (!is_same || self.rows.len() >= MOST_PURPOSES).then(|| self.finish(columns, rules)).flatten();
        self.rows.push(row);
        before
    }

    /// What the rows come to; `None` when there are none.
    pub fn finish(&mut self, columns: &BulkColumns, rules: &ConsentRules) -> Option<Judged> {
        let rows = std::mem::take(&mut self.rows);
        let first = rows.first()?;
        let is_test = columns.text(first, "test").is_some_and(|word| word.eq_ignore_ascii_case("true"));
        if is_test && !rules.take_test_subjects {
            return Some(Judged::Skip(Reason::TestSubject));
        }
        let mut change = Change::new(rules, None);
        change.identified_by(columns.text(first, "identifier"));
        change.elements(|name| first.get(name));
        change.subject("language", columns.text(first, "language"));
        for row in &rows {
            change.purpose(Purpose {
                id: columns.text(row, "purpose_id"),
                name: columns.text(row, "purpose"),
                status: columns.text(row, "status"),
                updated_at: columns.text(row, "updated_at").and_then(dates::time),
                ..Purpose::default()
            });
        }
        Some(change.judged(None))
    }
}

// Rows name people.
impl std::fmt::Debug for BulkPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BulkPerson").field("rows", &self.rows.len()).finish()
    }
}

/// The letters and digits of a name, without regard to case.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Identifier;
    use serde_json::json;

    const HEADER: [&str; 5] =
        ["Identifier", "Purpose Name", "Purpose Status", "Last Transaction Date", "Customer number"];

    fn row(identifier: &str, purpose: &str, status: &str) -> Map<String, Value> {
        let row = json!({ "Identifier": identifier, "Purpose Name": purpose, "Purpose Status": status,
                          "Last Transaction Date": "2026-11-20 10:00:00", "Customer number": format!("n-{identifier}") });
        row.as_object().unwrap().clone()
    }

    fn records(rows: Vec<Map<String, Value>>, rules: &ConsentRules) -> Vec<Value> {
        let columns = BulkColumns::find(&[], HEADER.into_iter()).unwrap();
        let mut person = BulkPerson::default();
        let mut judged: Vec<Judged> =
            rows.into_iter().filter_map(|row| person.add(&columns, rules, row)).collect();
        judged.extend(person.finish(&columns, rules));
        let record = |judged| match judged {
            Judged::Start(record) => serde_json::from_slice(record.line()).unwrap(),
            Judged::Skip(reason) => json!(reason.word()),
        };
        judged.into_iter().map(record).collect()
    }

    #[test]
    fn rows_of_a_person_that_stand_together_become_one_record() {
        let mut rules = ConsentRules::default();
        rules.data_elements.insert(Identifier::ExternalId, "Customer number".to_owned());
        let rows = vec![
            row("a@x.example", "News", "ACTIVE"),
            row("a@x.example", "Offers", "WITHDRAWN"),
            row("b@x.example", "News", "ACTIVE"),
        ];

        let records = records(rows, &rules);

        assert_eq!(records.len(), 2);
        assert_eq!(records[0]["subject"], json!({ "email": "a@x.example", "external_id": "n-a@x.example" }));
        let news = json!({ "purpose": "News", "status": "ACTIVE", "updated_at": "2026-11-20T10:00:00Z" });
        assert_eq!(
            (&records[0]["consents"][0], records[0]["consents"].as_array().unwrap().len()),
            (&news, 2)
        );
        assert!(records[0]["id"].as_str().unwrap().starts_with("consent:"));
    }

    #[test]
    fn a_row_that_names_nobody_is_no_record() {
        assert_eq!(
            records(vec![row(" ", "News", "ACTIVE")], &ConsentRules::default()),
            [json!("no_identifier")]
        );
    }

    #[test]
    fn columns_can_be_named_and_what_is_missing_is_said_with_what_there_is() {
        let named = |member: &str, column: &str| {
            let named = [(member.to_owned(), column.to_owned())];
            BulkColumns::find(&named, ["Who", "Purpose", "Status"].into_iter()).map(drop)
        };

        assert_eq!(named("identifier", "Who"), Ok(()));
        let has = vec!["Who".to_owned(), "Purpose".to_owned(), "Status".to_owned()];
        assert_eq!(
            named("purpose", "Purpose"),
            Err(BulkColumnsError::Needed { member: "identifier", has: has.clone() })
        );
        assert_eq!(named("status", "State"), Err(BulkColumnsError::Missing { column: "State".into(), has }));
        assert_eq!(named("colour", "Who"), Err(BulkColumnsError::Unknown("colour".into())));
    }
}
