//! Checks the bodies we merge against a description of Braze's API that we did not write.
//!
//! `tests/contract/braze.json` holds paths, methods, parameters and schemas of ten endpoints as the
//! community's OpenAPI description of Braze states them, nothing else. The description allows any
//! member; here only those it names are allowed. Where Braze's own pages know more, the difference
//! stands in `GAPS` with its reason, and a gap that no body shows any more fails the test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind;
use privaflow::catalogue::{self, Method};
use privaflow::plan::{Call, Room, body, path_and_query};
use serde_json::{Value, json};

#[path = "contract/onetrust.rs"]
mod onetrust;

/// Endpoint, place, and why our body may differ there.
const GAPS: &[(&str, &str, &str)] = &[
    ("/users/track", "/group_id", "beta, on the endpoint's page only"),
    ("/users/delete", "/email_addresses", "added to the endpoint after the description was made"),
    ("/users/delete", "/phone_numbers", "added to the endpoint after the description was made"),
    ("/subscription/status/set", "/phone", "the description shows only the e-mail variant of the endpoint"),
    ("/subscription/status/set", "/use_double_opt_in_logic", "on the endpoint's page only"),
    (
        "/v2/subscription/status/set",
        "/subscription_groups/*/use_double_opt_in_logic",
        "on the endpoint's page only",
    ),
    ("/email/status", "/email", "the endpoint's page allows up to 50 addresses in a list"),
    ("/subscription/status/get", "external_id[]", "a list in a query is written with brackets"),
    ("/subscription/user/status", "external_id[]", "a list in a query is written with brackets"),
    ("/subscription/user/status", "email[]", "a list in a query is written with brackets"),
];

/// Every shape of `with` that the pages of an endpoint show, about person number `n`.
fn shapes(action: &str, n: usize) -> Vec<Value> {
    let (id, mail, phone) = (format!("u{n}"), format!("u{n}@example.com"), format!("+1555{n:07}"));
    let alias = json!({"alias_name": id, "alias_label": "l"});
    let order = ["unidentified", "most_recently_updated"];
    let group = |more: Value| {
        merged(json!({"subscription_group_id": "g", "subscription_state": "unsubscribed"}), more)
    };
    let person = json!({"external_id": id});
    let at = "2026-01-01T00:00:00Z";
    match action {
        "users.track" => vec![
            json!({"attributes": [merged(person.clone(), json!({"email_subscribe": "opted_in", "old": null}))]}),
            json!({"attributes": [{"user_alias": alias, "score": {"inc": 1}}], "group_id": "x"}),
            json!({"events": [merged(person.clone(), json!({"name": "n", "time": at}))]}),
            json!({"purchases": [merged(person, json!({"product_id": "p", "currency": "EUR", "price": 1.5, "time": at}))]}),
        ],
        "users.delete" => vec![
            json!({"external_ids": [id]}),
            json!({"braze_ids": [id]}),
            json!({"user_aliases": [alias]}),
            json!({"email_addresses": [{"email": mail, "prioritization": order}]}),
            json!({"phone_numbers": [{"phone": phone, "prioritization": order}]}),
        ],
        "subscription.status.set" => vec![
            group(json!({"external_id": [id]})),
            group(json!({"email": [mail]})),
            group(json!({"phone": [phone], "use_double_opt_in_logic": false})),
        ],
        "v2.subscription.status.set" => vec![
            json!({"subscription_groups": [group(json!({"external_ids": [id]}))]}),
            json!({"subscription_groups": [group(json!({"emails": [mail]})), group(json!({"external_ids": [id]}))]}),
            json!({"subscription_groups": [group(json!({"phones": [phone], "use_double_opt_in_logic": true}))]}),
        ],
        "users.export.ids" => vec![
            json!({"external_ids": [id], "fields_to_export": ["external_id"]}),
            json!({"user_aliases": [alias], "fields_to_export": ["user_aliases"]}),
            json!({"email_address": mail, "fields_to_export": ["braze_id"]}),
            json!({"phone": phone}),
            json!({"braze_id": id}),
            json!({"device_id": id}),
        ],
        "users.identify" => vec![
            json!({"aliases_to_identify": [{"external_id": id, "user_alias": alias}]}),
            json!({"emails_to_identify": [{"external_id": id, "email": mail, "prioritization": order}]}),
            json!({"phone_numbers_to_identify": [{"external_id": id, "phone": phone, "prioritization": order}]}),
        ],
        "users.alias.new" => {
            vec![
                json!({"user_aliases": [alias]}),
                json!({"user_aliases": [merged(alias, json!({"external_id": id}))]}),
            ]
        }
        "email.status" => vec![json!({"email": mail, "subscription_state": "unsubscribed"})],
        "subscription.status.get" => vec![
            json!({"subscription_group_id": "g", "external_id": id}),
            json!({"subscription_group_id": "g", "phone": phone}),
        ],
        "subscription.user.status" => {
            vec![json!({"external_id": id}), json!({"email": [mail, id], "limit": 100, "offset": 0})]
        }
        other => panic!("no shapes for {other}"),
    }
}

