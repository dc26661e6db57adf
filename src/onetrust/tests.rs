//! Answers of OneTrust in all their shapes become the records they should.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::event::{self, EventError};
use super::*;
use crate::request::{Kind, Request, Warnings};
use crate::workflow::{ConsentRules, Identifier, SubtaskRules};

fn erasures() -> SubtaskRules {
    SubtaskRules {
        names: vec!["Delete from Braze".to_owned()],
        request_types: vec!["Erasure".to_owned()],
        identifiers: [(Identifier::ExternalId, "Customer number".to_owned())].into_iter().collect(),
        ..SubtaskRules::default()
    }
}

fn subtask() -> Subtask {
    Subtask::read(&json!({
        "subTaskId": "3a60d96a-3514-4811-a8b8-d7b5df55435e", "subTaskName": "Delete from Braze",
        "subTaskStatus": "In Progress", "subTaskType": "MANUAL", "requestQueueRefId": "SL244HWD6D",
        "requestQueueId": "da229a24-d0fc-4610-87ec-d311cfc257e5", "requestTypes": ["Erasure"],
        "subTaskDeadline": "2026-12-20T00:00:00.000Z", "currentRequestStage": "IN_PROGRESS",
        "requesterEmail": "a@example.com",
    }))
    .unwrap()
}

fn request() -> Value {
    json!({
        "requestQueueRefId": "SL244HWD6D", "requestQueueId": "da229a24-d0fc-4610-87ec-d311cfc257e5",
        "firstName": "Ana", "lastName": "Ž", "email": "Ana+x@Example.com ", "status": "In progress",
        "requestTypes": ["Erasure"], "language": "fr-fr", "countryCode": "FR",
        "deadline": "2026-12-15T12:00:00", "dateCreated": "2026-11-15T12:49:47.983Z",
        "additionalStatuses": "ACTIVE",
        "additionalData": "{\"Customer number\":\"other\"}",
        "requestAdditionalData": {"Customer number": "007\u{0}", "State": "GA"},
        "multiselectFields": {"Brands": ["A", "B"]},
        "legalDeadLineInfo": {"testRequest": false, "currentStage": "In progress"},
    })
}

/// What a changed request comes to.
fn with(change: impl FnOnce(&mut Value)) -> Judged {
    let mut request = request();
    change(&mut request);
    judge(&erasures(), &subtask(), &request)
}

/// The record as JSON, after `request` has accepted it without a warning.
fn read(judged: &Judged) -> Value {
    let Judged::Start(record) = judged else { panic!("{judged:?}") };
    let mut warnings = Warnings::default();
    let request = Request::parse(record.line(), &mut warnings).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(request.id.as_deref(), Some(record.id()));
    serde_json::from_slice(record.line()).unwrap()
}

#[test]
fn a_subtask_and_its_request_become_a_request_record() {
    let judged = judge(&erasures(), &subtask(), &request());

    let record = read(&judged);
    assert_eq!(
        record,
        json!({
            "id": "subtask:3a60d96a-3514-4811-a8b8-d7b5df55435e", "kind": "deletion",
            "received_at": "2026-11-15T12:49:47.983Z", "due_at": "2026-12-15T12:00:00Z",
            "subject": {
                "external_id": "007\u{0}", "email": "Ana+x@Example.com ", "first_name": "Ana",
                "last_name": "Ž", "country": "FR", "language": "fr-fr",
            },
            "fields": {"Customer number": "007\u{0}", "State": "GA", "Brands": ["A", "B"]},
            "source": {
                "system": "onetrust", "ref": "SL244HWD6D",
                "subtask_id": "3a60d96a-3514-4811-a8b8-d7b5df55435e",
                "request_id": "da229a24-d0fc-4610-87ec-d311cfc257e5",
                "subtask_name": "Delete from Braze", "subtask_type": "MANUAL",
            },
        })
    );
}

#[test]
fn custom_fields_are_read_from_the_text_when_the_map_is_absent() {
    let judged = with(|request| {
        request["requestAdditionalData"] = Value::Null;
    });

    assert_eq!(read(&judged)["subject"]["external_id"], "other");
}

#[test]
fn an_identifier_that_is_a_number_is_not_converted_but_refused() {
    let judged = with(|request| request["requestAdditionalData"] = json!({"Customer number": 7}));

    let Judged::Start(record) = judged else { panic!("{judged:?}") };
    assert!(Request::parse(record.line(), &mut Warnings::default()).is_err());
}

