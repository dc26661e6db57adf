//! `GET /subscription/status/get` and `GET /subscription/user/status`: what the groups hold.
//!
//! Both show the group's own state, whatever the global one says, and lists come as `name[]=`
//! (Braze docs, "List user's subscription group status").

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::reply::{Answer, Reply};
use super::shared::Shared;
use super::world::{Membership, Place, Who, World};

/// Most ids of a request.
const MAX_IDS: usize = 50;

/// Most users of one page.
const MAX_PAGE: usize = 100;

struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    fn of(query: &'a str) -> Query<'a> {
        Query(url::form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// Every value of a name, written with or without brackets.
    fn all(&self, name: &str) -> Vec<&str> {
        let matches = |key: &str| key.strip_suffix("[]").unwrap_or(key) == name;
        self.0.iter().filter(|(key, _)| matches(key)).map(|(_, value)| &**value).collect()
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Reply> {
        let Some(text) = self.all(name).first().copied() else { return Ok(default) };
        text.parse().map_err(|_| Reply::refused("'limit' and 'offset' must be whole numbers"))
    }

    /// Whom the query names; external ids win over addresses.
    fn people(&self) -> Result<Vec<(&str, Who<'_>)>, Reply> {
        let external_ids = self.all("external_id");
        let (emails, phones) = (self.all("email"), self.all("phone"));
        let people: Vec<(&str, Who<'_>)> = if !external_ids.is_empty() {
            external_ids.into_iter().map(|id| (id, Who::ExternalId(id))).collect()
        } else if !emails.is_empty() && !phones.is_empty() {
            return Err(Reply::refused(
                "Either an email address or a phone number should be provided, but not both.",
            ));
        } else if !emails.is_empty() {
            emails.into_iter().map(|email| (email, Who::Email(email))).collect()
        } else {
            phones.into_iter().map(|phone| (phone, Who::Phone(phone))).collect()
        };
        match people.len() {
            0 => Err(Reply::refused("An external id, an email address or a phone number is required")),
            count if count > MAX_IDS => Err(Reply::refused("The max number of ids per request was exceeded")),
            _ => Ok(people),
        }
    }
}

/// Answers `/subscription/status/get`: the state of one group for the people of the query.
pub(super) fn status(shared: &Shared, query: &str, now_ms: i64) -> Answer {
    let query = Query::of(query);
    let ids = query.all("subscription_group_id");
    let id = ids.first().filter(|id| shared.groups.has(id));
    let id = id.ok_or_else(|| Reply::refused("Invalid subscription group ID"))?;
    let people = query.people()?;
    let world = shared.world_at(now_ms);
    let group = world.group_names.known(id);
    let mut states = Map::new();
    for (named, who) in people {
        let of_profile = |place| world.profile(place)?.membership(group?);
        let state = match world.find(who) {
            Some(place) => of_profile(place),
            None => group.and_then(|group| world.kept_group(who, group, now_ms)),
        };
        states.insert(named.to_owned(), json!(state.map_or("unknown", capitalised)));
    }
    Ok(Reply::json(200, &json!({ "status": states, "message": "success" })))
}

/// Answers `/subscription/user/status`: every group that the people of the query ever changed.
pub(super) fn groups(shared: &Shared, query: &str, now_ms: i64) -> Answer {
    let query = Query::of(query);
    let (limit, offset) = (query.number("limit", MAX_PAGE)?, query.number("offset", 0)?);
    if limit > MAX_PAGE {
        return Err(Reply::refused("'limit' must be at most 100"));
    }
    let world = shared.world_at(now_ms);
    let mut places: Vec<Place> = Vec::new();
    for (_, who) in query.people()? {
        match who {
            Who::Email(email) => places.extend(world.email_holders(email)),
            Who::Phone(phone) => places.extend(world.phone_holders(phone)),
            Who::ExternalId(_) | Who::Alias { .. } | Who::BrazeId(_) => places.extend(world.find(who)),
        }
    }
    let users: Vec<Value> =
        places.iter().skip(offset).take(limit).filter_map(|place| user(&world, *place)).collect();
    Ok(Reply::json(200, &json!({ "users": users, "total_count": places.len(), "message": "success" })))
}

fn user(world: &World, place: Place) -> Option<Value> {
    let profile = world.profile(place)?;
    let group = |(number, state): &(u32, Membership)| {
        let id = world.group_names.text(*number);
        json!({ "id": id, "name": id, "channel": "email", "status": capitalised(*state) })
    };
    let groups: Vec<Value> = profile.groups.iter().map(group).collect();
    Some(json!({
        "email": profile.email.as_deref(),
        "phone": profile.phone.as_deref(),
        "external_id": profile.external_id.as_deref(),
        "subscription_groups": groups,
    }))
}

fn capitalised(state: Membership) -> &'static str {
    match state {
        Membership::Subscribed => "Subscribed",
        Membership::Unsubscribed => "Unsubscribed",
    }
}
