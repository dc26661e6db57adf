//! What a credential must be allowed, and how to ask whether it is without touching anybody.
//!
//! Scopes are fixed on a credential and named in its tokens (OneTrust docs, "OAuth 2.0 scopes"); of a key
//! that is a ready token only the answers tell. The requests made here name nobody: lists of days that
//! have no entries, ids that nothing has, bodies without what they must hold.

use serde_json::{Map, Value, json};

use super::Request;
use crate::catalogue::Action;
use crate::workflow::Feed;

/// An id that nothing has.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Something a credential must be allowed.
#[derive(Debug, Clone)]
pub struct Need {
    /// For people: `the trigger onetrust_subtask`.
    pub what: String,
    /// One of these scopes is enough.
    pub any_of: Vec<String>,
    /// Is refused with 403 when none is there, and touches nobody when one is.
    pub request: Request,
    /// What to do where OneTrust does not know the endpoint, if not every account has it.
    pub absent: Option<&'static str>,
}

impl Need {
    /// Of a trigger that looks for subtasks; those of a system only the search of version 3 tells apart
    /// (OneTrust's OpenAPI, `getAllRequestQueuesV2UsingGET`, `getAllSubtasksV3UsingPost`).
    pub fn of_subtasks(by_system: bool) -> Need {
        if by_system {
            let window =
                json!({ "StartDate": "2000-01-01T00:00:00.000Z", "EndDate": "2000-01-01T00:00:01.000Z" });
            let request = Request::post("/api/datasubject/v3/subtasks")
                .query("size", "1".to_owned())
                .json(json!({ "language": "en-us", "SubtaskDateUpdated": window }));
            let help = "`systems` of the trigger `onetrust_subtask` needs POST /api/datasubject/v3/subtasks, \
                        which is not there: name the subtasks with `names` and leave `systems` out";
            let needs = Need::new(
                "`systems` of the trigger `onetrust_subtask`",
                &["DSAR_READ", "DSAR_WRITE"],
                request,
            );
            return Need { absent: Some(help), ..needs };
        }
        let request = Request::get("/api/datasubject/v2/requestqueues/{language}")
            .value("language", "en-us")
            .query("modifieddate", "20990101".to_owned())
            .query("size", "1".to_owned());
        Need::new("the trigger `onetrust_subtask`", &["DSAR", "DSAR_READ", "DSAR_WRITE"], request)
    }

    /// Of a trigger that reads a list of consents (OneTrust's OpenAPI, Universal Consent & Preference
    /// Management).
    pub fn of_consents(feed: Feed) -> Need {
        let (from, until) = ("2000-01-01T00:00:00", "2000-01-01T00:00:01");
        let request = match feed {
            Feed::Profiles => Request::get("/api/consentmanager/v1/datasubjects/profiles")
                .query("updatedSince", "2099-01-01T00:00:00".to_owned())
                .query("properties", "ignoreCount".to_owned()),
            Feed::Unordered => Request::get("/rest/api/consent/v4/datasubjects/profiles/unordered")
                .query("updatedSince", format!("{from}.000Z"))
                .query("updatedUntil", format!("{until}.000Z")),
            Feed::Transactions => Request::post("/api/consent/v2/transactions")
                .query("fromDate", from.to_owned())
                .query("toDate", until.to_owned())
                .json(json!({})),
        };
        let request = request.query("size", "1".to_owned());
        let help = "the list `unordered` is not there: OneTrust's support must enable version 4 of the \
                    consent lists for the account; or write `feed: profiles`";
        let absent = (feed == Feed::Unordered).then_some(help);
        let need = Need::new("the trigger `onetrust_consent`", &["CONSENT", "CONSENT_READ"], request);
        Need { absent, ..need }
    }

    /// Of an action of OneTrust.
    pub fn of_action(action: &'static Action) -> Need {
        let method = reqwest::Method::from_bytes(action.method.word().as_bytes()).unwrap_or_default();
        let mut request = Request::new(method, &action.path);
        for name in places(&action.path) {
            request = request.value(name, if name == "language" { "en-us" } else { NOBODY });
        }
        if action.method.has_body() {
            request = request.json(json!({}));
        }
        let mut any_of: Vec<&str> = action.permission.split(" or ").collect();
        // Who may write may read (OneTrust's OpenAPI, security of the reading operations).
        if any_of.contains(&"DSAR_READ") {
            any_of.push("DSAR_WRITE");
        }
        Need::new(&format!("the action `{}`", action.name()), &any_of, request)
    }

    fn new(what: &str, any_of: &[&str], request: Request) -> Need {
        let any_of = any_of.iter().map(|scope| (*scope).to_owned()).collect();
        Need { what: what.to_owned(), any_of, request, absent: None }
    }

    /// Whether these scopes are enough.
    pub fn is_met(&self, scopes: &[String]) -> bool {
        scopes.iter().any(|scope| self.any_of.iter().any(|enough| enough.eq_ignore_ascii_case(scope)))
    }
}

/// A request that any credential for privacy requests may make and that names nobody, to see what
/// answers at a host.
pub fn harmless() -> Request {
    Request::get("/api/datasubject/v2/resolutions").query("size", "1".to_owned())
}

/// The scopes that an answer with a token names; `None` if it names none. The member is spelled
/// `ot-scopes` in real answers and `ot_scopes` in OneTrust's OpenAPI (`GetOAuthToken`).
pub fn granted(members: &Map<String, Value>) -> Option<Vec<String>> {
    let found = ["ot-scopes", "ot_scopes", "scope"].iter().find_map(|name| members.get(*name))?;
    let words: Vec<&str> = match found {
        Value::String(list) => vec![list],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let words = words.iter().flat_map(|word| word.split([',', ' '])).map(str::trim);
    Some(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// The names in the places of a path.
fn places(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn scopes_are_read_however_they_are_spelled() {
        let of = |value| granted(&members(value));
        let both = Some(vec!["DSAR_READ".to_owned(), "DSAR_WRITE".to_owned()]);

        assert_eq!(of(json!({"ot-scopes": "DSAR_READ,DSAR_WRITE", "scope": "read"})), both);
        assert_eq!(of(json!({"ot_scopes": "DSAR_READ DSAR_WRITE"})), both);
        assert_eq!(of(json!({"scope": ["DSAR_READ", "DSAR_WRITE"]})), both);
        assert_eq!((of(json!({})), of(json!({"scope": 7}))), (None, None));
    }

    #[test]
    fn every_action_can_be_asked_about_and_any_of_its_scopes_is_enough() {
        let actions = catalogue::all().iter().filter(|action| action.system == "onetrust");
        for action in actions {
            let need = Need::of_action(action);

            assert!(need.request.exchange().is_some(), "{}", action.id);
            assert!(
                !need.any_of.is_empty()
                    && need.any_of.iter().all(|scope| need.is_met(std::slice::from_ref(scope)))
            );
            assert!(!need.is_met(&["COOKIE".to_owned()]), "{}", action.id);
        }
    }

    #[test]
    fn what_is_asked_for_triggers_names_nobody() {
        let needs = Feed::ALL.map(Need::of_consents).into_iter().chain([false, true].map(Need::of_subtasks));
        for need in needs {
            let exchange = need.request.exchange().unwrap();

            let said = format!("{} {}", exchange.path_and_query, String::from_utf8_lossy(&exchange.body));
            assert!(said.contains("2099") || said.contains("2000-01-01"), "{said}");
        }
    }
}