#[test]
fn each_reason_against_a_request_has_its_word() {
    let word = |judged: Judged| match judged {
        Judged::Skip(reason) => reason.word(),
        Judged::Start(_) => "start",
    };
    for (member, value, expected) in [
        ("status", json!("Verifying identity"), "not_verified"),
        ("status", json!("UNVERIFIED"), "not_verified"),
        ("status", json!("New"), "wrong_stage"),
        ("status", json!("COMPLETE"), "already_closed"),
        ("status", json!("Legal hold"), "start"),
        ("dateCompleted", json!("2019-05-31T12:43:24.173Z"), "already_closed"),
        ("additionalStatuses", json!("Paused"), "deadline_paused"),
        ("legalDeadLineInfo", json!({"testRequest": true}), "test_request"),
        ("legalDeadLineInfo", json!({"testRequest": "true"}), "test_request"),
        ("requestTypes", json!(["Access"]), "wrong_type"),
        ("requestTypes", json!(["Access, Erasure"]), "start"),
        ("requestTypes", json!([]), "start"),
    ] {
        assert_eq!(word(with(|request| request[member] = value.clone())), expected, "{member} {value}");
    }
    let of = |change: fn(&mut Subtask)| {
        let mut subtask = subtask();
        change(&mut subtask);
        word(judge(&erasures(), &subtask, &request()))
    };
    assert_eq!(of(|subtask| subtask.name = Some("Delete from Brazil".to_owned())), "wrong_name");
    assert_eq!(of(|subtask| subtask.status = Some("Completed".to_owned())), "already_closed");
    assert_eq!(of(|subtask| subtask.status = Some("READY_FOR_REVIEW".to_owned())), "in_review");
    assert_eq!(of(|subtask| subtask.status = Some("FAILED".to_owned())), "failed");
    assert_eq!(of(|subtask| subtask.status = Some("Erledigt".to_owned())), "unknown_status");
}

#[test]
fn a_trigger_takes_the_stages_tests_and_pauses_that_it_names() {
    let rules = SubtaskRules {
        stages: vec!["legal_hold".to_owned()],
        take_test_requests: true,
        take_paused_requests: true,
        ..erasures()
    };
    let mut asked = request();
    asked["status"] = json!("Legal hold");
    asked["legalDeadLineInfo"] = json!({"testRequest": true, "additionalStatuses": "10"});

    assert!(matches!(judge(&rules, &subtask(), &asked), Judged::Start(_)));
    assert_eq!(judge(&rules, &subtask(), &request()), Judged::Skip(Reason::WrongStage));
}

#[test]
fn a_request_that_asks_for_several_things_is_no_deletion_unless_the_trigger_says_which_counts() {
    let both = || with(|request| request["requestTypes"] = json!(["Erasure", "Access"]));
    assert_eq!(read(&both())["kind"], Kind::Deletion.word());

    let mut asked = request();
    asked["requestTypes"] = json!(["Erasure", "Access"]);
    let any = SubtaskRules { request_types: Vec::new(), ..erasures() };
    assert_eq!(read(&judge(&any, &subtask(), &asked))["kind"], Kind::Other.word());
}

fn by_email() -> ConsentRules {
    ConsentRules::default()
}

fn person() -> Value {
    json!({
        "Id": "1b1f53d3", "Identifier": "a@example.com", "Language": "en-us", "LinkToken": "secret-link",
        "LastUpdatedDate": "2020-01-12T16:11:25.479Z", "TestDataSubject": false,
        "DataElements": [
            {"Name": "Customer number", "Value": ["u-1"]}, {"Name": "Phones", "Value": ["1", "2"]},
        ],
        "Purposes": [
            {"Id": "P-2", "Name": "Post", "Status": "NOT_OPTED_OUT", "WithdrawalDate": "2020-01-02T00:00:00Z",
             "ConsentDate": "2020-01-01T00:00:00Z"},
            {"Id": "P-1", "Name": "E-mail", "Status": "WITHDRAWN", "LastUpdatedDate": "2020-01-05T11:34:30.974Z",
             "LastTransactionDate": "2020-01-04T00:00:00Z",
             "Topics": [{"Id": "t2", "Name": "Vans", "IsConsented": false}, {"Id": "t1", "IsConsented": true}],
             "CustomPreferences": [{"Id": "c1", "Name": "How often",
                                    "Options": [{"Id": "o1", "Name": "Weekly", "IsConsented": false}]}]},
        ],
    })
}

