//! Looks at Braze: each action that is needed is asked for with nothing in it.
//!
//! A key that may use an endpoint is answered 400, because an empty body names nobody; one that may not
//! is answered 401 or 403 (Braze docs, "Errors and responses"). A wrong key is answered 401 everywhere.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::needs::Calls;
use super::report::{Missing, Report, Verdict};
use crate::catalogue::{self, Action, Effect};
use crate::onetrust::Shape;
use crate::wire::{Answer, Broken, Client, Exchange};

/// Braze erases event data along with a profile only where an administrator opted in before (Braze docs, "Data
/// retention information"); no endpoint tells.
const EVENT_DATA: &str = "look in Braze, Company Settings > Admin Settings > Security Settings: properties of \
                          events and extras of messages are erased with a profile only if that was opted in to \
                          before; no key can read it";

/// Fills a report.
pub(super) async fn look(mut report: Report, client: &Client, needs: &[Calls], now_ms: i64) -> Report {
    if needs.iter().any(|need| need.action.effect == Effect::Irreversible) {
        report.preconditions.push(EVENT_DATA.to_owned());
    }
    let others = catalogue::all().iter().filter(|action| action.system == "braze");
    let others = others.filter(|action| !needs.iter().any(|need| need.action.id == action.id));
    let (mut is_allowed_something, mut denied_with) = (false, 0);
    for (need, action) in
        needs.iter().map(|need| (Some(need), need.action)).chain(others.map(|other| (None, other)))
    {
        if need.is_none() && is_allowed_something {
            break;
        }
        let answer = match ask(client, action).await {
            Err(broken) => return report.broken(&broken),
            Ok(answer) => answer,
        };
        report.compare_clocks(&answer, now_ms);
        let is_page = Shape::of(answer.header("content-type"), &answer.body) == Shape::Page;
        match answer.status {
            401 | 403 if answer.status == 401 || !is_page => {
                denied_with = answer.status;
                if let Some(need) = need {
                    let any_of = vec![action.permission.clone()];
                    report.missing.push(Missing { what: need.words(), any_of });
                }
            }
            429 => {
                return report
                    .found(Verdict::Limited, "Braze answers that it was asked too often: try again later");
            }
            500..=599 => {
                let message = format!(
                    "Braze answers with a failure of its own (HTTP {}): try again later",
                    answer.status
                );
                return report.found(Verdict::OutOfOrder, message);
            }
            status if is_page || matches!(status, 300..=399 | 404 | 405) => {
                let message = format!(
                    "what answers is not Braze's REST API (HTTP {}): check the host of the profile, and any proxy on the way",
                    answer.status
                );
                return report.found(Verdict::WrongSystem, message);
            }
            _ => is_allowed_something = true,
        }
    }
    if !is_allowed_something {
        let message = match denied_with {
            401 => "Braze does not know the key: check it, and that the host is the one of its workspace",
            _ => "the key may do nothing here: check its permissions, its allowed addresses, and the account",
        };
        report.missing.clear();
        return report.found(Verdict::CredentialsRejected, message);
    }
    report.finish()
}

async fn ask(client: &Client, action: &Action) -> Result<Answer, Broken> {
    let body = if action.method.has_body() { Bytes::from_static(b"{}") } else { Bytes::new() };
    let method = Method::from_bytes(action.method.word().as_bytes()).unwrap_or_default();
    let headers = HeaderMap::new();
    client.send(Exchange { method, path_and_query: action.path.clone(), headers, body }).await
}
