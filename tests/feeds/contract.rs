//! Every request that feeds make against OneTrust's own OpenAPI documents.
//!
//! `tests/contract/onetrust.json` holds parameters and schemas of the operations as the documents state
//! them. A parameter or member that they do not name is a mistake.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

static CONTRACT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../contract/onetrust.json")).unwrap());

/// What the documents do not allow of a request.
pub fn differences(
    method: &str,
    path: &str,
    query: &HashMap<String, String>,
    body: Option<&Value>,
) -> Vec<String> {
    let operations = CONTRACT["operations"].as_object().unwrap();
    let key = format!("{method} {path}");
    let found =
        operations.iter().filter(|(template, _)| matches(template, &key)).min_by_key(|(template, _)| {
            // `…/{language}` also matches what has a word of its own there.
            template.matches('{').count()
        });
    let Some((name, operation)) = found else { return vec![format!("{key} is not documented")] };
    let mut wrong = Vec::new();
    for (parameter, value) in query {
        let schema = &operation["query"][parameter]["schema"];
        let value = match schema["type"].as_str() {
            Some("integer") => json!(value.parse::<i64>().ok()),
            Some("boolean") => json!(value.parse::<bool>().ok()),
            _ => json!(value),
        };
        if schema.is_null() || !jsonschema::is_valid(schema, &value) {
            wrong.push(format!("{name}: {parameter}"));
        }
    }
    for (parameter, described) in operation["query"].as_object().into_iter().flatten() {
        if described["required"] == true && !query.contains_key(parameter) {
            wrong.push(format!("{name} lacks {parameter}"));
        }
    }
    match (operation.get("body"), body) {
        (Some(schema), Some(body)) => {
            let mut whole = schema.clone();
            whole["$defs"] = CONTRACT["schemas"].clone();
            close(&mut whole);
            let validator = jsonschema::validator_for(&whole).unwrap();
            wrong.extend(
                validator.iter_errors(body).map(|error| format!("{name}: {}", error.instance_path())),
            );
        }
        (None, None) => {}
        (Some(_), None) => wrong.push(format!("{name} has no body")),
        (None, Some(_)) => wrong.push(format!("{name} has a body")),
    }
    wrong
}

fn matches(template: &str, key: &str) -> bool {
    let (template, key): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), key.split('/').collect());
    template.len() == key.len()
        && template.iter().zip(&key).all(|(expected, found)| expected.starts_with('{') || expected == found)
}

/// Allows only the members that are named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn a_request_that_the_documents_do_not_know_is_noticed() {
    let none = HashMap::new();
    let search = |body: Value| differences("POST", "/api/datasubject/v3/subtasks", &none, Some(&body));

    assert_eq!(search(json!({"SubtaskStatus": ["Open"]})), Vec::<String>::new());
    assert_eq!(search(json!({"SubtaskStatus": ["open"]})).len(), 1);
    assert_eq!(search(json!({"subtaskStatus": ["Open"]})).len(), 1);
    assert_eq!(differences("GET", "/api/x", &none, None).len(), 1);
    assert_eq!(
        differences("GET", "/rest/api/consent/v4/datasubjects/profiles/unordered", &none, None).len(),
        2
    );
}