#[test]
fn a_person_of_the_first_version_is_one_record_with_all_purposes() {
    let rules = ConsentRules {
        data_elements: [
            (Identifier::ExternalId, "Customer number".to_owned()),
            (Identifier::Phone, "Phones".to_owned()),
        ]
        .into_iter()
        .collect(),
        ..by_email()
    };

    let record = read(&consent_v1::judge(&rules, &person()));

    assert_eq!(
        record["subject"],
        json!({"email": "a@example.com", "external_id": "u-1", "language": "en-us"})
    );
    assert_eq!(
        record["consents"],
        json!([
            {"purpose_id": "P-1", "purpose": "E-mail", "status": "WITHDRAWN",
             "topics": [{"id": "t1", "consented": true}, {"id": "t2", "name": "Vans", "consented": false}],
             "preferences": [{"id": "c1", "name": "How often",
                              "options": [{"id": "o1", "name": "Weekly", "consented": false}]}],
             "updated_at": "2020-01-05T11:34:30.974Z"},
            {"purpose_id": "P-2", "purpose": "Post", "status": "NOT_OPTED_OUT",
             "updated_at": "2020-01-02T00:00:00Z"},
        ])
    );
    assert!(!record.to_string().contains("secret-link"));
    assert!(!record["id"].as_str().unwrap().contains("example"));
}

#[test]
fn reading_a_row_again_gives_the_same_record_and_a_change_another() {
    let same = consent_v1::judge(&by_email(), &person());
    let mut in_another_order = person();
    in_another_order["Purposes"].as_array_mut().unwrap().reverse();
    assert_eq!(consent_v1::judge(&by_email(), &in_another_order), same);

    let mut changed = person();
    changed["Purposes"][1]["Status"] = json!("ACTIVE");
    assert_ne!(read(&consent_v1::judge(&by_email(), &changed))["id"], read(&same)["id"]);
}

#[test]
fn a_trigger_takes_only_its_purposes_and_no_test_people() {
    let rules = ConsentRules { purposes: vec!["p-1".to_owned()], ..by_email() };
    let record = read(&consent_v1::judge(&rules, &person()));
    assert_eq!(record["consents"].as_array().unwrap().len(), 1);

    let none = ConsentRules { purposes: vec!["p-9".to_owned()], ..by_email() };
    assert_eq!(consent_v1::judge(&none, &person()), Judged::Skip(Reason::NoPurpose));
    let mut test = person();
    test["TestDataSubject"] = json!(true);
    assert_eq!(consent_v1::judge(&by_email(), &test), Judged::Skip(Reason::TestSubject));
    let mut nobody = person();
    nobody["Identifier"] = json!(" ");
    assert_eq!(consent_v1::judge(&by_email(), &nobody), Judged::Skip(Reason::NoIdentifier));
}

#[test]
fn a_row_of_the_fourth_version_does_not_say_whether_a_topic_was_agreed_to() {
    let row = json!({
        "id": "P-1", "identifier": "u-1", "name": "E-mail", "status": "OPT_OUT",
        "lastUpdatedDate": "2020-01-05T11:34:30.974Z", "topics": [{"id": "t1", "name": "Vans"}],
    });
    let rules = ConsentRules { identifier: Identifier::ExternalId, ..by_email() };

    let record = read(&consent_v4::judge(&rules, &row));

    assert_eq!(record["subject"], json!({"external_id": "u-1"}));
    assert_eq!(
        record["consents"],
        json!([{"purpose_id": "P-1", "purpose": "E-mail", "status": "OPT_OUT",
                "topics": [{"id": "t1", "name": "Vans"}], "updated_at": "2020-01-05T11:34:30.974Z"}])
    );
}

#[test]
fn a_transaction_is_known_by_its_own_id_and_dated_by_the_choice() {
    let row = json!({
        "transactionGuid": "2f726312", "purposeGuid": "P-1", "identifier": "a@example.com",
        "transactionType": "NOTGIVEN", "consentCreationDate": "2024-01-01T00:00:00.000",
        "issueDate": "2025-01-15T10:46:05Z", "topics": [{"topicId": "t1", "transactionType": "OPT_IN"}],
        "customPreferences": [{"id": "c1", "options": ["o1", "o2"],
                               "choices": [{"optionId": "o1", "transactionType": "OPT_OUT"}]}],
    });

    let record = read(&transaction::judge(&by_email(), &row));

    assert_eq!(record["id"], "transaction:2f726312:P-1");
    assert_eq!(
        record["consents"],
        json!([{"purpose_id": "P-1", "status": "NOTGIVEN", "topics": [{"id": "t1", "status": "OPT_IN"}],
                "preferences": [{"id": "c1", "options": [{"id": "o1", "status": "OPT_OUT"}, {"id": "o2"}]}],
                "updated_at": "2024-01-01T00:00:00.000Z"}])
    );
    let mut test = row;
    test["test"] = json!(true);
    assert_eq!(transaction::judge(&by_email(), &test), Judged::Skip(Reason::TestSubject));
}

