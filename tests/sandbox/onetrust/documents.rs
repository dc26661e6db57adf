//! OneTrust's own OpenAPI documents, as the tests of the look-alike read them.
//!
//! What a schema says, what must be there, and where an answer differs from it; nothing about any operation.

use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

pub fn contract() -> Value {
    serde_json::from_str(include_str!("../../contract/onetrust.json")).unwrap()
}

pub fn operations(contract: &Value) -> Vec<(String, Value)> {
    let operations = contract["operations"].as_object().unwrap();
    operations.iter().map(|(key, operation)| (key.clone(), operation.clone())).collect()
}

pub type Query = Vec<(String, String)>;

pub fn resolved<'a>(contract: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(|at| at.as_str()?.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &contract["schemas"][name])
}

pub fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A query parameter with a value that fits it.
pub fn parameter(name: &str, schema: &Value) -> String {
    let word = schema["enum"][0].as_str();
    word.map_or_else(
        || {
            let text = match (name, schema["type"].as_str(), schema["format"].as_str()) {
                ("sort", ..) => "createdDate,desc",
                ("properties", ..) => "ignoreCount",
                ("startDate" | "endDate", ..) => "2026-11-21T00:00:00Z",
                ("startIndex" | "count", ..) => "1",
                ("filters", ..) => "name==Legal",
                ("filter", ..) => schema["default"].as_str().unwrap_or("userType eq \"Internal\""),
                (_, Some("boolean"), _) => "true",
                (_, Some("integer"), _) => "1",
                (_, _, Some("uuid")) => "25d9ccac-db88-4d34-849c-3d602a629961",
                // The document says yyyyMMdd beside the format.
                (_, _, Some("date")) => "20261122",
                (_, _, Some("date-time")) => "2026-11-22T00:00:00",
                _ => "text",
            };
            text.to_owned()
        },
        str::to_owned,
    )
}

/// The parameters that must be there.
pub fn needed(operation: &Value) -> Query {
    let parameters = operation["query"].as_object().into_iter().flatten();
    let needed = parameters.filter(|(_, parameter)| parameter["required"] == true);
    needed.map(|(name, known)| (name.clone(), parameter(name, &known["schema"]))).collect()
}

/// Forbids every member that a schema does not name.
fn close(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        if schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = json!(false);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        close(items);
    }
}

/// The places where an answer is not what a schema says, with `*` for any index.
pub fn differences(contract: &Value, schema: &Value, answer: &Value) -> Vec<String> {
    let mut whole = schema.clone();
    let mut defs = contract["schemas"].clone();
    close(&mut whole);
    defs.as_object_mut().unwrap().values_mut().for_each(close);
    whole["$defs"] = defs;
    let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
    let mut places = Vec::new();
    for error in validator.iter_errors(answer) {
        let at = error.instance_path().as_str();
        let steps = at.split('/').map(|step| if step.parse::<usize>().is_ok() { "*" } else { step });
        let at = steps.collect::<Vec<_>>().join("/");
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                places.extend(unexpected.iter().map(|name| format!("{at}/{name}")));
            }
            _ => places.push(at),
        }
    }
    places
}
