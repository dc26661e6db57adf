//! `POST /users/delete`: one of five arrays, at most 50 entries, deleted after a lag.
//!
//! `deleted` counts what was queued, found or not. An address that still fits several profiles after
//! `prioritization` deletes nothing and says nothing (Braze docs, "Delete users").

use serde::Deserialize;
use serde_json::json;

use super::alias::UserAlias;
use super::reply::{Answer, Reply, Text, decoded};
use super::shared::Shared;
use super::world::{Place, Priority, Who, World};

/// Most entries of the array.
const MAX_IDS: usize = 50;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    external_ids: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    braze_ids: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    user_aliases: Option<Vec<UserAlias<'a>>>,
    #[serde(borrow)]
    email_addresses: Option<Vec<Email<'a>>>,
    #[serde(borrow)]
    phone_numbers: Option<Vec<Phone<'a>>>,
}

#[derive(Deserialize)]
struct Email<'a> {
    #[serde(borrow)]
    email: Text<'a>,
    #[serde(borrow)]
    prioritization: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
struct Phone<'a> {
    #[serde(borrow)]
    phone: Text<'a>,
    #[serde(borrow)]
    prioritization: Option<Vec<Text<'a>>>,
}

/// What one entry names.
enum Named<'a> {
    One(Who<'a>),
    Narrowed(Who<'a>, Vec<Priority>),
}

/// Answers one request.
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    let named = named(&body)?;
    if named.len() > MAX_IDS {
        return Err(Reply::refused("The max number of ids per request was exceeded"));
    }
    let mut world = shared.world_at(now_ms);
    for entry in &named {
        if let Some(place) = found(&world, entry) {
            world.doom(place, now_ms);
        }
    }
    Ok(Reply::json(201, &json!({ "deleted": named.len(), "message": "success" })))
}

/// Has everybody come back whom a request is about to erase.
pub(super) fn come_back(shared: &Shared, body: &[u8], after_ms: u64, now_ms: i64) {
    let body: Result<Body<'_>, Reply> = decoded(body);
    let Ok(body) = body else { return };
    let Ok(named) = named(&body) else { return };
    let at_ms = now_ms.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX));
    let mut world = shared.world_at(now_ms);
    for entry in &named {
        if let Some(place) = found(&world, entry) {
            world.comes_back(place, at_ms);
        }
    }
}

fn named<'a>(body: &'a Body<'_>) -> Result<Vec<Named<'a>>, Reply> {
    let external = body.external_ids.as_ref().map(|ids| {
        let ids = ids.iter().map(|id| Ok(Named::One(Who::ExternalId(id))));
        ids.collect::<Result<Vec<_>, Reply>>()
    });
    let braze =
        body.braze_ids.as_ref().map(|ids| ids.iter().map(|id| Ok(Named::One(Who::BrazeId(id)))).collect());
    let aliases =
        body.user_aliases.as_ref().map(|aliases| aliases.iter().map(|a| Ok(Named::One(a.who()))).collect());
    let emails = body.email_addresses.as_ref().map(|entries| {
        let entry = |entry: &'a Email<'_>| {
            let order = priorities(entry.prioritization.as_deref(), Ages::NewestOnly)?;
            Ok(Named::Narrowed(Who::Email(&entry.email), order))
        };
        entries.iter().map(entry).collect()
    });
    let phones = body.phone_numbers.as_ref().map(|entries| {
        let entry = |entry: &'a Phone<'_>| {
            let order = priorities(entry.prioritization.as_deref(), Ages::NewestOnly)?;
            Ok(Named::Narrowed(Who::Phone(&entry.phone), order))
        };
        entries.iter().map(entry).collect()
    });
    let mut arrays = [external, braze, aliases, emails, phones].into_iter().flatten();
    match (arrays.next(), arrays.next()) {
        (Some(array), None) => match array? {
            entries if entries.is_empty() => Err(Reply::refused("No ids were provided")),
            entries => Ok(entries),
        },
        _ => Err(Reply::refused(
            "Exactly one of 'external_ids', 'braze_ids', 'user_aliases', 'email_addresses' or 'phone_numbers' is required",
        )),
    }
}

/// Which words about age an endpoint knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ages {
    /// `most_recently_updated` only.
    NewestOnly,
    /// Also `least_recently_updated`.
    NewestAndOldest,
}

/// The checked words of `prioritization`, which must be there.
pub(super) fn priorities(words: Option<&[Text<'_>]>, ages: Ages) -> Result<Vec<Priority>, Reply> {
    let malformed = || Reply::refused("'prioritization' is missing or not valid");
    let words = words.filter(|words| !words.is_empty()).ok_or_else(malformed)?;
    let order: Option<Vec<Priority>> = words.iter().map(|word| Priority::of(word)).collect();
    let order = order.ok_or_else(malformed)?;
    let contradicts = order.contains(&Priority::Identified) && order.contains(&Priority::Unidentified)
        || order.contains(&Priority::LeastRecentlyUpdated)
            && (ages == Ages::NewestOnly || order.contains(&Priority::MostRecentlyUpdated));
    if contradicts { Err(malformed()) } else { Ok(order) }
}

fn found(world: &World, entry: &Named<'_>) -> Option<Place> {
    match entry {
        Named::One(who) => world.find(*who),
        Named::Narrowed(Who::Email(email), order) => world.narrowed(world.email_holders(email), order),
        Named::Narrowed(Who::Phone(phone), order) => world.narrowed(world.phone_holders(phone), order),
        Named::Narrowed(who @ (Who::ExternalId(_) | Who::Alias { .. } | Who::BrazeId(_)), _) => {
            world.find(*who)
        }
    }
}
