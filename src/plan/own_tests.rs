//! Addresses and bodies of calls that stand alone, with the names of the wire.

use serde_json::{Value, json};

use super::{Call, content_type};
use crate::catalogue::find;

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn call(action: &str, with: Value) -> Call {
    Call::new(find(action).unwrap(), &with).unwrap()
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body()).unwrap()
}

#[test]
fn a_member_of_the_path_stands_there_and_the_others_in_the_body_under_their_names() {
    let call = call(
        "onetrust/subtask.complete",
        json!({"subtask_id": ID, "comment": "done", "resolution_id": "r-1",
            "attachments": [{"file_name": "a.txt", "file_id": "f-1"}]}),
    );

    assert_eq!(call.path_and_query(), format!("/api/datasubject/v2/subtasks/{ID}/complete"));
    let expected = json!({"comment": "done", "markAsComplete": true, "resolutionId": "r-1",
        "attachments": [{"fileName": "a.txt", "fileId": "f-1"}]});
    assert_eq!(body(&call), expected);
    assert_eq!(content_type(&[&call]), None);
}

#[test]
fn what_the_workflow_says_stands_in_place_of_what_is_sent_by_itself() {
    let open = call(
        "onetrust/subtask.complete",
        json!({"subtask_id": ID, "comment": "c", "mark_as_complete": false}),
    );
    let shown =
        call("onetrust/request.comment", json!({"request_ref": "AB12", "comment": "c", "internal": false}));
    let kept = call("onetrust/request.comment", json!({"request_ref": "AB12", "comment": "c"}));

    assert_eq!(body(&open)["markAsComplete"], json!(false));
    assert_eq!(body(&shown)["internalComment"], json!(false));
    assert_eq!(body(&kept)["internalComment"], json!(true));
}

#[test]
fn a_read_has_its_arguments_in_path_and_query_and_no_body() {
    let call = call("onetrust/subtask.get", json!({"subtask_id": ID, "include_comments": true}));

    assert_eq!(call.path_and_query(), format!("/api/datasubject/v2/subtasks/{ID}?includeComments=true"));
    assert!(call.body().is_empty());
    assert_eq!(call.bytes(), call.path_and_query().len());
}

#[test]
fn a_member_that_is_the_whole_body_stands_there_alone() {
    let with = json!({"request_ref": "AB12", "fields": {"State": "GA"}, "option_keys_are_names": true});
    let call = call("onetrust/request.custom_fields", with);

    assert_eq!(
        call.path_and_query(),
        "/api/datasubject/v2/requestqueues/AB12/customfields/en-us?mapOptionKeyToNameKey=true"
    );
    assert_eq!(body(&call), json!({"State": "GA"}));
}

#[test]
fn nothing_but_an_id_can_stand_in_a_path() {
    for id in ["../x", "a/b", "a?b", "..", "", "a b", "%2e", "é"] {
        let refusal =
            Call::new(find("onetrust/subtask.get").unwrap(), &json!({"subtask_id": id})).unwrap_err();
        assert_eq!(refusal.code, "bad_value", "{id}");
        assert!(id.is_empty() || !refusal.message.contains(id), "{}", refusal.message);
    }
}

#[test]
fn a_comment_says_in_html_what_it_says_here() {
    let call =
        call("onetrust/request.comment", json!({"request_ref": "A", "comment": "a < b & c\n<script>"}));

    assert_eq!(body(&call)["comment"], json!("a &lt; b &amp; c<br>&lt;script&gt;"));
}

#[test]
fn a_file_travels_as_a_form_whose_parts_cannot_be_confused() {
    let with =
        json!({"file_name": "da\"ta\r\n.txt", "content": "line\r\n--x\r\n", "ref_ids": [ID], "name": "Data"});
    let call = call("onetrust/attachment.upload", with);

    let kind = content_type(&[&call]).unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = String::from_utf8(call.body().to_vec()).unwrap();
    let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
    let [before, json_part, file_part, after] = parts.as_slice() else { panic!("{text}") };
    assert_eq!((*before, *after), ("", "--\r\n"));
    let (head, said) = json_part.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("name=\"attachment\"") && head.contains("Content-Type: application/json"),
        "{head}"
    );
    let said: Value = serde_json::from_str(said).unwrap();
    let expected =
        json!({"FileName": "da\"ta\r\n.txt", "RefIds": [ID], "IsInternal": true, "Name": "Data", "Type": 30});
    assert_eq!(said, expected);
    let (head, content) = file_part.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("name=\"file\"; filename=\"da%22ta%0D%0A.txt\""), "{head}");
    assert!(head.contains("Content-Type: text/plain; charset=utf-8"), "{head}");
    assert_eq!(content, "line\r\n--x\r\n\r\n");
    assert_eq!(text.len(), call.bytes());
}

#[test]
fn whether_a_call_took_effect_is_read_from_how_things_stand() {
    let looked = |action: &str, with: Value, answer: Value| {
        let call = call(action, with);
        call.look().unwrap().took_effect(&answer)
    };
    let complete = || json!({"subtask_id": ID, "comment": "c"});
    assert!(looked("onetrust/subtask.complete", complete(), json!({"status": "Completed"})));
    assert!(!looked("onetrust/subtask.complete", complete(), json!({"status": "IN_PROGRESS"})));
    assert!(!looked("onetrust/subtask.complete", complete(), json!({})));
    let begun = || json!({"subtask_id": ID, "status": "IN_PROGRESS"});
    assert!(looked("onetrust/subtask.status", begun(), json!({"status": "In Progress"})));
    assert!(!looked("onetrust/subtask.status", begun(), json!({"status": "COMPLETED"})));
    let comment = || json!({"request_ref": "AB12", "comment": "It's done & <checked>"});
    let listed =
        |text: &str| json!({"requestV2CommentDtos": [{"commentString": "x"}, {"commentString": text}]});
    let stored = "<p>It&#39;s done &amp; &lt;checked&gt;</p>";
    assert!(!looked("onetrust/request.comment", comment(), listed("<p>It is done</p>")));
    assert!(!looked("onetrust/request.comment", comment(), json!({"requestV2CommentDtos": null})));
    assert!(looked("onetrust/request.comment", comment(), listed(stored)));
    let question = call("onetrust/request.comment", comment());
    assert_eq!(
        question.look().unwrap().call().path_and_query(),
        "/api/datasubject/v2/requestqueues/AB12/language/en-us"
    );
    assert!(
        call("onetrust/request.results", json!({"request_ref": "A", "system": "Braze"})).look().is_none()
    );
}
