//! `POST /email/status`: the global state of an address, kept when no profile has it yet.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reply::{Answer, Reply, Text, decoded, string_of};
use super::shared::Shared;
use super::track::is_email;
use super::world::Choice;

/// Most addresses of a request.
const MAX_EMAILS: usize = 50;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    email: &'a RawValue,
    #[serde(borrow)]
    subscription_state: Text<'a>,
}

/// Answers one request.
pub(super) fn answer(shared: &Shared, body: &[u8], now_ms: i64) -> Answer {
    let body: Body<'_> = decoded(body)?;
    let emails = one_or_many(body.email)?;
    let state =
        Choice::of(&body.subscription_state).ok_or_else(|| Reply::refused("Invalid subscription state"))?;
    if emails.is_empty() || emails.iter().any(|email| !is_email(email)) {
        return Err(Reply::refused("'email' must hold valid e-mail addresses"));
    }
    if emails.len() > MAX_EMAILS {
        return Err(Reply::refused("The max number of emails per request was exceeded"));
    }
    let mut world = shared.world_at(now_ms);
    for email in &emails {
        world.set_global(email, state);
    }
    Ok(Reply::success())
}

/// One string, or a list of them.
pub(super) fn one_or_many(raw: &RawValue) -> Result<Vec<Text<'_>>, Reply> {
    match string_of(raw) {
        Some(one) => Ok(vec![Text(one)]),
        None => decoded(raw.get().as_bytes()),
    }
}