fn merged(mut one: Value, more: Value) -> Value {
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

/// Forbids every member that the description does not name.
fn close(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        schema["additionalProperties"] = json!(false);
    }
    if let Some(items) = schema.get_mut("items") {
        close(items);
    }
}

/// The places where a body is not what the description says, with `*` for any index.
fn differences(schema: &Value, body: &Value) -> Vec<String> {
    let mut places = Vec::new();
    for error in jsonschema::validator_for(schema).unwrap().iter_errors(body) {
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

/// All calls of an action, put into as few requests as they fit in.
fn requests(action: &'static catalogue::Action, calls: &[Call]) -> Vec<Vec<usize>> {
    let mut requests: Vec<(Room, Vec<usize>)> = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let taker = match requests.iter().position(|(room, _)| room.can_take(call)) {
            Some(taker) => taker,
            None => {
                requests.push((Room::new(action), Vec::new()));
                requests.len() - 1
            }
        };
        requests[taker].0.take(call);
        requests[taker].1.push(index);
    }
    requests.into_iter().map(|(_, calls)| calls).collect()
}

fn of_braze() -> impl Iterator<Item = &'static catalogue::Action> {
    catalogue::all().iter().filter(|action| action.system == "braze")
}

#[test]
fn every_merged_request_is_one_that_the_contract_knows() {
    let contract: Value = serde_json::from_str(include_str!("contract/braze.json")).unwrap();
    let mut shown = BTreeSet::new();
    for action in of_braze() {
        let endpoint = &contract[&action.path];
        assert_eq!(endpoint["method"], action.method.word(), "{}", action.path);
        let mut schema = endpoint["body"].clone();
        close(&mut schema);
        let withs = (0..120).flat_map(|n| shapes(&action.id, n));
        let calls: Vec<Call> = withs.map(|with| Call::new(action, &with).unwrap()).collect();

        for request in requests(action, &calls) {
            let request: Vec<&Call> = request.into_iter().map(|index| &calls[index]).collect();
            let places = match action.method {
                Method::Post => differences(&schema, &serde_json::from_slice(&body(&request)).unwrap()),
                Method::Get | Method::Put | Method::Delete => {
                    let address = path_and_query(&request);
                    let (path, query) = address.split_once('?').unwrap();
                    assert_eq!(path, action.path);
                    let names = query.split('&').map(|pair| pair.split_once('=').unwrap().0.to_owned());
                    names.filter(|name| endpoint["query"].get(name).is_none()).collect()
                }
            };
            for place in places {
                let known = GAPS.iter().any(|(path, gap, _)| *path == action.path && *gap == place);
                assert!(known, "{} differs from the contract at {place}", action.path);
                shown.insert((action.path.as_str(), place));
            }
        }
    }
    for (path, place, reason) in GAPS {
        assert!(
            shown.contains(&(*path, (*place).to_owned())),
            "{path} {place} ({reason}) is no gap any more"
        );
    }
}

#[test]
fn every_member_the_contract_knows_is_one_we_take_or_leave_on_purpose() {
    // Dropped from the endpoint's page since; still sent by older clients.
    let left = [("/users/identify", "merge_behavior")];
    let contract: Value = serde_json::from_str(include_str!("contract/braze.json")).unwrap();
    for action in of_braze() {
        let endpoint = &contract[&action.path];
        let named =
            endpoint["body"]["properties"].as_object().or_else(|| endpoint["query"].as_object()).unwrap();
        for name in named.keys() {
            let known = action.fields.contains_key(name) || left.contains(&(&action.path, name));
            assert!(known, "{} does not take `{name}`", action.path);
        }
    }
}
