//! `POST /subscription/status/set` and its second version: the state of subscription groups.
//!
//! By e-mail or phone every profile with that address changes, and a state for an address without a
//! profile is kept for 30 days (Braze docs, "Update user's subscription group status").

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::email::one_or_many;
use super::reply::{Answer, Reply, Text, decoded};
use super::shared::Shared;
use super::world::{Membership, Who};

/// Most people of a request.
const MAX_USERS: usize = 50;

/// What both versions answer when a request names people by e-mail and by phone.
const NOT_BOTH: &str = "Either an email address or a phone number should be provided, but not both.";

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    subscription_group_id: Text<'a>,
    #[serde(borrow)]
    subscription_state: Text<'a>,
    #[serde(borrow)]
    external_id: Option<&'a RawValue>,
    #[serde(borrow)]
    email: Option<&'a RawValue>,
    #[serde(borrow)]
    phone: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BodyV2<'a> {
    #[serde(borrow)]
    subscription_groups: Vec<Group<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    subscription_group_id: Text<'a>,
    #[serde(borrow)]
    subscription_state: Text<'a>,
    #[serde(borrow, default)]
    external_ids: Vec<Text<'a>>,
    #[serde(borrow, default)]
    emails: Vec<Text<'a>>,
    #[serde(borrow, default)]
    phones: Vec<Text<'a>>,
}

impl Group<'_> {
    fn check(&self, shared: &Shared) -> Result<Membership, Reply> {
        if !shared.groups.has(&self.subscription_group_id) {
            return Err(Reply::refused("Invalid subscription group ID"));
        }
        let state = Membership::of(&self.subscription_state);
        let state = state.ok_or_else(|| Reply::refused("Invalid subscription state"))?;
        if !self.emails.is_empty() && !self.phones.is_empty() {
            return Err(Reply::refused(NOT_BOTH));
        }
        let lists = [&self.external_ids, &self.emails, &self.phones];
        if lists.iter().all(|list| list.is_empty()) {
            return Err(Reply::refused("An external id, an email address or a phone number is required"));
        }
        if lists.iter().any(|list| list.len() > MAX_USERS) {
            return Err(Reply::refused("The max number of ids per request was exceeded"));
        }
        Ok(state)
    }

    fn people(&self) -> impl Iterator<Item = Who<'_>> {
        let external_ids = self.external_ids.iter().map(|id| Who::ExternalId(id));
        let emails = self.emails.iter().map(|email| Who::Email(email));
        external_ids.chain(emails).chain(self.phones.iter().map(|phone| Who::Phone(phone)))
    }
}

/// Answers one request of the first version: one group, singular member names.
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    let group = Group {
        subscription_group_id: body.subscription_group_id,
        subscription_state: body.subscription_state,
        external_ids: list_of(body.external_id)?,
        emails: list_of(body.email)?,
        phones: list_of(body.phone)?,
    };
    set(shared, &[group], now_ms)
}

/// Answers one request of the second version: several groups, plural member names.
pub(super) fn answer_v2(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: BodyV2<'_> = decoded(body)?;
    let groups = &body.subscription_groups;
    if groups.is_empty() {
        return Err(Reply::refused("'subscription_groups' is required"));
    }
    if groups.iter().any(|group| !group.emails.is_empty())
        && groups.iter().any(|group| !group.phones.is_empty())
    {
        return Err(Reply::refused(NOT_BOTH));
    }
    if groups.iter().flat_map(|group| &group.phones).any(|phone| !is_e164(phone)) {
        return Err(Reply::refused("Phone numbers must be in E.164 format"));
    }
    set(shared, groups, now_ms)
}

/// Applies all groups or, if one of them is wrong, none.
fn set(shared: &Shared, groups: &[Group<'_>], now_ms: i64) -> Answer {
    let states: Vec<Membership> = groups.iter().map(|group| group.check(shared)).collect::<Result<_, _>>()?;
    let lists = groups.iter().map(|group| [&group.external_ids, &group.emails, &group.phones]);
    let people: HashSet<(usize, &str)> =
        lists.flat_map(|lists| lists.into_iter().enumerate()).flat_map(named).collect();
    if people.len() > MAX_USERS {
        return Err(Reply::refused("The max number of ids per request was exceeded"));
    }
    let mut world = shared.world_at(now_ms);
    for (group, state) in groups.iter().zip(states) {
        let number = world.group_names.number(&group.subscription_group_id);
        for who in group.people() {
            world.set_group(who, number, state, now_ms);
        }
    }
    Ok(Reply::success())
}

fn named<'a>((kind, list): (usize, &'a Vec<Text<'a>>)) -> impl Iterator<Item = (usize, &'a str)> {
    list.iter().map(move |id| (kind, &**id))
}

fn list_of(raw: Option<&RawValue>) -> Result<Vec<Text<'_>>, Reply> {
    raw.map_or(Ok(Vec::new()), one_or_many)
}

/// `+`, no leading zero, at most fifteen digits.
fn is_e164(phone: &str) -> bool {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}
