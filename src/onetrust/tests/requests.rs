//! Subtasks with their requests.

use serde_json::{Value, json};

use super::read;
use crate::onetrust::{Judged, Reason, Subtask, judge};
use crate::request::{Kind, Request, Warnings};
use crate::workflow::{Identifier, SubtaskRules};

pub(super) fn erasures() -> SubtaskRules {
    SubtaskRules {
        names: vec!["Delete from Braze".to_owned()],
        request_types: vec!["Erasure".to_owned()],
        identifiers: [(Identifier::ExternalId, "Customer number".to_owned())].into_iter().collect(),
        ..SubtaskRules::default()
    }
}

pub(super) fn subtask() -> Subtask {
    Subtask::read(&json!({
        "subTaskId": "3a60d96a-3514-4811-a8b8-d7b5df55435e", "subTaskName": "Delete from Braze",
        "subTaskStatus": "In Progress", "subTaskType": "MANUAL", "requestQueueRefId": "SL244HWD6D",
        "requestQueueId": "da229a24-d0fc-4610-87ec-d311cfc257e5", "requestTypes": ["Erasure"],
        "subTaskDeadline": "2026-12-20T00:00:00.000Z", "currentRequestStage": "IN_PROGRESS",
        "requesterEmail": "a@example.com",
    }))
    .unwrap()
}

pub(super) fn request() -> Value {
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
