//! The columns of a table: what they are called, and which member of a record each of them fills.
//!
//! A workflow with `on.file.map` reads cells by column. Without it the columns are named like the
//! members of a record, joined with dots; an empty cell is an absent member. A column that names no
//! member is ignored with a warning, like an unknown member of a line.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::InputError;
use crate::request::{BadRecord, Problem};
use crate::source::closest;

/// The most columns a message lists.
const MOST_LISTED: usize = 12;

/// The header of a table.
#[derive(Debug)]
pub struct Columns {
    /// The input, for messages.
    input: String,
    names: Vec<String>,
    members: Vec<Member>,
    /// How many consents and aliases the columns name.
    consents: usize,
    aliases: usize,
}

/// The member that a column fills.
#[derive(Debug)]
enum Member {
    /// A member of the record, known or not.
    Top(String),
    /// `subject.email`, `source.ref`.
    In(&'static str, String),
    /// `fields.State`: whatever follows the first dot is the name.
    Field(String),
    /// `consents.0.status`; the numbers are closed up, so that gaps between them need no room.
    Consent(usize, String),
    /// `subject.aliases.0.alias_name`.
    Alias(usize, String),
    /// A column without a name.
    Nothing,
}

impl Columns {
    /// Reads a header.
    pub(super) fn new(input: &str, bytes: &[u8], ends: &[u32]) -> Result<Columns, InputError> {
        let mut names = Vec::with_capacity(ends.len());
        let mut start = 0;
        for &end in ends {
            let cell = bytes.get(start..end as usize).unwrap_or_default();
            let name = std::str::from_utf8(cell)
                .map_err(|_| InputError::HeaderNotUtf8 { name: input.to_owned() })?;
            let name = name.trim_matches([' ', '\t']);
            if name.replace("\r\n", "").contains('\r') {
                return Err(InputError::CarriageReturns { name: input.to_owned() });
            }
            names.push(name.to_owned());
            start = end as usize;
        }
        let (mut consents, mut aliases) = (BTreeSet::new(), BTreeSet::new());
        let mut members: Vec<_> = names.iter().map(|name| member(name)).collect();
        for member in &members {
            match member {
                Member::Consent(number, _) => consents.insert(*number),
                Member::Alias(number, _) => aliases.insert(*number),
                Member::Top(_) | Member::In(..) | Member::Field(_) | Member::Nothing => continue,
            };
        }
        for member in &mut members {
            match member {
                Member::Consent(number, _) => *number = consents.range(..*number).count(),
                Member::Alias(number, _) => *number = aliases.range(..*number).count(),
                Member::Top(_) | Member::In(..) | Member::Field(_) | Member::Nothing => {}
            }
        }
        let (consents, aliases) = (consents.len(), aliases.len());
        Ok(Columns { input: input.to_owned(), names, members, consents, aliases })
    }

    /// In the order of the file, as written but for spaces around them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Checks that every column a map reads is there, once.
    pub fn require<'n>(&self, wanted: impl IntoIterator<Item = &'n str>) -> Result<(), InputError> {
        for column in wanted {
            let (name, column) = (self.input.clone(), column.to_owned());
            match self.names.iter().filter(|name| **name == column).count() {
                1 => {}
                0 => return Err(self.no_column(column)),
                _ => return Err(InputError::ColumnTwice { name, column }),
            }
        }
        Ok(())
    }

