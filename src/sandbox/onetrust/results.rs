//! What access requests get back, and the resolutions that requests and subtasks are closed with.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::attachments::is_there;
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::Results;

/// Resolutions: id, title, whether for subtasks, and whether it closes, rejects or completes.
const RESOLUTIONS: [(&str, &str, bool, [bool; 3]); 4] = [
    ("5a1c7e02-63d4-4b8f-9a10-2f6f1f0c0a01", "Request fulfilled", false, [true, false, true]),
    ("5a1c7e02-63d4-4b8f-9a10-2f6f1f0c0a02", "Request rejected", false, [true, true, false]),
    (DONE, "Done", true, [true, false, true]),
    ("5a1c7e02-63d4-4b8f-9a10-2f6f1f0c0a04", "Nothing found", true, [true, false, true]),
];

/// The resolution of a subtask that was carried out.
pub const DONE: &str = "5a1c7e02-63d4-4b8f-9a10-2f6f1f0c0a03";

/// The title of a subtask's resolution.
pub(super) fn subtask_resolution(id: &str) -> Result<&'static str, Refusal> {
    let known = RESOLUTIONS.iter().find(|(known, _, for_subtasks, _)| *for_subtasks && *known == id);
    known
        .map(|(_, title, _, _)| *title)
        .ok_or_else(|| Refusal::bad("resolutionId names no resolution of subtasks"))
}

/// `GET /api/datasubject/v2/resolutions`.
pub(super) fn resolutions(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let with_subtasks = asked.flag("includeSubTaskResolutions");
    let wanted: Vec<_> =
        RESOLUTIONS.iter().filter(|(_, _, for_subtasks, _)| with_subtasks || !for_subtasks).collect();
    let page = Page::cut(&wanted, asked.page(), |(id, title, for_subtasks, [close, reject, complete])| {
        json!({
            "id": id,
            "close": close,
            "reject": reject,
            "complete": complete,
            "type": if *for_subtasks { 20 } else { 10 },
            "titleTranslations": { "en-us": title },
            "descriptionTranslations": {},
        })
    });
    Ok(Reply::json(200, &page.wrapped(shared.manner().envelope)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewResults {
    system: String,
    #[serde(default)]
    results: Map<String, Value>,
    #[serde(rename = "unstructuredResults", default)]
    unstructured: Vec<Unstructured>,
    #[serde(default)]
    attachments: Vec<ResultFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unstructured {
    #[serde(rename = "type")]
    kind: String,
    status: Option<String>,
    key: String,
    value: String,
    #[serde(rename = "isRedact")]
    is_redact: Option<bool>,
    attributes: Option<indexmap::IndexMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultFile {
    #[serde(rename = "fileName")]
    file_name: Option<String>,
    #[serde(rename = "fileId")]
    file_id: Option<String>,
    #[serde(rename = "isRedact")]
    is_redact: Option<bool>,
    redact: Option<bool>,
    #[serde(rename = "emlAttachmentMetadata")]
    mail: Option<Value>,
}

/// `POST /api/datasubject/v2|v3/datadiscovery/requestqueues/{requestQueueRefId}`.
pub(super) fn add(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let body: NewResults = asked.json()?;
    if !body.results.values().all(Value::is_object) {
        return Err(Refusal::bad("results must be a map of groups to maps"));
    }
    let mut world = shared.world();
    for file in &body.attachments {
        is_there(&world, file.file_id.as_deref().unwrap_or_default())?;
    }
    let group_id = world.draw_id();
    let unstructured = |one: &Unstructured| {
        json!({ "type": one.kind, "status": one.status, "key": one.key, "value": one.value,
                "isRedact": one.is_redact, "attributes": one.attributes })
    };
    let file = |one: &ResultFile| {
        json!({ "fileName": one.file_name, "fileId": one.file_id, "isRedact": one.is_redact.or(one.redact),
                "emlAttachmentMetadata": one.mail })
    };
    let kept = json!({
        "results": body.results,
        "unstructuredResults": body.unstructured.iter().map(unstructured).collect::<Value>(),
        "attachments": body.attachments.iter().map(file).collect::<Value>(),
    });
    let request = world.request_mut(asked.value(0)).ok_or_else(|| Refusal::unknown("The request"))?;
    request.results.push(Results { group_id, system: body.system.clone(), body: kept });
    request.updated_ms = by.0;
    let about = (Some(request.reference.clone()), None);
    world.note(by, "results.added", about, &body.system, None);
    Ok(Reply::nothing())
}

/// `GET /api/datasubject/v2/datadiscovery/requestqueues/{requestQueueRefId}`.
pub(super) fn groups(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let request = world.request(asked.value(0)).ok_or_else(|| Refusal::unknown("The request"))?;
    let group = |(order, results): (usize, &Results)| json!({ "groupName": results.system, "groupOrder": order, "groupId": results.group_id });
    Ok(Reply::json(200, &request.results.iter().enumerate().map(group).collect()))
}
