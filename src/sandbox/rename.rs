//! `POST /users/external_ids/rename`: the former id is deprecated and still leads to the person.

use serde::Deserialize;
use serde_json::json;

use super::reply::{Answer, Reply, Text, decoded};
use super::shared::Shared;
use super::world::Who;

/// Most renames of a request.
const MAX_RENAMES: usize = 50;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    external_id_renames: Vec<Rename<'a>>,
}

#[derive(Deserialize)]
struct Rename<'a> {
    #[serde(borrow)]
    current_external_id: Text<'a>,
    #[serde(borrow)]
    new_external_id: Text<'a>,
}

/// Answers one request; each rename stands for itself.
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    if body.external_id_renames.is_empty() || body.external_id_renames.len() > MAX_RENAMES {
        return Err(Reply::refused("'external_id_renames' must have between 1 and 50 entries"));
    }
    let mut world = shared.world_at(now_ms);
    let (mut renamed, mut errors) = (Vec::new(), Vec::new());
    for rename in &body.external_id_renames {
        let (current, new) = (&*rename.current_external_id, &*rename.new_external_id);
        let place = world.find(Who::ExternalId(current));
        let is_primary =
            |place| world.profile(place).is_some_and(|p| p.external_id.as_deref() == Some(current));
        match place.filter(|place| is_primary(*place)) {
            Some(_) if world.find(Who::ExternalId(new)).is_some() => {
                errors.push(json!([new, "is already in use"]));
            }
            Some(place) => {
                world.set_external_id(place, new);
                world.touch(place);
                renamed.push(new);
            }
            None => errors.push(json!([current, "is not a current external id"])),
        }
    }
    Ok(Reply::json(201, &json!({ "message": "success", "external_ids": renamed, "rename_errors": errors })))
}