/// The shape of a captured event, with values of our own.
fn pushed() -> Value {
    json!({
        "eventId": "1afcc0cb-48ee-4a3a-a409-1b20a5399d9e", "eventTime": "2020-01-09T16:35:26.277+0000",
        "eventType": "3010",
        "payload": {
            "dataSubjectGuid": "aa85841a", "dataSubjectEmail": "Somebody@example.com", "newDataSubject": true,
            "parentPrimaryIdentifiers": [{"ParentIdentifier": "parent@example.com"}],
            "contactFields": {"FirstName": "John", "LastName": "Smith", "Password": "password",
                              "Mobile": "1234567890", "Language": "en-GB", "MagicLink": "ceb2uY3u="},
            "profiles": [{
                "purposeId": "3e900659", "collectionPointGuid": "21f16e84", "collectionPointVersion": 1,
                "topics": [{"topicGuid": "6ed69adf", "integrationKey": "fishing", "value": true}],
                "customPreferences": [{"guid": "5d134aee", "name": "Pref", "options": [{"guid": "o1", "name": "One"}]}],
                "profileFields": {"TransactionStatus": "ACTIVE", "LastTransaction": "1543832130",
                                  "LastUpdatedDate": "", "WithdrawalDate": ""},
            }],
        },
        "messageKey": "Somebody@example.com:21f16e84", "messageSequenceNumber": 1580445036773_i64,
        "deDuplicationStrategy": "DISCARD_OLDER",
    })
}

#[test]
fn a_pushed_event_is_a_record_without_the_secrets_of_the_person() {
    let found = event::read(&by_email(), &pushed()).unwrap();

    let record = read(&found.judged);
    assert_eq!(
        record,
        json!({
            "id": "1afcc0cb-48ee-4a3a-a409-1b20a5399d9e", "kind": "consent",
            "occurred_at": "2020-01-09T16:35:26.277Z",
            "subject": {"email": "Somebody@example.com", "first_name": "John", "last_name": "Smith",
                        "language": "en-GB"},
            "consents": [{
                "purpose_id": "3e900659", "status": "ACTIVE",
                "topics": [{"id": "6ed69adf", "key": "fishing", "consented": true}],
                "preferences": [{"id": "5d134aee", "name": "Pref", "options": [{"id": "o1", "name": "One"}]}],
                "updated_at": "2018-12-03T10:15:30Z",
            }],
            "source": {"system": "onetrust"},
        })
    );
    assert_eq!(found.turn.unwrap().number, 1_580_445_036_773);
    assert!(!format!("{found:?}").contains("example.com"));
}

#[test]
fn a_secret_of_the_person_cannot_even_be_asked_for() {
    let asked = [(Identifier::ExternalId, "MagicLink".to_owned()), (Identifier::Phone, "Mobile".to_owned())];
    let rules = ConsentRules { data_elements: asked.into_iter().collect(), ..by_email() };

    let record = read(&event::read(&rules, &pushed()).unwrap().judged);

    assert_eq!(record["subject"]["phone"], "1234567890");
    assert_eq!(record["subject"].get("external_id"), None);
}

#[test]
fn an_event_that_cannot_be_carried_out_is_refused_with_the_way_out() {
    let refused = |change: fn(&mut Value)| {
        let mut event = pushed();
        change(&mut event);
        event::read(&by_email(), &event).unwrap_err()
    };
    assert_eq!(refused(|event| event["referenceMessage"] = json!(true)), EventError::ByReference);
    assert_eq!(refused(|event| event["blobStoreLocation"] = json!("s3://x")), EventError::ByReference);
    assert_eq!(refused(|event| event["isCompressed"] = json!(true)), EventError::Compressed);
    assert_eq!(refused(|event| event["eventType"] = json!("3020")), EventError::OtherType("3020".to_owned()));
    assert_eq!(refused(|event| event["payload"] = json!("…")), EventError::NoPayload);
    assert_eq!(refused(|event| *event = json!([])), EventError::NotAnObject);
}

#[test]
fn an_opt_out_of_everything_is_a_record_even_without_a_profile() {
    let mut event = pushed();
    event["payload"]["profiles"] = json!([]);
    assert_eq!(event::read(&by_email(), &event).unwrap().judged, Judged::Skip(Reason::NoPurpose));

    event["payload"]["unsubscribeAll"] = json!(true);
    let record = read(&event::read(&by_email(), &event).unwrap().judged);
    assert_eq!(record["fields"], json!({"unsubscribe_all": true}));
}

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
        let _ = judge(&SubtaskRules::default(), &Subtask::read(&value).unwrap_or_default(), &other);
        let _ = event::read(&rules, &value);
        for judged in [consent_v1::judge(&rules, &value), consent_v4::judge(&rules, &value), transaction::judge(&rules, &value)] {
            if let Judged::Start(record) = judged {
                prop_assert!(serde_json::from_slice::<Value>(record.line()).is_ok());
            }
        }
        let _ = page::read(value, 2);
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
