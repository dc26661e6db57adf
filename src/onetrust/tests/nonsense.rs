//! What nobody would send.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::consents::{by_email, person};
use super::read;
use super::requests::{erasures, request, subtask};
use crate::onetrust::{Judged, Subtask, consent_v1, consent_v4, event, judge, page, transaction};
use crate::workflow::SubtaskRules;

/// JSON of the members that are read, with values of every type.
fn nonsense() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "subTaskId",
        "status",
        "requestTypes",
        "deadline",
        "legalDeadLineInfo",
        "requestAdditionalData",
        "additionalData",
        "multiselectFields",
        "Customer number",
        "Identifier",
        "Purposes",
        "DataElements",
        "Name",
        "Value",
        "Topics",
        "Status",
        "LastUpdatedDate",
        "identifier",
        "id",
        "topics",
        "payload",
        "profiles",
        "profileFields",
        "LastTransaction",
        "customPreferences",
        "options",
        "choices",
        "content",
        "pageable",
        "requestContinuation",
        "eventType",
        "messageSequenceNumber",
        "messageKey",
        "transactionType",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2020-01-05T11:34:30.974Z")),
        Just(json!("{\"a\":1}")),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_nonsense_makes_anything_panic(value in nonsense(), other in nonsense()) {
        let rules = by_email();
        drop(judge(&SubtaskRules::default(), &Subtask::read(&value).unwrap_or_default(), &other));
        drop(event::read(&rules, &value));
        for judged in [consent_v1::judge(&rules, &value), consent_v4::judge(&rules, &value), transaction::judge(&rules, &value)] {
            if let Judged::Start(record) = judged {
                prop_assert!(serde_json::from_slice::<Value>(record.line()).is_ok());
            }
        }
        drop(page::read(value, 2));
    }

    #[test]
    fn an_identifier_travels_byte_for_byte(identifier in "\\PC{0,20}[^\\s].{0,5}") {
        let mut row = person();
        row["Identifier"] = json!(identifier);
        let record = read(&consent_v1::judge(&by_email(), &row));
        prop_assert_eq!(record["subject"]["email"].as_str(), Some(identifier.as_str()));

        let mut asked = request();
        asked["requestAdditionalData"]["Customer number"] = json!(identifier);
        let record = read(&judge(&erasures(), &subtask(), &asked));
        prop_assert_eq!(record["subject"]["external_id"].as_str(), Some(identifier.as_str()));
    }
}
