//! One line or one mapped row into a checked [`Request`], in one pass.
//!
//! `visit` checks each member as it is read and puts it into its place; here the places become the
//! scope, always in the order of the table in `shape`, so that equal contents have equal scopes.

use serde::de::DeserializeSeed;
use serde_json::{Map, Value};

use super::bad::{BadRecord, Problem};
use super::json::Any;
use super::shape::{CONSENTS_AT, FIELDS_AT, RECORD, SUBJECT, SUBJECT_AT};
use super::visit::{Blank, Places, Reader, Record, collect, grammar, no_places};
use super::{Kind, Order, Request, Spare, Warnings, changed_at, digest};

impl Request {
    /// Decodes and checks one line of JSON; unknown members are counted in `warnings`.
    pub fn parse(line: &[u8], warnings: &mut Warnings) -> Result<Request, BadRecord> {
        Request::parse_in(line, warnings, &mut Spare::default())
    }

    /// The same, in maps of earlier records.
    pub fn parse_in(line: &[u8], warnings: &mut Warnings, spare: &mut Spare) -> Result<Request, BadRecord> {
        let mut reader = Reader::new(warnings, spare, Blank::Mistake);
        let mut json = serde_json::Deserializer::from_str(utf8(line)?);
        let mut places = no_places();
        let record = Record { reader: &mut reader, places: &mut places };
        match record.deserialize(&mut json).and_then(|()| json.end()) {
            Ok(()) => finish(&mut places, spare),
            Err(error) => Err(BadRecord { problem: reader.problem(&error), column: column(line, &error) }),
        }
    }

    /// Checks a record that was made from a row of a table or of another shape. An empty string in
    /// a known member is absent, because a table cannot leave a cell out.
    pub fn from_value(value: Value, warnings: &mut Warnings) -> Result<Request, BadRecord> {
        let mut spare = Spare::default();
        let mut reader = Reader::new(warnings, &mut spare, Blank::Absent);
        let mut places = no_places();
        match (Record { reader: &mut reader, places: &mut places }).deserialize(value) {
            Ok(()) => finish(&mut places, &mut spare),
            Err(error) => Err(reader.problem(&error).into()),
        }
    }
}

/// Decodes one line of JSON of any shape, for workflows that map it.
pub fn parse_row(line: &[u8]) -> Result<Map<String, Value>, BadRecord> {
    let mut is_twice = false;
    let mut json = serde_json::Deserializer::from_str(utf8(line)?);
    let value = Any { is_twice: &mut is_twice }.deserialize(&mut json);
    match value.and_then(|value| json.end().map(|()| value)) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Err(Problem::NotAnObject.into()),
        Err(error) => {
            let problem =
                if is_twice { Problem::Twice { member: "a member".to_owned() } } else { grammar(&error) };
            Err(BadRecord { problem, column: column(line, &error) })
        }
    }
}

/// What a request gives to the scope, in the order of its digest.
const SCOPE: [&str; 4] = ["request", "subject", "consents", "fields"];

/// Puts the scope together in its fixed order.
fn finish(places: &mut Places, spare: &mut Spare) -> Result<Request, BadRecord> {
    let mut take = |at: usize| places.get_mut(at).map(Value::take).unwrap_or_default();
    let (subject, mut consents, fields) = (take(SUBJECT_AT), take(CONSENTS_AT), take(FIELDS_AT));
    let member = |at: usize| places.get(at).and_then(Value::as_str);
    let id = member(0).map(str::to_owned);
    let kind = member(1).and_then(Kind::of).ok_or(Problem::KindMissing)?;

    let of_request = RECORD.members.get(..SUBJECT_AT).unwrap_or_default();
    let request = collect(of_request, places, spare);
    let subject = if subject.is_null() { collect(SUBJECT.members, &mut no_places(), spare) } else { subject };
    order_by_time(&mut consents, Some(&request));
    let consents = if consents.is_null() { Value::Array(Vec::new()) } else { consents };
    let fields = if fields.is_null() { Value::Object(Map::new()) } else { fields };
    let mut scope = spare
        .take(SCOPE.into_iter())
        .unwrap_or_else(|| SCOPE.into_iter().map(|name| (name.to_owned(), Value::Null)).collect());
    for (place, value) in scope.values_mut().zip([request, subject, consents, fields]) {
        *place = value;
    }
    let digest = digest::of_scope(&scope);
    Ok(Request { id, kind, scope, digest })
}

/// Statuses with which OneTrust says that there is no permission (OneTrust docs, purpose status and transaction type).
const NO: [&str; 6] = ["WITHDRAWN", "OPT_OUT", "HARD_OPT_OUT", "NO_CONSENT", "EXPIRED", "NOTGIVEN"];

/// Puts consents from the oldest change to the newest, so that whoever takes the last one takes the
/// newest. One without `updated_at` changed when the record did; if that is not said either, it counts
/// from when its input was received, after all others. Where the coarser precision of two cannot tell
/// them apart, a "no" stands behind a "yes": [`Order`] says why it counts to the end of its unit.
fn order_by_time(consents: &mut Value, record: Option<&Value>) {
    let Value::Array(consents) = consents else { return };
    if consents.len() < 2 {
        return;
    }
    let key = |consent: &Value| {
        let status = consent.get("status").and_then(Value::as_str);
        let is_no = status.is_some_and(|status| NO.contains(&status));
        let reach = |moment| Order::of(moment).opting(is_no).reach();
        // Of those without any time the last one written is the newest.
        changed_at(Some(consent), record).map_or((i64::MAX, false), |moment| (reach(moment), is_no))
    };
    if !consents.is_sorted_by_key(key) {
        consents.sort_by_cached_key(key);
    }
}

/// The line as text.
fn utf8(line: &[u8]) -> Result<&str, BadRecord> {
    std::str::from_utf8(line).map_err(|error| {
        let good = line.get(..error.valid_up_to()).unwrap_or_default();
        BadRecord {
            problem: Problem::NotUtf8,
            column: Some(String::from_utf8_lossy(good).chars().count() + 1),
        }
    })
}

/// The decoder counts bytes; people count characters.
fn column(line: &[u8], error: &serde_json::Error) -> Option<usize> {
    if error.line() != 1 {
        return None;
    }
    let before = line.get(..error.column().saturating_sub(1))?;
    Some(String::from_utf8_lossy(before).chars().count() + 1)
}
