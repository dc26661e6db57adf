//! `/api/ot-insights/v1/bulk-export-jobs`: many people at once, as files, a few times a month.
//!
//! An export is there after somebody looked twice. Only `DATA_SUBJECTS` are known here, as packed CSV; the
//! columns are made up, since OneTrust does not document them, as is the answer when the exports of a month
//! are used up (OneTrust's OpenAPI, Platform - Bulk Export).

use std::io::Write;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::moment::{self, DAY_MS, shown};
use super::page::Page;
use super::reply::{Answer, Kind, Refusal, Reply};
use super::shared::Shared;
use super::world::{Export, Profile, Subject, World};

/// Exports of an account in a month.
const MOST_EXPORTS: usize = 20;
/// Days between the first and the last of an export.
const MOST_DAYS_MS: i64 = 180 * DAY_MS;
/// How long an export lives.
const LIFE_MS: i64 = 10 * DAY_MS;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Order {
    name: Option<String>,
    export_type: String,
    start_date: String,
    end_date: String,
    export_format: Option<String>,
    #[serde(default)]
    params: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    name: String,
    #[serde(default)]
    values: Vec<String>,
}

/// Takes an order.
pub(super) fn order(shared: &Shared, asked: &Asked<'_>, now_ms: i64) -> Answer {
    let order: Order = asked.json()?;
    if order.export_type != "DATA_SUBJECTS" || order.export_format.as_deref().unwrap_or("CSV") != "CSV" {
        return Err(Refusal::bad("the sandbox exports DATA_SUBJECTS as CSV only"));
    }
    let day = |text: &str| {
        let day = Date::strptime("%Y-%m-%d", text).ok().and_then(|_| moment::zoneless(text));
        day.ok_or_else(|| Refusal::bad("startDate and endDate are days as yyyy-MM-dd"))
    };
    let (start_ms, end_ms) = (day(&order.start_date)?, day(&order.end_date)?);
    if end_ms < start_ms || end_ms - start_ms > MOST_DAYS_MS || end_ms + DAY_MS > now_ms {
        return Err(Refusal::bad("an export covers 180 days at most and ends yesterday at the latest"));
    }
    let mut date_type = "CREATED_DATE".to_owned();
    for Parameter { name, values } in order.params {
        match (name.as_str(), values.as_slice()) {
            ("dateType", [one]) if DATE_TYPES.contains(&one.as_str()) => date_type.clone_from(one),
            _ => return Err(Refusal::bad("the sandbox knows the parameter dateType only, with one value")),
        }
    }
    let mut world = shared.world();
    if left(&world, now_ms) == 0 {
        return Err(Refusal::bad("The limit of bulk exports is reached"));
    }
    let name = order.name.unwrap_or_else(|| "Bulk Export".to_owned());
    let export = world.export(name, (order.start_date, order.end_date), date_type, now_ms);
    Ok(Reply::json(200, &shown_export(&export)))
}

/// The values of `dateType`.
const DATE_TYPES: [&str; 3] = ["CREATED_DATE", "LAST_MODIFIED_DATE", "LAST_INTERACTION_DATE"];

/// Lists exports, the newest first whatever `sort` says.
pub(super) fn list(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let newest: Vec<&Export> = world.exports.iter().rev().collect();
    Ok(Reply::json(200, &Page::cut(&newest, asked.page(), |export| listed(export)).counted()))
}

/// How many exports may still be asked for.
pub(super) fn credits(shared: &Shared, now_ms: i64) -> Answer {
    let left = left(&shared.world(), now_ms);
    let credits =
        json!({ "totalCredits": MOST_EXPORTS, "creditsRemaining": left, "creditsUsed": MOST_EXPORTS - left });
    Ok(Reply::json(200, &credits))
}

/// How one export stands.
pub(super) fn one(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let mut world = shared.world();
    let found = world.exports.iter_mut().find(|export| export.id == id);
    let export = found.ok_or_else(|| Refusal::unknown("The export"))?;
    export.looks += 1;
    Ok(Reply::json(200, &shown_export(export)))
}

