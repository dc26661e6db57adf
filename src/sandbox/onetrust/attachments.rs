//! `POST /api/document/v2/attachments`: a file and, as JSON beside it, what it is for.
//!
//! The file type must be one that the documented answer can name. The answer's `Id` is what comments
//! and results name as `fileId` (OneTrust's OpenAPI, fileUpload).

use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::form::{self, Part};
use super::moment;
use super::parameters::is_uuid;
use super::reply::{Answer, Refusal, Reply, decoded};
use super::shared::Shared;
use super::world::World;

/// Extensions of files that are taken.
const FILE_TYPES: [&str; 8] = ["pdf", "doc", "docx", "txt", "png", "jpg", "jpeg", "csv"];

/// What a file may be for; 30 is a data subject's request.
const USES: [u32; 21] =
    [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210];

/// The largest file.
const MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    #[serde(rename = "FileName")]
    file_name: String,
    #[serde(rename = "RefIds")]
    refs: Vec<String>,
    #[serde(rename = "Type")]
    kind: u32,
    #[serde(rename = "IsInternal", default)]
    is_internal: bool,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "Comments")]
    comments: Option<String>,
    /// Told of, and of no consequence here.
    #[serde(rename = "Encrypt")]
    _encrypt: Option<bool>,
}

/// Answers one request.
pub(super) fn upload(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let parts = form::parts(asked.content_type(), asked.body())?;
    let part = |name: &str| -> Result<&Part<'_>, Refusal> {
        let missing = || Refusal::bad(format!("the part {name} is missing"));
        parts.iter().find(|part| part.name == name).ok_or_else(missing)
    };
    let (file, details) = (part("file")?, part("attachment")?);
    let details: Details = decoded(details.data)?;
    let extension = details.file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let Some(extension) = extension.filter(|it| FILE_TYPES.contains(&it.as_str())) else {
        return Err(Refusal::bad("The type of the file is not supported"));
    };
    if file.file_name.is_none() || file.data.is_empty() || file.data.len() > MAX_BYTES {
        return Err(Refusal::bad("file must be a file of 1 byte to 64 MB"));
    }
    if !USES.contains(&details.kind) || details.refs.is_empty() || !details.refs.iter().all(|id| is_uuid(id))
    {
        return Err(Refusal::bad("Type must be a documented number and RefIds a list of UUIDs"));
    }
    let mut world = shared.world();
    let id = world.draw_id();
    world.files.insert(id.clone(), details.file_name.clone());
    let owner = world.requests.iter().find(|request| details.refs.contains(&request.id));
    let about = (owner.map(|request| request.reference.clone()), None);
    world.note(by, "file.uploaded", about, &details.file_name, None);
    let mut reply = json!({
        "Id": id,
        "Name": details.name.unwrap_or_else(|| details.file_name.clone()),
        "FileName": details.file_name,
        "FileSize": file.data.len(),
        "FileType": extension,
        "CreatedBy": by.1,
        "CreatedDT": moment::shown(by.0),
        "Type": details.kind,
        "RefId": details.refs.first(),
        "IsInternal": details.is_internal,
    });
    if let Some(comments) = details.comments {
        reply["Comments"] = Value::String(comments);
    }
    Ok(Reply::json(201, &reply))
}

/// A file that something names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attached {
    #[serde(rename = "fileName")]
    file_name: String,
    #[serde(rename = "fileId")]
    file_id: String,
    #[serde(rename = "statusId")]
    _status: Option<i64>,
    #[serde(rename = "resourcePath")]
    _path: Option<String>,
}

/// Names and ids of files that were uploaded before.
pub(super) fn named(world: &World, attached: Vec<Attached>) -> Result<Vec<(String, String)>, Refusal> {
    let check = |one: Attached| {
        if one.file_name.is_empty() || one.file_name.chars().count() > 200 {
            return Err(Refusal::bad("fileName must have 1 to 200 characters"));
        }
        is_there(world, &one.file_id)?;
        Ok((one.file_name, one.file_id))
    };
    attached.into_iter().map(check).collect()
}

/// Refuses a file that was never uploaded.
pub(super) fn is_there(world: &World, file_id: &str) -> Result<(), Refusal> {
    if world.files.contains_key(file_id) {
        Ok(())
    } else {
        Err(Refusal::bad("fileId names no uploaded file"))
    }
}
