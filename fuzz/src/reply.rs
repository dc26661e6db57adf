//! Answers of Braze and OneTrust: any status, headers and body mean something, and exactly one thing for each call
//! of the request. Answers of OneTrust are to one call each.

use jiff::Timestamp;
use privaflow::braze::read;
use privaflow::catalogue::{Refusal, find};
use privaflow::onetrust;
use privaflow::plan::Call;
use privaflow::reply::{Headers, Item, Reading};
use serde_json::{Value, json};

/// Kinds of calls, by what tells their answers apart.
const KINDS: u8 = 12;

/// Kinds from here on are calls of OneTrust.
const OF_ONETRUST: u8 = 128;

/// The first bytes say which action, how many calls and which status; then a line for each of four
/// headers; the rest is the body.
pub fn check(data: &[u8]) {
    let Some(([kind, count, high, low], rest)) = data.split_first_chunk() else { return };
    let status = u16::from_be_bytes([*high, *low]);
    let mut parts = rest.splitn(5, |byte| *byte == b'\n');
    let mut header =
        || parts.next().and_then(|line| std::str::from_utf8(line).ok()).filter(|line| !line.is_empty());
    let headers = Headers {
        retry_after: header(),
        x_ratelimit_retry_after: header(),
        x_ratelimit_reset: header(),
        ot_period: None,
        date: header(),
        content_type: None,
    };
    let body = parts.next().unwrap_or_default();
    let of_onetrust = *kind >= OF_ONETRUST;
    let count = if of_onetrust { 0 } else { count % 8 };
    let calls: Vec<Call> = (0..=count).map(|number| call(*kind, number)).collect();
    let calls: Vec<&Call> = calls.iter().collect();
    let now = Timestamp::from_second(1_800_000_000).expect("a moment of our time");

    let reading = match of_onetrust {
        true => onetrust::read(&calls, status, &headers, body, now),
        false => read(&calls, status, &headers, body, now),
    };
    let said = format!("{reading:?}");

    let is_good = (200..300).contains(&status);
    match reading {
        Reading::Accepted => assert!(is_good, "accepted by a {status}"),
        Reading::Items(items) => {
            assert_eq!(items.len(), calls.len(), "a verdict for each call");
            let has_refusal = items.iter().any(|item| matches!(item, Item::Refused(_)));
            for item in &items {
                match item {
                    Item::Written | Item::Accepted { .. } => assert!(is_good, "accepted by a {status}"),
                    Item::Again => assert!(has_refusal, "sent again without anybody to blame"),
                    Item::AskAlone => assert!(calls.len() > 1, "a call that stood alone is asked alone"),
                    Item::Refused(refusal) => {
                        assert!(refusal.message.len() < 1000);
                        assert_eq!(&Refusal::kept(refusal.code, refusal.message.to_string()), refusal);
                    }
                }
            }
        }
        Reading::Split => assert!(calls.len() > 1, "a single call cannot be split"),
        Reading::Retry { .. } => assert!(!is_good, "done and to be done again"),
        Reading::Declined { .. } => {
            assert!(!is_good, "done and to be done again");
            assert!(calls.iter().all(|call| call.repeatable()), "repeated although it must not be");
        }
        Reading::Unreadable(_) => {
            assert!(is_good, "taken by a {status}");
            assert!(calls.iter().all(|call| call.repeatable()), "repeated although it must not be");
        }
        Reading::Stop(_) | Reading::Unknown => {}
    }
    // Every string of ours that is about a person ends like this, and an answer may repeat it.
    assert!(!said.contains("-person"), "what may be logged says who it is about");
}

/// One call of a kind, about a person of its own.
fn call(kind: u8, number: u8) -> Call {
    let id = format!("{number}-person");
    let mail = format!("{number}@example.com-person");
    let alias = json!({"alias_name": id, "alias_label": "label"});
    let time = "2026-01-01T00:00:00Z";
    let (group, state) = ("00000000-0000-0000-0000-000000000001", "unsubscribed");
    if kind >= OF_ONETRUST {
        let (action, with) = match kind % 4 {
            0 => ("subtask.get", json!({"subtask_id": id})),
            1 => ("subtask.complete", json!({"subtask_id": id, "comment": "done"})),
            2 => ("request.comment", json!({"request_ref": id, "comment": "done"})),
            _ => ("request.results", json!({"request_ref": id, "system": "Braze"})),
        };
        return made("onetrust", action, &with);
    }
    let (action, with) = match kind % KINDS {
        0 => ("users.track", json!({"attributes": [{"external_id": id, "email_subscribe": "unsubscribed"}]})),
        1 => ("users.track", json!({"events": [{"external_id": id, "name": "n", "time": time}]})),
        2 => {
            let attributes = [json!({"external_id": id, "a": 1}), json!({"user_alias": alias, "a": 1})];
            (
                "users.track",
                json!({"attributes": attributes, "events": [{"external_id": id, "name": "n", "time": time}]}),
            )
        }
        3 => ("users.delete", json!({"external_ids": [id]})),
        4 => (
            "users.delete",
            json!({"email_addresses": [{"email": mail, "prioritization": ["unidentified"]}]}),
        ),
        5 => (
            "subscription.status.set",
            json!({"subscription_group_id": group, "subscription_state": state, "external_id": [id]}),
        ),
        6 => {
            let one =
                json!({"subscription_group_id": group, "subscription_state": state, "external_ids": [id]});
            ("v2.subscription.status.set", json!({"subscription_groups": [one]}))
        }
        7 => ("users.export.ids", json!({"external_ids": [id], "fields_to_export": ["external_id"]})),
        8 => ("users.export.ids", json!({"user_aliases": [alias], "fields_to_export": ["user_aliases"]})),
        9 => ("email.status", json!({"email": mail, "subscription_state": state})),
        10 => ("subscription.status.get", json!({"subscription_group_id": group, "external_id": id})),
        _ => ("subscription.user.status", json!({"external_id": id})),
    };
    made("braze", action, &with)
}

fn made(system: &str, action: &str, with: &Value) -> Call {
    let action = find(&format!("{system}/{action}")).expect("an action of the catalogue");
    Call::new(action, with).expect("a call as the documentation shows it")
}
