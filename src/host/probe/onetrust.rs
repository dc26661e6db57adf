//! Looks at OneTrust: first for a token, then for who answers, then for what may be done.

use super::report::{Missing, Report, Verdict};
use crate::onetrust::{Api, ApiError, Need, Shape, granted, harmless};
use crate::wire::{Answer, Granted};

/// Fills a report.
pub(super) async fn look(mut report: Report, api: &Api, needs: &[Need], now_ms: i64) -> Report {
    match api.client().granted().await {
        Err(broken) => return report.broken(&broken),
        Ok(Some(told)) => take(&mut report, &told),
        Ok(None) => {}
    }
    match api.exchange(&harmless()).await {
        Err(error) => return failed(report, &error),
        Ok(answer) => {
            report.compare_clocks(&answer, now_ms);
            if let Some(verdict) = wrong(&answer) {
                return report.found(verdict, words(verdict, answer.status));
            }
            // There are such lists in every account.
            if answer.status == 404 {
                return report.found(Verdict::WrongSystem, words(Verdict::WrongSystem, 404));
            }
        }
    }
    for need in needs {
        let is_known_to_be_missing = report.scopes.as_ref().is_some_and(|scopes| !need.is_met(scopes));
        let is_missing = is_known_to_be_missing
            || match api.exchange(&need.request).await {
                Err(error) => return failed(report, &error),
                Ok(answer) if answer.status == 403 && wrong(&answer).is_none() => true,
                Ok(answer) if need.absent.is_some() && is_absent(&answer) => {
                    return report.found(Verdict::ScopeMissing, need.absent.unwrap_or_default());
                }
                Ok(answer) => match wrong(&answer) {
                    Some(verdict) => return report.found(verdict, words(verdict, answer.status)),
                    None => false,
                },
            };
        if is_missing {
            report.missing.push(Missing { what: need.what.clone(), any_of: need.any_of.clone() });
        }
    }
    report.finish()
}

/// Who we are, as the answer with the token says.
fn take(report: &mut Report, told: &Granted) {
    let text = |name: &str| told.members.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    report.who = text("user_name");
    report.tenant = text("tenantGuid");
    report.scopes = granted(&told.members);
    report.token_ends_in_s = Some(told.left().as_secs());
}

/// What an answer says of the profile as a whole, if it says something bad.
fn wrong(answer: &Answer) -> Option<Verdict> {
    let shape = Shape::of(answer.header("content-type"), &answer.body);
    match (answer.status, shape) {
        (500..=599, _) => Some(Verdict::OutOfOrder),
        (300..=399, _) | (_, Shape::Page) => Some(Verdict::WrongSystem),
        (401, _) => Some(Verdict::CredentialsRejected),
        (_, _) => None,
    }
}

/// Whether OneTrust does not know the path: it says so, or with a page for people.
fn is_absent(answer: &Answer) -> bool {
    answer.status == 404 || wrong(answer) == Some(Verdict::WrongSystem)
}

fn words(verdict: Verdict, status: u16) -> String {
    match verdict {
        Verdict::OutOfOrder => {
            format!("OneTrust answers with a failure of its own (HTTP {status}): try again later")
        }
        Verdict::CredentialsRejected => {
            "OneTrust does not accept the key: check it, and that it belongs to this host".to_owned()
        }
        _ => format!(
            "what answers is not OneTrust's API (HTTP {status}): check the host of the profile, and any proxy on the way"
        ),
    }
}

fn failed(report: Report, error: &ApiError) -> Report {
    match error {
        ApiError::Unreachable { why, .. } => report.not_sent(why.first()),
        ApiError::NoToken(error) => report.no_token(error),
        ApiError::Limited { .. } => report.found(Verdict::Limited, error.to_string()),
        ApiError::Unknown { .. } => report.found(Verdict::NotReached, error.to_string()),
        error => report.found(Verdict::OutOfOrder, error.to_string()),
    }
}