/// Where its file is, and what opens it.
pub(super) fn files(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let id = asked.uuid(0)?;
    let world = shared.world();
    let found = world.exports.iter().find(|export| export.id == id && export.is_completed());
    let export = found.ok_or_else(|| Refusal::unknown("The export"))?;
    let host = asked.header("host").unwrap_or("127.0.0.1");
    let file = json!({
        "id": export.id,
        "headers": { "Authorization": format!("Bearer {}", export.token) },
        "url": format!("http://{host}/api/document-gateway/{}", export.id),
        "fileName": format!("{}.csv.gz", export.id),
    });
    Ok(Reply::json(200, &json!({ "items": [file], "hasNext": false })))
}

/// The file of an export.
pub(super) fn file(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let found = world.exports.iter().find(|export| export.id == asked.value(0) && export.is_completed());
    let export = found.ok_or_else(|| Refusal::unknown("The file"))?;
    if asked.header("authorization") != Some(format!("Bearer {}", export.token).as_str()) {
        return Err(Refusal::new(401, "Invalid access token"));
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let body = packed.write_all(table(&world, export).as_bytes()).and_then(|()| packed.finish());
    let body = body.map_err(|_| Refusal::new(500, "Internal Server Error"))?;
    Ok(Reply { status: 200, kind: Kind::Packed, body: Bytes::from(body) })
}

fn left(world: &World, now_ms: i64) -> usize {
    let month = |at_ms: i64| shown(at_ms).get(..7).map(str::to_owned);
    let used = world.exports.iter().filter(|export| month(export.created_ms) == month(now_ms)).count();
    MOST_EXPORTS.saturating_sub(used)
}

fn status(export: &Export) -> &'static str {
    if export.is_completed() { "COMPLETED" } else { "EXPORT_IN_PROGRESS" }
}

fn listed(export: &Export) -> Value {
    json!({ "runId": export.id, "name": export.name, "status": status(export),
            "createdDate": shown(export.created_ms), "exportType": "Data Subjects", "fileFormat": "csv",
            "expiryDate": shown(export.created_ms + LIFE_MS) })
}

fn shown_export(export: &Export) -> Value {
    let mut shown = listed(export);
    shown["startDate"] = json!(export.start);
    shown["endDate"] = json!(export.end);
    shown["progressPercentage"] = json!(if export.is_completed() { 100.0 } else { 50.0 });
    shown["params"] = json!([{ "name": "dateType", "values": [export.date_type] }]);
    shown
}

/// A row for each person and purpose; data elements stand in columns of their names.
fn table(world: &World, export: &Export) -> String {
    let mut elements: Vec<&String> = world.people.iter().flat_map(|person| person.elements.keys()).collect();
    elements.sort_unstable();
    elements.dedup();
    let mut head = vec![
        "Identifier",
        "Language",
        "Test Data Subject",
        "Purpose Id",
        "Purpose Name",
        "Status",
        "Last Transaction Date",
        "Last Updated Date",
    ];
    head.extend(elements.iter().map(|name| name.as_str()));
    let mut text = line(head.into_iter());
    let (from_ms, end_ms) = (moment::zoneless(&export.start), moment::zoneless(&export.end));
    let (from_ms, until_ms) = (from_ms.unwrap_or_default(), end_ms.unwrap_or_default() + DAY_MS);
    for person in world.people.iter().filter(|person| !person.is_test) {
        for profile in &person.profiles {
            let at_ms = if export.date_type == "CREATED_DATE" { profile.first_ms } else { profile.last_ms };
            if (from_ms..until_ms).contains(&at_ms) {
                text.push_str(&row(world, person, profile, &elements));
            }
        }
    }
    text
}

fn row(world: &World, person: &Subject, profile: &Profile, elements: &[&String]) -> String {
    let name = world.purposes.get(&profile.purpose).map_or("", |purpose| &purpose.name);
    let (said, updated) = (shown(profile.last_ms), shown(profile.updated_ms));
    let mut cells = vec![
        &person.identifier,
        &person.language,
        "false",
        &profile.purpose,
        name,
        &profile.status,
        &said,
        &updated,
    ];
    let element = |name: &&String| person.elements.get(*name).and_then(Value::as_str).unwrap_or_default();
    cells.extend(elements.iter().map(element));
    line(cells.into_iter())
}

/// Cells in quotes, as a table has them (RFC 4180).
fn line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let cells: Vec<String> = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    cells.join(",") + "\r\n"
}
