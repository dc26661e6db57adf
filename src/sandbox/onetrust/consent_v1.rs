//! `GET /api/consentmanager/v1/datasubjects/profiles`: people with all their purposes, in PascalCase
//! within a camelCase page.
//!
//! Without `includeAllPreferences` only what somebody consented to is listed, so a topic that was
//! refused is not seen; without `ignoreCount` the page counts everybody. Empty values are left out
//! (OneTrust's OpenAPI, getDataSubjectProfileUsingGET, and a published sample). `since` goes by the last
//! transaction, `updatedSince` by the last update; both are taken as exclusive.

use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::moment::{self, shown};
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::{Profile, Subject, World};

/// Words that `properties` may list.
const PROPERTIES: [&str; 6] = [
    "linkTokens",
    "ignoreCount",
    "ignoreTopics",
    "ignoreCustomPreferences",
    "includeAllPreferences",
    "includeNotices",
];

/// Answers one request.
pub(super) fn answer(shared: &Shared, asked: &Asked<'_>) -> Answer {
    if asked.query("since").is_some() && asked.query("updatedSince").is_some() {
        return Err(Refusal::bad("since and updatedSince cannot be used together"));
    }
    let properties: Vec<&str> =
        asked.query("properties").map_or_else(Vec::new, |text| text.split(',').collect());
    if properties.iter().any(|property| !PROPERTIES.contains(property)) {
        return Err(Refusal::bad("properties lists a word that is not documented"));
    }
    let element = (asked.header("dataElementName"), asked.header("dataElementValue"));
    if element.0.is_some() != element.1.is_some() {
        return Err(Refusal::bad("dataElementName and dataElementValue go together"));
    }
    let world = shared.world();
    let mut people: Vec<&Subject> =
        world.people.iter().filter(|person| is_wanted(asked, element, person)).collect();
    let (property, is_down) = asked.sort().unwrap_or(("lastModifiedDate", true));
    people.sort_by(|a, b| {
        let order = match property {
            "id" => a.id.cmp(&b.id),
            "identifier" => a.identifier.cmp(&b.identifier),
            // All are known by the same kind of identifier.
            "identifierType" => std::cmp::Ordering::Equal,
            "createdDate" => a.created_ms.cmp(&b.created_ms),
            "lastTransactionDate" => last_ms(a).cmp(&last_ms(b)),
            _ => a.updated_ms.cmp(&b.updated_ms),
        };
        if is_down { order.reverse() } else { order }
    });
    let page = Page::cut(&people, asked.page(), |person| person_shown(&world, person, &properties));
    let body = if properties.contains(&"ignoreCount") { Value::Object(page.slice()) } else { page.counted() };
    Ok(Reply::json(200, &body))
}

fn is_wanted(asked: &Asked<'_>, element: (Option<&str>, Option<&str>), person: &Subject) -> bool {
    let moment = |name| asked.moment(name, moment::zoneless);
    let identifier = asked.header("identifier").or(asked.query("identifier"));
    let of_element = match element {
        (Some(name), Some(value)) => person.elements.get(name).is_some_and(|held| held == value),
        _ => true,
    };
    let any = |name: &str, held: fn(&Profile) -> &str| {
        asked.query(name).is_none_or(|id| person.profiles.iter().any(|profile| held(profile) == id))
    };
    moment("updatedSince").is_none_or(|since_ms| person.updated_ms > since_ms)
        && moment("since").is_none_or(|since_ms| last_ms(person) > since_ms)
        && moment("toDate").is_none_or(|to_ms| person.updated_ms < to_ms)
        && identifier.is_none_or(|identifier| person.identifier == identifier)
        && of_element
        && any("purposeGuid", |profile| &profile.purpose)
        && any("collectionPointGuid", |profile| &profile.collection_point)
        && asked.query("collectionPointName").is_none_or(|name| name == "Website")
}

fn last_ms(person: &Subject) -> i64 {
    person.profiles.iter().map(|profile| profile.last_ms).max().unwrap_or(person.created_ms)
}

fn person_shown(world: &World, person: &Subject, properties: &[&str]) -> Value {
    let element =
        |(name, value): (&String, &Value)| json!({ "Name": name, "Value": value, "DoNotCall": false });
    let mut shown_person = json!({
        "Id": person.id,
        "Language": person.language,
        "Identifier": person.identifier,
        "CreatedDate": shown(person.created_ms),
        "LastUpdatedDate": shown(person.updated_ms),
        "TestDataSubject": person.is_test,
        "Purposes": person.profiles.iter().map(|profile| purpose(world, profile, properties)).collect::<Value>(),
    });
    if !person.elements.is_empty() {
        shown_person["DataElements"] = person.elements.iter().map(element).collect();
    }
    if properties.contains(&"linkTokens") {
        shown_person["LinkToken"] = json!(format!("link-{}", person.id));
    }
    shown_person
}

fn purpose(world: &World, profile: &Profile, properties: &[&str]) -> Value {
    let known = world.purposes.get(&profile.purpose);
    let with_all = properties.contains(&"includeAllPreferences");
    let said = |said: Option<&bool>| match said {
        Some(true) => Some(true),
        Some(false) | None => with_all.then_some(false),
    };
    let mut shown_purpose = json!({
        "Id": profile.purpose,
        "Name": known.map(|purpose| purpose.name.as_str()),
        "Version": 1,
        "Status": profile.status,
        "LastReceiptId": profile.receipt,
        "FirstTransactionDate": shown(profile.first_ms),
        "LastTransactionDate": shown(profile.last_ms),
        "TotalTransactionCount": profile.transactions,
        "LastTransactionCollectionPointId": profile.collection_point,
        "LastTransactionCollectionPointVersion": 1,
        "LastUpdatedDate": shown(profile.updated_ms),
        "LastInteractionDate": shown(profile.last_ms),
        "attributes": {},
    });
    let mut dated = |name: &str, at_ms: Option<i64>| {
        if let (Some(at_ms), Some(members)) = (at_ms, shown_purpose.as_object_mut()) {
            members.insert(name.to_owned(), json!(shown(at_ms)));
        }
    };
    dated("ConsentDate", profile.consent_ms);
    dated("WithdrawalDate", profile.withdrawal_ms);
    let Some(known) = known else { return shown_purpose };
    let listed = |names: &indexmap::IndexMap<String, String>, answers: &indexmap::IndexMap<String, bool>| {
        let one = |(id, name): (&String, &String)| {
            Some(json!({ "Id": id, "Name": name, "IsConsented": said(answers.get(id))? }))
        };
        names.iter().filter_map(one).collect::<Vec<Value>>()
    };
    let topics = listed(&known.topics, &profile.topics);
    if !topics.is_empty() && !properties.contains(&"ignoreTopics") {
        shown_purpose["Topics"] = Value::Array(topics);
    }
    let preference = |(id, (name, options)): (&String, &(String, indexmap::IndexMap<String, String>))| {
        let options = listed(options, &profile.options);
        (!options.is_empty()).then(|| json!({ "Id": id, "Name": name, "Options": options }))
    };
    let preferences: Vec<Value> = known.preferences.iter().filter_map(preference).collect();
    if !preferences.is_empty() && !properties.contains(&"ignoreCustomPreferences") {
        shown_purpose["CustomPreferences"] = Value::Array(preferences);
    }
    let mut kept = Map::new();
    if let Value::Object(members) = shown_purpose {
        kept.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(kept)
}
