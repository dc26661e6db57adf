//! Actions of OneTrust that a workflow places itself.

use serde_json::json;

use crate::portal::{Stage, subtask};

const ACCESS: &str = r#"
workflow: access
on: { file: { kinds: [deletion] } }
steps:
  - id: look
    uses: onetrust/subtask.get
    with: { subtask_id: "{{ request.source.subtask_id }}" }
  - assert: steps.look.output.status == "OPEN"
  - id: upload
    uses: onetrust/attachment.upload
    with:
      file_name: data.txt
      content: "{{ json subject }}"
      ref_ids: [00000000-0000-4000-8000-000000000001]
  - id: complete
    uses: onetrust/subtask.complete
    with:
      subtask_id: "{{ request.source.subtask_id }}"
      comment: "Here it is: {{ subject.email }} <b>"
      attachments: [{ file_name: data.txt, file_id: "{{ steps.upload.output.Id }}" }]
"#;

#[test]
fn a_file_is_uploaded_as_a_form_and_attached_to_the_completion() {
    let stage = Stage::new(ACCESS);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.asked(), ["GET 7f3c", "POST attachments", "PUT complete"]);
    let requests = stage.portal.requests();
    let head = requests[1].head.to_lowercase();
    assert!(head.contains("content-type: multipart/form-data; boundary="), "{head}");
    assert_eq!(head.matches("content-type:").count(), 1, "{head}");
    let body = String::from_utf8(requests[1].body.clone()).unwrap();
    assert!(body.contains("marker@example.com") && body.contains(r#""Type":30"#), "{body}");
    let expected = json!({"comment": "Here it is: ‹redacted› &lt;b&gt;", "markAsComplete": true,
        "attachments": [{"fileName": "data.txt", "fileId": "f-1"}]});
    assert_eq!(requests[2].json(), expected);
    assert!(!stage.folder.store_bytes().contains("marker@example.com"));
}

#[test]
fn a_request_without_what_a_path_needs_fails_and_asks_for_nothing() {
    let stage = Stage::new(ACCESS);
    let mut record = subtask();
    record["source"]["subtask_id"] = json!("../../evil");
    stage.folder.requests([record]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
    assert!(stage.portal.requests().is_empty());
}
