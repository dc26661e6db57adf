//! Request lines: any bytes are a record or a problem, and what a record says has one digest however
//! it is written.

use privaflow::request::{Identity, Order, Request, Warnings, changed_at, identity, parse_row};
use serde_json::{Map, Value};

/// The bytes are one line.
pub fn check(data: &[u8]) {
    let row = parse_row(data);
    let Ok(request) = Request::parse(data, &mut Warnings::new()) else { return };
    // Members that a record ignores may stand in it twice, which a row refuses.
    let Ok(row) = row else { return };
    let again = |value: &Value| {
        let line = serde_json::to_vec_pretty(value).expect("JSON is written");
        Request::parse(&line, &mut Warnings::new()).expect("the same record, written otherwise")
    };
    for other in [Value::Object(row.clone()), reversed(&Value::Object(row))] {
        let other = again(&other);
        assert_eq!(other.digest, request.digest, "white space and the order of keys change a digest");
        assert_eq!((&other.id, other.kind), (&request.id, request.kind));
        assert_eq!(other.scope, request.scope);
    }
    let consents = request.scope.get("consents").and_then(Value::as_array);
    for consent in consents.into_iter().flatten().map(Some).chain([None]) {
        let Some(moment) = changed_at(consent, request.scope.get("request")) else { continue };
        let order = Order::of(moment).opting(true);
        assert_eq!(Order::of_bytes(order.to_bytes()), order);
        assert!(order.compare(&order).is_eq() && !order.yields_to(&order));
    }
    if let Some(id) = &request.id {
        assert_ne!(identity("a", Identity::Id(id)), identity("b", Identity::Id(id)));
    }
}

/// The same value with the keys of every object the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(reversed).collect()),
        Value::Object(members) => {
            let members = members.iter().rev().map(|(key, value)| (key.clone(), reversed(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
