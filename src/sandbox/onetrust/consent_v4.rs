//! The consent endpoints of version 4: feeds of changed profiles, and one person by header.
//!
//! A row is one person and one purpose, and its `id` is the purpose. A window has at most 30 days, and
//! only some filters go together. The next page is found by `requestContinuation` (OneTrust's OpenAPI,
//! getDataSubjectProfilesUnorderedV4). The unordered feed comes in an order that looks like chance.

use serde_json::{Value, json};

use super::asked::Asked;
use super::bookmark::{self, Place};
use super::moment::{self, DAY_MS, shown};
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::route::Route;
use super::shared::Shared;
use super::world::{Profile, Subject, World};
use crate::sandbox::world::mixed;

/// The longest window.
const MAX_WINDOW_MS: i64 = 30 * DAY_MS;

/// `GET /rest/api/consent/v4/datasubjects/profiles` and `…/unordered`.
pub(super) fn feed(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let (from_ms, to_ms) = window(asked)?;
    let (point, purpose, status) = filters(asked)?;
    let is_ordered = asked.route == Route::ProfilesV4;
    let is_down = asked.sort().is_none_or(|(_, is_down)| is_down);
    let world = shared.world();
    let mut rows: Vec<(Place, &Subject, &Profile)> = Vec::new();
    for (place, person) in world.people.iter().enumerate() {
        for (number, profile) in person.profiles.iter().enumerate() {
            let own = mixed(shared.seed, ((place as u64) << 16) | number as u64);
            let primary = match (is_ordered, is_down) {
                (false, _) => 0,
                (true, true) => -profile.updated_ms,
                (true, false) => profile.updated_ms,
            };
            let is_wanted = (from_ms..=to_ms).contains(&profile.updated_ms)
                && point.is_none_or(|point| profile.collection_point == point)
                && purpose.is_none_or(|purpose| profile.purpose == purpose)
                && status.is_none_or(|status| profile.status == status);
            if is_wanted {
                rows.push(((primary, own), person, profile));
            }
        }
    }
    rows.sort_by_key(|(place, _, _)| *place);
    let asked_for = mixed(from_ms.unsigned_abs(), to_ms.unsigned_abs());
    Ok(Reply::json(200, &continued(&world, &rows, asked, asked_for)?))
}

/// The page after the row that a token names, or the page of a number.
fn continued(
    world: &World,
    rows: &[(Place, &Subject, &Profile)],
    asked: &Asked<'_>,
    asked_for: u64,
) -> Result<Value, Refusal> {
    let (number, size) = asked.page();
    let skipped = match asked.header("requestContinuation") {
        Some(token) => {
            let after = bookmark::place(token, asked_for)?;
            rows.iter().take_while(|(place, _, _)| *place <= after).count()
        }
        None => number.saturating_mul(size),
    };
    let rest = rows.get(skipped..).unwrap_or_default();
    let page = Page::cut(rest, (0, size), |(_, person, profile)| row(world, person, profile));
    let next = (!page.is_last()).then(|| rest.get(size - 1)).flatten();
    let token = next.map(|(place, _, _)| bookmark::token(*place, asked_for));
    let mut body = page.slice();
    body.insert("number".to_owned(), json!(number));
    body.insert("first".to_owned(), json!(skipped == 0));
    if let Some(token) = token {
        body.insert("requestContinuation".to_owned(), json!(token));
    }
    Ok(Value::Object(body))
}

fn window(asked: &Asked<'_>) -> Result<(i64, i64), Refusal> {
    let end = |name| {
        let missing = || Refusal::bad(format!("the query parameter {name} is required"));
        asked.moment(name, moment::either).ok_or_else(missing)
    };
    let (from_ms, to_ms) = (end("updatedSince")?, end("updatedUntil")?);
    if from_ms > to_ms || to_ms - from_ms > MAX_WINDOW_MS {
        return Err(Refusal::bad("updatedSince and updatedUntil must be at most 30 days apart"));
    }
    Ok((from_ms, to_ms))
}

type Filters<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

