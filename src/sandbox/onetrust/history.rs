//! What users did: sign-ins and changes of their profiles (OneTrust's OpenAPI, loginHistory and userActivity).
//!
//! Without dates the history is that of the last seven days, or of the last 365 for one user; dates before
//! those 365 days are refused.

use serde_json::{Value, json};

use super::asked::Asked;
use super::moment::{self, DAY_MS};
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::User;

/// How far back the history goes.
const DAYS: i64 = 365;

/// `GET /api/access/v1/login-history`.
pub(super) fn sign_ins(shared: &Shared, asked: &Asked<'_>, now_ms: i64) -> Answer {
    let world = shared.world();
    let user = asked.query("userId");
    let days = if user.is_some() { DAYS } else { 7 };
    let from_ms = asked.moment("startDate", moment::zoned).unwrap_or(now_ms - days * DAY_MS);
    let until_ms = asked.moment("endDate", moment::zoned).unwrap_or(now_ms);
    if from_ms < now_ms - DAYS * DAY_MS || until_ms < from_ms {
        return Err(Refusal::bad("The date range must fall within the last 365 days"));
    }
    let mut rows: Vec<(i64, bool, &User)> = Vec::new();
    for user in world.staff.users.iter().filter(|known| user.is_none_or(|id| known.id == id)) {
        let within = user.sign_ins.iter().filter(|(at_ms, _)| (from_ms..=until_ms).contains(at_ms));
        rows.extend(within.map(|(at_ms, success)| (*at_ms, *success, user)));
    }
    rows.sort_by_key(|(at_ms, ..)| std::cmp::Reverse(*at_ms));
    let page = Page::cut(&rows, asked.page(), |(at_ms, success, user)| {
        json!({
            "userName": user.email,
            "ipAddress": "192.0.2.17",
            "userAgentString": "Firefox 140.0 | Linux",
            "createDT": moment::shown(*at_ms),
            "status": if *success { "Success" } else { "Failure" },
            "userId": user.id,
        })
    });
    Ok(Reply::json(200, &page.counted()))
}

/// `GET /api/audit/v1/users/{userId}/activities`.
pub(super) fn activities(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let world = shared.world();
    let user = world.staff.users.iter().find(|user| user.id == id);
    let user = user.ok_or_else(|| Refusal::unknown("The user"))?;
    let changes: Vec<_> = user.changes.iter().rev().collect();
    let page = Page::cut(&changes, asked.page(), |(at_ms, field, old, new)| -> Value {
        json!({
            "name": format!("{} {}", user.first_name, user.last_name),
            "email": user.email,
            "event": "User Edit",
            "fieldName": field,
            "oldValue": old,
            "newValue": new,
            "method": "User Provisioning",
            "updatedBy": "Robin Approver",
            // These have microseconds, as nothing else has.
            "date": moment::shown(*at_ms).replace('Z', "738Z"),
        })
    });
    Ok(Reply::json(200, &page.counted()))
}
