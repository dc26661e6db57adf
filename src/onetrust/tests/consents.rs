//! Rows of the lists of consents, and pushed events.

use serde_json::{Value, json};

use super::read;
use crate::onetrust::event::{self, EventError};
use crate::onetrust::{Judged, Reason, consent_v1, consent_v4, transaction};
use crate::workflow::{ConsentRules, Identifier};

pub(super) fn by_email() -> ConsentRules {
    ConsentRules::default()
}

pub(super) fn person() -> Value {
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
