//! `POST /users/alias/new`: another name for a person, or a person known by an alias only.

use serde::Deserialize;
use serde_json::json;

use super::reply::{Answer, Reply, Text, decoded};
use super::shared::Shared;
use super::world::{Alias, Who};

/// Most aliases of a request.
const MAX_ALIASES: usize = 50;

/// An alias as requests write it.
#[derive(Deserialize)]
pub(super) struct UserAlias<'a> {
    #[serde(borrow)]
    pub alias_name: Text<'a>,
    #[serde(borrow)]
    pub alias_label: Text<'a>,
}

impl UserAlias<'_> {
    /// Whom the alias names.
    pub fn who(&self) -> Who<'_> {
        Who::Alias { name: &self.alias_name, label: &self.alias_label }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    user_aliases: Vec<New<'a>>,
}

#[derive(Deserialize)]
struct New<'a> {
    #[serde(borrow)]
    external_id: Option<Text<'a>>,
    #[serde(borrow)]
    alias_name: Text<'a>,
    #[serde(borrow)]
    alias_label: Text<'a>,
}

/// Answers one request. An external id that nobody has changes nothing; without one, a new profile
/// gets the alias (Braze docs, "Create new user aliases").
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    if body.user_aliases.is_empty() {
        return Err(Reply::refused("'user_aliases' is required"));
    }
    if body.user_aliases.len() > MAX_ALIASES {
        return Err(Reply::refused("The max number of user_aliases per request was exceeded"));
    }
    let mut world = shared.world_at(now_ms);
    for new in &body.user_aliases {
        let who = Who::Alias { name: &new.alias_name, label: &new.alias_label };
        match &new.external_id {
            Some(id) => {
                if let Some(place) = world.find(Who::ExternalId(id)) {
                    let alias = Alias { name: (*new.alias_name).into(), label: (*new.alias_label).into() };
                    world.add_alias(place, alias);
                    world.touch(place);
                }
            }
            None if world.find(who).is_none() => {
                world.create(who, now_ms);
            }
            None => {}
        }
    }
    Ok(Reply::json(201, &json!({ "aliases_processed": body.user_aliases.len(), "message": "success" })))
}