fn filters<'a>(asked: &'a Asked<'_>) -> Result<Filters<'a>, Refusal> {
    let (point, purpose, status) =
        (asked.query("collectionPointId"), asked.query("purposeId"), asked.query("status"));
    match (point.is_some(), purpose.is_some(), status.is_some()) {
        (_, false, false) | (_, true, true) => Ok((point, purpose, status)),
        _ => Err(Refusal::bad("these filters do not go together")),
    }
}

fn row(world: &World, person: &Subject, profile: &Profile) -> Value {
    let known = world.purposes.get(&profile.purpose);
    let mut row = json!({
        "id": profile.purpose,
        "identifier": person.identifier,
        "lastReceiptId": profile.receipt,
        "version": 1,
        "status": profile.status,
        "firstTransactionDate": shown(profile.first_ms),
        "lastTransactionDate": shown(profile.last_ms),
        "totalTransactionCount": profile.transactions,
        "lastTransactionCollectionPointId": profile.collection_point,
        "lastTransactionCollectionPointVersion": 1,
        "lastUpdatedDate": shown(profile.updated_ms),
        "lastInteractionDate": shown(profile.last_ms),
        "attributes": {},
        "source": { "dataSubjectId": person.id, "receiptGuid": profile.receipt, "sourceType": "API" },
    });
    if let Some(at_ms) = profile.consent_ms {
        row["consentDate"] = json!(shown(at_ms));
    }
    if let Some(at_ms) = profile.withdrawal_ms {
        row["withdrawalDate"] = json!(shown(at_ms));
    }
    let Some(known) = known else { return row };
    row["name"] = json!(known.name);
    // Topics and options with recorded transactions, whatever was said (inferred).
    let spoken = |id: &&String| profile.topics.contains_key(*id);
    row["topicsList"] = known.topics.keys().filter(spoken).map(|id| json!(id)).collect();
    let topics = known.topics.iter().filter(|(id, _)| profile.topics.contains_key(*id));
    row["topics"] = topics.map(|(id, name)| json!({ "id": id, "name": name })).collect();
    let preference = |(id, (name, options)): (&String, &(String, indexmap::IndexMap<String, String>))| {
        let spoken = options.iter().filter(|(id, _)| profile.options.contains_key(*id));
        let spoken: Vec<Value> = spoken.map(|(id, name)| json!({ "id": id, "name": name })).collect();
        (!spoken.is_empty()).then(|| json!({ "id": id, "name": name, "options": spoken }))
    };
    row["customPreferences"] = known.preferences.iter().filter_map(preference).collect();
    row
}

fn person<'a>(world: &'a World, asked: &Asked<'_>) -> Result<&'a Subject, Refusal> {
    let identifier = asked.header("identifier");
    let identifier = identifier.ok_or_else(|| Refusal::bad("the header identifier is required"))?;
    world.person(identifier).ok_or_else(|| Refusal::unknown("The data subject"))
}

/// `GET /rest/api/consent/v4/datasubjects/basic-details`.
pub(super) fn subject(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let person = person(&world, asked)?;
    let element = |(name, value): (&String, &Value)| json!({ "name": name, "value": value, "doNotCall": false, "linked": false });
    Ok(Reply::json(
        200,
        &json!({
            "id": person.id,
            "identifier": person.identifier,
            "identifierType": "Email",
            "language": person.language,
            "createdDate": shown(person.created_ms),
            "lastUpdatedDate": shown(person.updated_ms),
            "testDataSubject": person.is_test,
            "dataElements": person.elements.iter().map(element).collect::<Value>(),
            "doNotCall": false,
        }),
    ))
}

/// `GET /rest/api/consent/v4/datasubjects/ds-profiles`.
pub(super) fn profiles_of(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let person = person(&world, asked)?;
    let rows = person.profiles.iter().enumerate();
    let mut rows: Vec<_> =
        rows.map(|(number, profile)| ((-profile.updated_ms, number as u64), person, profile)).collect();
    rows.sort_by_key(|(place, _, _)| *place);
    if asked.sort().is_some_and(|(_, is_down)| !is_down) {
        rows.iter_mut().for_each(|((primary, _), _, _)| *primary = -*primary);
        rows.sort_by_key(|(place, _, _)| *place);
    }
    Ok(Reply::json(200, &continued(&world, &rows, asked, 0)?))
}