    /// Checks that rows can be records without a map: there is a `kind`, and no member is filled
    /// twice.
    pub fn require_record(&self) -> Result<(), InputError> {
        self.require(["kind"])?;
        let mut seen = HashSet::new();
        match self.names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
            Some(twice) => Err(InputError::ColumnTwice { name: self.input.clone(), column: twice.clone() }),
            None => Ok(()),
        }
    }

    fn no_column(&self, column: String) -> InputError {
        let listed: Vec<_> = self.names.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
        let more = if self.names.len() > MOST_LISTED { ", …" } else { "" };
        InputError::NoColumn {
            name: self.input.clone(),
            closest: closest_column(&column, &self.names),
            column,
            columns: format!("{}{more}", listed.join(", ")),
        }
    }

    /// The cells by their column, every one a string.
    pub(super) fn row<'c>(
        &self,
        cells: impl Iterator<Item = &'c [u8]>,
    ) -> Result<Map<String, Value>, BadRecord> {
        let mut row = Map::with_capacity(self.names.len());
        for (name, cell) in self.names.iter().zip(cells) {
            if !name.is_empty() {
                row.insert(name.clone(), Value::String(text(name, cell)?.to_owned()));
            }
        }
        Ok(row)
    }

    /// The cells as members of a record.
    pub(super) fn record<'c>(&self, cells: impl Iterator<Item = &'c [u8]>) -> Result<Value, BadRecord> {
        let mut record = Map::with_capacity(9);
        let (mut subject, mut source, mut fields) = (Map::new(), Map::new(), Map::new());
        let mut consents = vec![Map::new(); self.consents];
        let mut aliases = vec![Map::new(); self.aliases];
        for ((name, member), cell) in self.names.iter().zip(&self.members).zip(cells) {
            let text = text(name, cell)?;
            let (map, name) = match member {
                _ if text.is_empty() => continue,
                Member::Nothing => continue,
                Member::Top(name) => (Some(&mut record), name),
                Member::In("source", name) => (Some(&mut source), name),
                Member::In(_, name) => (Some(&mut subject), name),
                Member::Field(name) => (Some(&mut fields), name),
                Member::Consent(at, name) => (consents.get_mut(*at), name),
                Member::Alias(at, name) => (aliases.get_mut(*at), name),
            };
            if let Some(map) = map {
                map.insert(name.clone(), Value::String(text.to_owned()));
            }
        }
        let list = |maps: Vec<Map<String, Value>>| {
            Value::Array(maps.into_iter().filter(|map| !map.is_empty()).map(Value::Object).collect())
        };
        subject.insert("aliases".to_owned(), list(aliases));
        record.insert("subject".to_owned(), Value::Object(subject));
        if !source.is_empty() {
            record.insert("source".to_owned(), Value::Object(source));
        }
        record.insert("consents".to_owned(), list(consents));
        record.insert("fields".to_owned(), Value::Object(fields));
        Ok(Value::Object(record))
    }
}

fn text<'c>(column: &str, cell: &'c [u8]) -> Result<&'c str, BadRecord> {
    std::str::from_utf8(cell).map_err(|_| Problem::CellNotUtf8 { column: column.to_owned() }.into())
}

/// Which member a column name means.
fn member(column: &str) -> Member {
    let numbered = |rest: &str| {
        let (number, name) = rest.split_once('.')?;
        Some((usize::from(number.parse::<u16>().ok()?), name.to_owned()))
    };
    let found = match column.split_once('.') {
        None if column.is_empty() => Some(Member::Nothing),
        None => None,
        Some(("fields", name)) => Some(Member::Field(name.to_owned())),
        Some(("source", name)) => Some(Member::In("source", name.to_owned())),
        Some(("consents", rest)) => numbered(rest).map(|(at, name)| Member::Consent(at, name)),
        Some(("subject", rest)) => match rest.strip_prefix("aliases.") {
            Some(rest) => numbered(rest).map(|(at, name)| Member::Alias(at, name)),
            None => Some(Member::In("subject", rest.to_owned())),
        },
        Some(_) => None,
    };
    found.unwrap_or_else(|| Member::Top(column.to_owned()))
}

/// The column that was perhaps meant; letters' case is the usual difference.
fn closest_column(wanted: &str, names: &[String]) -> Option<String> {
    let same = names.iter().find(|name| name.to_lowercase() == wanted.to_lowercase());
    same.cloned().or_else(|| closest(wanted, names.iter().map(String::as_str)).map(str::to_owned))
}
